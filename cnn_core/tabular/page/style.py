"""The page's style: light and dark, for a telephone, a screen and paper."""

CSS = """
:root{color-scheme:light dark;--p:#fff;--i:#1b2026;--m:#56606b;--l:#d5dae0;--c:#f4f6f8;
--a:#1f5fa8;--b:#b8501c;--s:31,95,168}
@media (prefers-color-scheme:dark){:root{--p:#14181d;--i:#e8ebee;--m:#a3adb8;--l:#3a434d;
--c:#1d232a;--a:#7db4f0;--b:#f0a070;--s:125,180,240}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:62rem;padding:1rem;background:var(--p);color:var(--i);
font:1rem/1.5 system-ui,sans-serif;overflow-wrap:break-word}
h1,dd,tbody th{overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.2;margin:.5rem 0}
h2{font-size:1.2rem;margin:2.2rem 0 .6rem;border-bottom:1px solid var(--l)}
p,ul{margin:.5rem 0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.6rem;
margin:1rem 0}
.tiles div,figure,.wide{background:var(--c);border-radius:.5rem;padding:.7rem}
.tiles dt,figcaption,caption{color:var(--m);font-size:.875rem}
.tiles dd{margin:0;font-size:1.35rem;font-variant-numeric:tabular-nums}
.facts{display:grid;grid-template-columns:minmax(6.5rem,auto) 1fr;gap:.2rem 1rem;margin:.5rem 0}
.facts dt{color:var(--m)}
.facts dd{margin:0}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(20rem,100%),1fr));gap:.8rem}
figure{margin:0}
svg{display:block;width:100%;max-width:32rem;height:auto;margin:auto}
svg text{font:11px system-ui,sans-serif;fill:var(--m)}
path{fill:none;stroke-width:1.8;stroke-linejoin:round}
.grid{stroke:var(--l);stroke-width:1}
.a{stroke:var(--a)}
.b{stroke:var(--b);stroke-dasharray:5 3}
.mark{stroke:var(--m);stroke-width:1;stroke-dasharray:2 3}
.dots{stroke:var(--a);stroke-width:4;stroke-linecap:round;stroke-opacity:.55}
.dot{fill:var(--a);fill-opacity:.75}
.bar{fill:var(--a);stroke:var(--c);stroke-width:1}
.s1{fill:rgba(var(--s),.15)}.s2{fill:rgba(var(--s),.3)}.s3{fill:rgba(var(--s),.45)}
.s4{fill:rgba(var(--s),.6)}.s5{fill:rgba(var(--s),.8)}.s6{fill:rgb(var(--s))}
.key{white-space:nowrap;margin-right:.8rem}
.key svg{display:inline-block;width:1.6rem;margin-right:.3rem;vertical-align:middle}
.wide{overflow-x:auto;margin:.8rem 0}
table{border-collapse:collapse;width:100%;font-size:.875rem}
caption{text-align:left;padding-bottom:.4rem}
th,td{text-align:left;vertical-align:top;padding:.25rem .5rem;border-top:1px solid var(--l)}
thead th{border:0;color:var(--m)}
tbody th{font-weight:600;min-width:6rem}
.made td:nth-last-child(-n+2){min-width:6rem}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.rule{display:block;height:.8rem;min-width:1px;background:var(--a);border-radius:2px;
print-color-adjust:exact;-webkit-print-color-adjust:exact}
.rules td:last-child{width:40%;min-width:4rem;vertical-align:middle}
@media print{:root{color-scheme:light;--p:#fff;--i:#000;--m:#444;--l:#bbb;--c:#fff;--a:#1f5fa8;
--b:#b8501c;--s:31,95,168}body{max-width:none;font-size:10pt;padding:0}.wide{overflow:visible}
figure,tr{break-inside:avoid}svg{max-width:22rem}h2{break-after:avoid}}
"""
