"""PyInstaller's hook: modules that it does not find, the BLAS library, and what versions say."""

from PyInstaller.utils.hooks import collect_data_files, collect_dynamic_libs, copy_metadata

from cnn_core._pyinstaller import hidden_imports

hiddenimports = [*hidden_imports(), "scipy_openblas32"]
binaries = collect_dynamic_libs("scipy_openblas32")
datas = [
    *collect_data_files("cnn_core", includes=["viz/page/assets/*"]), *copy_metadata("cnn-core"),
    *copy_metadata("scipy-openblas32"),
]  # fmt: skip
