"""Reports of compare.py: tables for the terminal and for Markdown, from the same results."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

from timing import Turn, ratio

OWN = "cnn_core"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def turns(entry: dict[str, Any]) -> list[Turn]:
    return [Turn(*t) for t in entry["turns"]]


def microseconds(value: float) -> str:
    """Return three digits that count: 0.0642, 1.52, 12.3, 481000."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def task_lines(entries: list[dict[str, Any]]) -> list[str]:
    """Return the table of one task: each peer's time, cores and ratio to this package."""
    own = next((e for e in entries if e["peer"] == OWN), None)
    lines = [f"  {'':<20}{'median us':>12}{'best us':>12}{'cores':>7}{'ratio':>8}{'of best':>9}"]
    for e in sorted(entries, key=lambda e: median(t.median for t in turns(e))):
        t = turns(e)
        middle, best = median(x.median for x in t), min(x.best for x in t)
        times = f"{microseconds(middle):>12}{microseconds(best):>12}"
        relative = f"{ratio(t, turns(own)):8.2f}{ratio(t, turns(own), 'best'):9.2f}" if own else ""
        lines.append(f"  {e['peer']:<20}{times}{median(x.cores for x in t):7.2f}{relative}")
    return lines


def wide_table(
    entries: list[dict[str, Any]], row_keys: list[str], *, by: str, markdown: bool
) -> list[str]:
    """Return one row per task: this package's time in us, and how many times longer others took."""
    peers = list(dict.fromkeys(e["peer"] for e in entries))
    peers.sort(key=lambda p: p != OWN)
    tasks: dict[tuple, dict[str, dict]] = {}
    for e in entries:
        tasks.setdefault(tuple(e[k] for k in row_keys), {})[e["peer"]] = e
    rows = [[*row_keys, *(f"{p}, us" if p == OWN else p for p in peers)]]
    for key, found in tasks.items():
        rows.append([*map(str, key), *(_cell(found, p, by) for p in peers)])
    return markdown_table(rows) if markdown else plain_table(rows)


def _cell(found: dict[str, dict], peer: str, by: str) -> str:
    if peer not in found:
        return "-"
    t = turns(found[peer])
    if peer == OWN or OWN not in found:
        best = by == "best"
        return microseconds(min(x.best for x in t) if best else median(x.median for x in t))
    return f"{ratio(t, turns(found[OWN]), by):.2f}"


def markdown_table(rows: list[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return [lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]


def plain_table(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(f"{c:>{w}}" for c, w in zip(row, widths, strict=True)) for row in rows]


def sections(results: dict[str, Any], *, by: str, markdown: bool) -> list[str]:
    """Return all tables with their headings, the settings and what was left out."""
    lines: list[str] = []
    for kind, keys, title in (
        ("train", ["net", "optimizer"], "One training step"),
        ("predict", ["net", "rows"], "One call of predict"),
    ):
        for threads in sorted({e["threads"] for e in results[kind]}):
            chosen = [e for e in results[kind] if e["threads"] == threads]
            heading = f"{title}, {threads} thread{'s' * (threads > 1)}"
            lines += [f"### {heading}" if markdown else heading, ""]
            lines += [*wide_table(chosen, keys, by=by, markdown=markdown), ""]
    lines += _notes(results, by=by, markdown=markdown)
    return lines


def _notes(results: dict[str, Any], *, by: str, markdown: bool) -> list[str]:
    machine, settings = results["machine"], results["settings"]
    lines = [
        f"Measured {results['date']} on {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['system']}, Python {machine['python']}; {settings['rounds']} rounds of "
        f"{settings['budget']} s, {by} times; load before the start {machine['load']:.1f}; "
        f"{disturbed(results):.0%} of this package's turns on one thread had less than 95 % of a "
        f"core. Versions: {', '.join(dict.fromkeys(results['versions'].values()))}.",
        "",
    ]
    if results["left_out"]:
        lines.append("Left out:")
        lines += [f"{'- ' if markdown else '  '}{line}" for line in results["left_out"]]
    return lines


def disturbed(results: dict[str, Any]) -> float:
    """Return the share of this package's turns on one thread in which other work took the core."""
    entries = [*results["train"], *results["predict"]]
    chosen = [e for e in entries if e["peer"] == OWN and e["threads"] == 1]
    cores = [t.cores for e in chosen for t in turns(e)]
    return sum(c < 0.95 for c in cores) / max(1, len(cores))


def write_markdown(path: Path, results: dict[str, Any], by: str) -> None:
    """Replace what stands between the two marks in ``path``; a new file gets both."""
    text = path.read_text() if path.exists() else f"{BEGIN}\n{END}\n"
    if BEGIN not in text or END not in text:
        raise SystemExit(f"{path}: need the lines {BEGIN} and {END}")
    head, rest = text.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    body = "\n".join(sections(results, by=by, markdown=True)).rstrip()
    path.write_text(f"{head}{BEGIN}\n{body}\n{END}{tail}")
