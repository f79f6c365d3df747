"""Rows of an array: looked through, converted as the C core gathers them, in random order."""
cimport numpy as cnp
import numpy as np

from libc.stdint cimport int64_t, uint64_t, uintptr_t

from cnn_core._ext cimport capi
from cnn_core._ext.core cimport api

cnp.import_array()

cdef int64_t SMALL = 100_000     # elements: to look through fewer takes less than the GIL costs
cdef dict _DTYPES = {"float32": capi.CNN_F32, "float64": capi.CNN_F64, "uint8": capi.CNN_U8}


def first_beyond(cnp.ndarray array, double limit):
    """Return the number of the first element for which ``|x| <= limit`` does not hold, or -1.

    ``array`` is C-contiguous, aligned, float32 or float64.  NaN is beyond every limit.
    """
    cdef int dtype = capi.CNN_F32 if cnp.PyArray_TYPE(array) == cnp.NPY_FLOAT else capi.CNN_F64
    cdef int64_t n = cnp.PyArray_SIZE(array), found
    cdef const void *data = cnp.PyArray_DATA(array)
    if n < SMALL:
        return api().first_beyond(dtype, n, data, limit)
    with nogil:
        found = api().first_beyond(dtype, n, data, limit)
    return found


def convert_rows(rows, target, double scale, double shift):
    """Write ``rows * scale + shift`` into ``target``, both C-contiguous and of one shape."""
    cdef capi.cnn_tensor tensor
    cdef capi.cnn_source source
    tensor.data, tensor.dtype = <void *> <uintptr_t> target.ctypes.data, _DTYPES[str(target.dtype)]
    tensor.size = target.size // len(target)
    source.data, source.dtype = <void *> <uintptr_t> rows.ctypes.data, _DTYPES[str(rows.dtype)]
    source.scale, source.shift, source.target = scale, shift, &tensor
    api().gather(&source, NULL, 0, len(rows))


def shuffled(int64_t n, uint64_t seed, uint64_t epoch):
    """Return the numbers below ``n`` in an order that depends on ``seed`` and ``epoch`` alone."""
    index = np.empty(n, np.int64)
    cdef int64_t *start = <int64_t *> <uintptr_t> index.ctypes.data
    with nogil:
        api().shuffle(seed, epoch, n, start)
    return index
