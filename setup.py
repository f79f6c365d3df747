"""Build: the C core once per instruction set, the Cython module over it, the stub of operations.

The folders are the registry: every file in src_c/ops and src_c/optim is found here, and the
lists that C needs are written to the build folder; cnn_core/ops/__init__.pyi, for type checkers, is
made of the files in cnn_core/ops.  pyproject.toml holds the metadata.

Environment: CNN_CORE_SANITIZE=address,undefined builds for the sanitizers.
"""

import ast
import os
import platform
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
SANITIZE = os.environ.get("CNN_CORE_SANITIZE")
MSVC = sys.platform == "win32" and "GCC" not in sys.version
# What is built for, which need not be what builds.  Python on a Mac may be of two architectures,
# whose instruction sets differ; ARCHFLAGS says which one, else it is that of this machine.
TARGET = sysconfig.get_platform()
if sys.platform == "darwin":
    _, *ARCH = os.environ.setdefault("ARCHFLAGS", f"-arch {platform.machine()}").split("-arch")
    if len(ARCH) != 1:
        sys.exit(f"setup.py: need one architecture in ARCHFLAGS; got {os.environ['ARCHFLAGS']!r}")
    TARGET = f"{TARGET.rpartition('-')[0]}-{ARCH[0].strip()}"
    os.environ["_PYTHON_HOST_PLATFORM"] = TARGET  # and the name of the wheel says so
X86 = TARGET.endswith(("x86_64", "amd64")) and sys.maxsize > 2**32

# One object file per source and instruction set.  No flag here changes the meaning of
# floating-point code elsewhere in the process, and none depends on the building machine.
ISA_FLAGS = {"baseline": []}
if X86 and MSVC:
    ISA_FLAGS |= {"avx2": ["/arch:AVX2"], "avx512": ["/arch:AVX512"]}
elif X86 and sys.platform != "win32":  # GCC does not align the stack of Windows for them
    ISA_FLAGS["avx2"] = ["-mavx2", "-mfma"]
    ISA_FLAGS["avx512"] = [*ISA_FLAGS["avx2"], "-mavx512f", "-mavx512dq", "-mavx512bw",
                           "-mavx512vl", "-mprefer-vector-width=512"]  # fmt: skip
SMALL: dict[str, list[str]] = {}
HOT: set[str] = set()  # files and folders; where there are some, the rest of the baseline is small
if MSVC:
    # Without atomics, which older compilers do not have, everything runs on one thread.
    C_FLAGS = ["/O2", "/std:c11", "/experimental:c11atomics", "/W3"]
    CYTHON_FLAGS, LINK_FLAGS = ["/O2"], []
else:  # nothing unwinds through C: without tables for that the wheel is 5 % smaller
    # What Python's own flags say as a rule, also where CFLAGS of the environment replace those.
    ALWAYS = ["-DNDEBUG", "-fwrapv"]
    C_FLAGS = [*ALWAYS, "-std=c11", "-O3", "-g0", "-ffp-contract=off", "-fno-math-errno",
               "-fno-trapping-math", "-fno-asynchronous-unwind-tables", "-fvisibility=hidden",
               "-Wall", "-Wextra"]  # fmt: skip
    CYTHON_FLAGS = [*ALWAYS, "-Os", "-g0", "-ffp-contract=off", "-fno-asynchronous-unwind-tables",
                    "-fvisibility=hidden"]  # fmt: skip
    LINK_FLAGS = []
    if sys.platform.startswith("linux") and "clang" not in os.environ.get("CC", ""):
        # GCC unrolls loops over 16 lanes before it looks for vectors, and then finds none.
        C_FLAGS.append("--param=max-completely-peel-times=8")
        # Copies of functions and of loops, for constants and strides that seldom come.
        C_FLAGS += ["-fno-ipa-cp-clone", "-fno-version-loops-for-strides",
                    "-fno-predictive-commoning", "-fno-loop-unroll-and-jam"]
        if X86:  # the baseline serves CPUs of before 2013: small matters more than -O3's copies
            ISA_FLAGS["baseline"] = ["-O2", "-ftree-vectorize", "-fvect-cost-model=very-cheap"]
            # Products, updates and what most networks consist of.
            HOT = {"core", "gemm", "optim", "dense", "relu", "row_loss", "row_mean"}
        # Files of many loops, whose ends -O3 unrolls into twice the code, without gain in time.
        SMALL = {name: ["-O2", "-ftree-vectorize", "-fvect-cost-model=dynamic"] for name in (
            "abs", "add", "batch_norm", "clip", "cosine_similarity", "div", "elu", "equal",
            "erase_add", "greater", "greater_equal", "layer_norm", "leaky_relu", "less",
            "less_equal", "log1p", "log_softmax", "logsumexp", "maximum", "minimum", "mish",
            "neg", "norm", "not_equal", "poisson", "reciprocal", "relu",
            "rms_norm", "selu", "silu", "softplus", "sqrt", "square", "sub", "times", "waves",
            "where")}  # fmt: skip
        # Loops of 2 and 3 classes, or of so many lanes, which are to be no loops.
        SMALL |= {name: ["-O2", "-ftree-vectorize", "-fvect-cost-model=dynamic", "-fpeel-loops"]
                  for name in ("hinge", "huber", "mae", "mse", "pinball", "row_mean", "row_norm",
                               "softmax_cross_entropy")}  # fmt: skip
    if SANITIZE:
        extra = ["-g", "-O1", "-fno-omit-frame-pointer", f"-fsanitize={SANITIZE}", "-DCNN_DEBUG"]
        C_FLAGS, CYTHON_FLAGS = [*C_FLAGS, *extra], [*CYTHON_FLAGS, *extra]
        LINK_FLAGS = [f"-fsanitize={SANITIZE}"]
    elif sys.platform != "darwin":
        LINK_FLAGS = ["-Wl,--strip-all"]


def write_if_changed(path: Path, text: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def write_index(path: Path, names: list[str]) -> None:
    write_if_changed(path, "".join(f"X({name})\n" for name in names))


def write_stub() -> None:
    """Write the signatures of all operations, which the package itself reads when they are used."""
    imports, functions = set(), []
    for path in sorted((ROOT / "cnn_core" / "ops").glob("[!_]*.py")):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        (made,) = (n for n in body if isinstance(n, ast.FunctionDef) and n.name == path.stem)
        names = {n.id for n in ast.walk(ast.Tuple([made.args, made.returns]))
                 if isinstance(n, ast.Name)}  # fmt: skip
        for line in body:
            if isinstance(line, (ast.Import, ast.ImportFrom)):
                line.names = [a for a in line.names if (a.asname or a.name) in names]
                imports |= {ast.unparse(line)} if line.names else set()
        made.body = [ast.Expr(ast.Constant(...))]
        functions.append(ast.unparse(made))
    head = ["# Made by setup.py of the files in this folder: change those.", *sorted(imports)]
    text = "\n".join([*head, "", "__all__: list[str]", "", *functions])
    write_if_changed(ROOT / "cnn_core" / "ops" / "__init__.pyi", f"{text}\n")


class BuildPy(build_py):
    """Has the stub written before it collects the files of the package."""

    def run(self) -> None:
        write_stub()
        super().run()


class BuildExt(build_ext):
    """Compiles the C core into objects first, in parallel, and links them into the module."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.cython_directives, self.cython_c_in_temp = DIRECTIVES, True

    def build_extensions(self) -> None:
        write_stub()
        (module,) = self.extensions
        module.extra_objects = self.compile_core()
        module.depends = [*module.depends, *module.extra_objects]
        super().build_extensions()

    def compile_core(self) -> list[str]:
        temp = Path(self.build_temp) / (f"core-{SANITIZE}" if SANITIZE else "core")
        temp.mkdir(parents=True, exist_ok=True)
        write_index(temp / "cnn_isa_index.inc", list(ISA_FLAGS))
        for folder, index in (("ops", "cnn_op_index.inc"), ("optim", "cnn_optim_index.inc")):
            names = sorted(p.stem for p in (ROOT / "src_c" / folder).glob("*.c"))
            write_index(temp / index, names)

        # What is chosen once per process is compiled once; all else once per instruction set.
        sources = sorted((ROOT / "src_c").glob("*/*.c"))
        once = [p for p in sources if p.name in ("dispatch.c", "pool.c")]
        jobs = [(p, "baseline") for p in once]
        jobs += [(p, isa) for isa in ISA_FLAGS for p in sources if p not in once]
        headers = [*ROOT.glob("src_c/*/*.h"), *temp.glob("*.inc"), Path(__file__)]
        newest = max(p.stat().st_mtime for p in headers)

        def compile_one(job: tuple[Path, str]) -> str:
            source, isa = job
            out = temp / isa
            name = source.relative_to(ROOT).with_suffix(self.compiler.obj_extension)
            target = out / name
            if target.exists() and target.stat().st_mtime > max(newest, source.stat().st_mtime):
                return str(target)
            hot = isa != "baseline" or not HOT or HOT & {source.stem, source.parent.name}
            rare = [] if hot else ["-Os"]
            (built,) = self.compiler.compile(
                [str(source.relative_to(ROOT))], output_dir=str(out),
                include_dirs=["src_c", "src_c/include", str(temp)],
                macros=[("CNN_ISA", isa), ("_POSIX_C_SOURCE", "200809L")],
                extra_preargs=[*C_FLAGS, *SMALL.get(source.stem, []), *ISA_FLAGS[isa], *rare],
            )  # fmt: skip
            return built

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(compile_one, jobs))


DIRECTIVES = {
    "language_level": 3, "boundscheck": False, "wraparound": False, "cdivision": True,
    "initializedcheck": False, "embedsignature": True,
}  # fmt: skip
EXT = Path("cnn_core", "_ext")
CORE = Extension(
    "cnn_core._ext.core",
    [str(EXT / "core.pyx")],
    include_dirs=["src_c", "src_c/include", numpy.get_include()],
    define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
    extra_compile_args=CYTHON_FLAGS,
    extra_link_args=LINK_FLAGS,
    depends=[str(p.relative_to(ROOT)) for folder, kind in (("src_c", "*/*.[ch]"), (EXT, "*.p*"))
             for p in (ROOT / folder).glob(kind)],
)  # fmt: skip

setup(ext_modules=[CORE], cmdclass={"build_ext": BuildExt, "build_py": BuildPy})
