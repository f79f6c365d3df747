"""Rows of an array: looked through, converted as the C core gathers them, in random order."""
cimport numpy as cnp
import numpy as np

from cpython.exc cimport PyErr_CheckSignals
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport UINT32_MAX, int32_t, int64_t, uint64_t, uintptr_t

from cnn_core._ext cimport capi

# Elements: to look through fewer takes less than giving up the GIL costs; and those of a few ms.
cdef int64_t SMALL = 100_000, BLOCK = 1 << 24


def first_beyond(cnp.ndarray array, double limit):
    """Return the number of the first element for which ``|x| <= limit`` does not hold, or -1.

    NaN is beyond every limit, and no integer is beyond any.  -2 where the array cannot be read as
    it is: floating-point numbers of another type or byte order, not C-contiguous or not aligned.
    """
    cdef int type = cnp.PyArray_TYPE(array)
    cdef int64_t n = cnp.PyArray_SIZE(array), size = cnp.PyArray_ITEMSIZE(array)
    cdef int64_t at = 0, found = -1, count
    cdef const char *data = <const char *> cnp.PyArray_DATA(array)
    cdef int dtype = capi.CNN_F32 if type == cnp.NPY_FLOAT else capi.CNN_F64
    if not cnp.PyArray_ISFLOAT(array):
        return -1
    if (type != cnp.NPY_FLOAT and type != cnp.NPY_DOUBLE) or not cnp.PyArray_ISCARRAY_RO(array):
        return -2
    if n <= SMALL:
        return api().first_outside(dtype, n, data, -limit, limit)
    while at < n and found < 0:
        count = min(n - at, BLOCK)
        with nogil:
            found = api().first_outside(dtype, count, data + at * size, -limit, limit)
        if found >= 0:
            return at + found
        at += count
        PyErr_CheckSignals()        # Ctrl-C
    return -1


def convert_rows(rows, target, double scale, double shift):
    """Write ``rows * scale + shift`` into ``target``, both C-contiguous and of one shape."""
    cdef capi.cnn_tensor tensor
    cdef capi.cnn_source source
    tensor.data, tensor.dtype = <void *> <uintptr_t> target.ctypes.data, DTYPES[str(target.dtype)]
    tensor.size = target.size // len(target)
    source.data, source.dtype = <void *> <uintptr_t> rows.ctypes.data, DTYPES[str(rows.dtype)]
    source.scale, source.shift, source.target = scale, shift, &tensor
    api().gather(&source, NULL, 0, len(rows))


def row_bytes(int64_t n_in, int64_t n_entry, str dtype):
    """Return the bytes of working memory for the gradient of a weight (n_in, O) that comes of
    batches of at most ``n_entry`` entries."""
    return api().row_bytes(n_in, n_entry, DTYPES[dtype])


def first_misplaced(cnp.ndarray start, cnp.ndarray column, int64_t n_columns):
    """Return the number of the first entry whose column is not within [0, n_columns), as
    ``-2 - number``; else of the first that does not lie behind the one before it in its row; -1:
    none.  ``start`` are N + 1 int64, ``column`` int32, both contiguous."""
    cdef const int64_t *begin = <const int64_t *> cnp.PyArray_DATA(start)
    cdef const int32_t *c = <const int32_t *> cnp.PyArray_DATA(column)
    cdef int64_t r, p, n_row = cnp.PyArray_SIZE(start) - 1, wrong = -1, outside = -1
    with nogil:
        for r in range(n_row):
            for p in range(begin[r], begin[r + 1]):
                if c[p] < 0 or c[p] >= n_columns:
                    outside = p
                    break
                if wrong < 0 and p > begin[r] and c[p] <= c[p - 1]:
                    wrong = p
            if outside >= 0:
                break
    return -2 - outside if outside >= 0 else wrong


def shuffled(int64_t n, uint64_t seed, uint64_t epoch):
    """Return the numbers below ``n`` in an order that depends on ``seed`` and ``epoch`` alone."""
    index = np.empty(n, np.int64)
    cdef int64_t *start = <int64_t *> <uintptr_t> index.ctypes.data
    with nogil:
        api().shuffle(seed, epoch, n, start)
    return index


def shuffle_like_numpy(rng, cnp.ndarray index):
    """Do what ``rng.shuffle(index)`` does, of a RandomState and of contiguous int64, in less than
    half the time: what is drawn in vain costs no wrong guess of the processor."""
    generator = rng._bit_generator
    cdef capi.bitgen_t *bits = <capi.bitgen_t *> PyCapsule_GetPointer(generator.capsule,
                                                                      "BitGenerator")
    cdef int64_t *a = <int64_t *> cnp.PyArray_DATA(index)
    cdef int64_t i = cnp.PyArray_SIZE(index) - 1, mask = 1, above, taken, moved
    if i > UINT32_MAX:
        raise OverflowError("shuffle: need at most 2^32 numbers")
    while mask < i:
        mask = 2 * mask + 1
    with generator.lock, nogil:
        while i > 0:
            while i > mask >> 1:
                above = (bits.next_uint32(bits.state) & mask) - i
                taken = (above - 1) >> 63       # all bits where it is not above, else none
                above &= taken
                moved = a[i]
                a[i] = a[i + above]
                a[i + above] = moved
                i += taken
            mask >>= 1
