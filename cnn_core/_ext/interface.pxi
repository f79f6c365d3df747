"""The C core itself: the instruction set chosen at import, BLAS, and errors."""
import ctypes
import os
import sys
from importlib.util import find_spec

from libc.stdint cimport int64_t, uintptr_t
from libc.string cimport memset

from cnn_core._ext cimport capi

from cnn_core.errors import (
    CnnCoreError, DataError, LabelError, LibraryError, OptionError, ShapeError,
)

cdef const capi.cnn_api *_api = NULL
cdef bint _blas_loaded = False

GEMM_MODES = ("auto", "own", "blas")


cdef const capi.cnn_api *api() noexcept nogil:
    return _api


def simd_names():
    """Return the instruction sets that this build has and this CPU supports, best last."""
    cdef int i = 0
    names = []
    while capi.cnn_simd_name(i) != NULL:
        if capi.cnn_get_api(capi.cnn_simd_name(i)) != NULL:
            names.append(capi.cnn_simd_name(i).decode())
        i += 1
    return names


def simd():
    """Return the name of the instruction set in use."""
    return _api.simd.decode()


def operation_names(*, bint products=False):
    """Return the names of all operations that have a C kernel, or of those that make products."""
    cdef const capi.cnn_op *op = _api.op(0)
    cdef int i = 0
    names = []
    while op != NULL:
        if op.products or not products:
            names.append(op.name.decode())
        i += 1
        op = _api.op(i)
    return names


def _choice(variable, known, default):
    value = os.environ.get(variable, "") or default
    if value not in known:
        raise OptionError(f"{variable}: need one of {', '.join(known)}; got {value!r}")
    return value


def _choose_simd():
    global _api
    names = simd_names()
    _api = capi.cnn_get_api(_choice("CNN_CORE_SIMD", names, names[len(names) - 1]).encode())


_choose_simd()
PRODUCTS = frozenset(operation_names(products=True))
"""The operations whose kernels call for matrix products, which BLAS may serve."""
_GEMM_MODE = GEMM_MODES.index(_choice("CNN_CORE_GEMM", GEMM_MODES, "auto"))


def _choose_products():
    cdef capi.cnn_blas none
    memset(&none, 0, sizeof(none))
    capi.cnn_set_blas(&none, _GEMM_MODE)


_choose_products()


def gemm_mode():
    """Return which implementation serves matrix products: auto, own or blas."""
    return GEMM_MODES[_GEMM_MODE]


def blas_path():
    """Return the path of the BLAS library, that of the package scipy-openblas32."""
    spec = find_spec("scipy_openblas32")
    if spec is None:
        raise LibraryError("cnn_core: need the package scipy-openblas32; got none (pip install "
                           "scipy-openblas32; CNN_CORE_GEMM=own does without)")
    # The package is not imported: that would start a pool of BLAS threads.
    folder = os.path.join(spec.submodule_search_locations[0], "lib")
    suffix = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
    names = [n for n in os.listdir(folder)
             if n.removeprefix("lib").startswith("scipy_openblas") and suffix in n]
    if not names:
        raise LibraryError(f"cnn_core: need scipy_openblas*{suffix} in {folder}; got none")
    return os.path.join(folder, sorted(names)[0])


def blas_loaded():
    """Return whether the BLAS library has been needed so far."""
    return _blas_loaded


def _address(function):
    return ctypes.cast(function, ctypes.c_void_p).value


def _is_in_process(path):
    """Tell whether somebody else has loaded the library at ``path``."""
    if sys.platform == "win32":
        handle = ctypes.windll.kernel32.GetModuleHandleW
        handle.restype = ctypes.c_void_p
        return handle(ctypes.c_wchar_p(path)) is not None
    try:
        ctypes.CDLL(path, mode=os.RTLD_NOLOAD)
    except OSError:
        return False
    return True


def _load_alone(path):
    """Load the library at ``path`` without a pool of threads: parallel work has its own."""
    before = os.environ.get("OPENBLAS_NUM_THREADS")
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    try:
        library = ctypes.CDLL(path)
    finally:
        if before is None:
            del os.environ["OPENBLAS_NUM_THREADS"]
        else:
            os.environ["OPENBLAS_NUM_THREADS"] = before
    library.scipy_openblas_set_num_threads(1)
    return library


cdef int need_blas() except -1:
    """Load BLAS before the first product, where it may be called for one.

    Who has loaded the library before, and may use it too, decides on its threads.
    """
    global _blas_loaded
    cdef capi.cnn_blas table
    if _blas_loaded or not capi.cnn_needs_blas(_GEMM_MODE):
        return 0
    path = blas_path()
    try:
        library = ctypes.CDLL(path) if _is_in_process(path) else _load_alone(path)
    except OSError as error:
        raise LibraryError(f"cnn_core: need to load {path} for matrix products; got {error} "
                           "(CNN_CORE_GEMM=own does without)") from error
    table.gemm_f32 = <void *> <uintptr_t> _address(library.scipy_cblas_sgemm)
    table.gemm_f64 = <void *> <uintptr_t> _address(library.scipy_cblas_dgemm)
    capi.cnn_set_blas(&table, _GEMM_MODE)
    _blas_loaded = True
    return 0


cdef int raise_for(capi.cnn_status status, str who, const capi.cnn_fault *fault,
                   int64_t n_class) except -1:
    """Raise the exception that a C status stands for; ``who`` is the node's name."""
    if status == capi.CNN_OK:
        return 0
    if status == capi.CNN_ERR_LABEL_RANGE:
        raise LabelError(f"{who}: need labels from 0 to {n_class - 1}; got {int(fault.value)} "
                         f"at row {fault.index} of the batch")
    if status == capi.CNN_ERR_INDEX_RANGE:
        raise LabelError(f"{who}: need indices from {-n_class} to {n_class - 1}; got "
                         f"{int(fault.value)} at position {fault.index}")
    if status == capi.CNN_ERR_ENTRY_RANGE:
        raise LabelError(f"{who}: need numbers from 0 to {n_class - 1}; got {int(fault.value)} "
                         f"in row {fault.index} of the batch")
    if status == capi.CNN_ERR_NOT_FINITE:
        raise DataError(f"{who}: need finite values; made {fault.value} at element {fault.index}, "
                        f"the first node to do so")
    if status == capi.CNN_ERR_FEW_ROWS:
        raise DataError(f"{who}: need at least 2 rows in each batch, for its mean and variance; "
                        f"got {fault.index} (another batch_size, or drop the last batch)")
    if status == capi.CNN_ERR_TOO_LARGE:
        raise ShapeError(f"{who}: need matrix dimensions below 2**31; got a larger one")
    raise CnnCoreError(f"{who}: the C core returned status {<int> status}")
