"""Stepper: the short way from a minibatch to one optimizer step."""
cimport cython
cimport numpy as cnp
from libc.float cimport DBL_MAX
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memset

from cnn_core._ext cimport capi
from cnn_core._ext.core cimport api
from cnn_core._ext.optim cimport Learner
from cnn_core._ext.binding cimport Binding

cnp.import_array()


cdef bint _within(cnp.ndarray a, double reach) noexcept:
    """Tell whether all elements, float32 or float64, are finite and at most ``reach``."""
    cdef int dtype = capi.CNN_F32 if cnp.PyArray_TYPE(a) == cnp.NPY_FLOAT else capi.CNN_F64
    return api().first_beyond(dtype, cnp.PyArray_SIZE(a), cnp.PyArray_DATA(a), reach) < 0


@cython.final
cdef class Stepper:
    """One training program with all that a step needs, for arrays that need no conversion.

    ``labels`` says that targets are class labels, int32 or int64 of shape (B,); otherwise they
    are finite numbers of the network's dtype, of shape (B, ``target_size``).  Features are finite,
    and at most ``reach``, so that they stay so when they are scaled.  ``total`` numbers the tensor
    of the loss's two sums, -1 where it has none.
    """

    cdef Binding _binding
    cdef int32_t _x, _y, _loss
    cdef int32_t _total
    cdef int _type
    cdef int64_t _row, _target_size, _max_rows
    cdef double _scale, _shift, _reach
    cdef bint _labels

    def __init__(self, Binding binding, int32_t x, int32_t y, int32_t loss, int32_t total, dtype,
                 int64_t row, int64_t target_size, int64_t max_rows, bint labels, double scale,
                 double shift, double reach):
        self._binding, self._x, self._y, self._loss, self._total = binding, x, y, loss, total
        self._type, self._row, self._target_size = cnp.dtype(dtype).num, row, target_size
        self._max_rows, self._labels, self._scale, self._shift = max_rows, labels, scale, shift
        self._reach = reach

    def step(self, x, y, Learner learner, tuple lr, uint64_t seed, int32_t n_thread):
        """Make one step and return its loss; None if the arrays need the long way.

        ``lr`` holds the rate of each group.
        The long way also finds the words for what is wrong with them, and knows whether features
        may be NaN.
        """
        cdef cnp.ndarray a, b
        cdef capi.cnn_chunk chunk
        cdef capi.cnn_fault fault
        cdef capi.cnn_source source[2]
        cdef capi.cnn_status status
        cdef const double *rates
        cdef int64_t n
        if not (cnp.PyArray_CheckExact(x) and cnp.PyArray_CheckExact(y)):
            return None
        a, b = <cnp.ndarray> x, <cnp.ndarray> y
        if (cnp.PyArray_NDIM(a) != 2 or cnp.PyArray_TYPE(a) != self._type
                or cnp.PyArray_DIM(a, 1) != self._row or not cnp.PyArray_ISCARRAY_RO(a)):
            return None
        n = cnp.PyArray_DIM(a, 0)
        if (n == 0 or n > self._max_rows or not self._fits(b, n)
                or not _within(a, self._reach)):
            return None
        rates = learner.rates(lr)
        memset(&chunk, 0, sizeof(chunk))
        memset(&source, 0, sizeof(source))
        self._source(&source[0], self._x, a, self._scale, self._shift)
        self._source(&source[1], self._y, b, 1, 0)
        self._binding.begin(&chunk.run, self._binding.plan.n_step, n_thread)
        chunk.run.seed, chunk.run.counter = seed, learner.step
        chunk.source, chunk.n_source = source, 2
        chunk.n_total, chunk.batch = n, n
        chunk.learner, chunk.lr = &learner.c, rates
        chunk.loss = &self._binding.tensor[self._loss]
        if self._total >= 0:
            chunk.total = <const double *> self._binding.tensor[self._total].data
        with nogil:
            status = api().train(&chunk, &fault)
        learner.step += chunk.done
        self._binding.end()
        if status == capi.CNN_ERR_CALLBACK:     # what the gate raised, not a second call of it
            self._binding.raise_fault(status, &fault)
        return chunk.last_loss if status == capi.CNN_OK else None

    cdef bint _fits(self, cnp.ndarray y, int64_t n) noexcept:
        cdef int kind = cnp.PyArray_TYPE(y)
        if (not cnp.PyArray_ISCARRAY_RO(y) or cnp.PyArray_NDIM(y) == 0
                or cnp.PyArray_DIM(y, 0) != n):
            return False
        if self._labels:
            return cnp.PyArray_NDIM(y) == 1 and (kind == cnp.NPY_INT32 or kind == cnp.NPY_INT64)
        return (cnp.PyArray_NDIM(y) == 2 and cnp.PyArray_DIM(y, 1) == self._target_size
                and kind == self._type and _within(y, DBL_MAX))

    cdef void _source(self, capi.cnn_source *s, int32_t tensor, cnp.ndarray array, double scale,
                      double shift) noexcept:
        cdef int kind = cnp.PyArray_TYPE(array)
        s.target, s.data = &self._binding.tensor[tensor], cnp.PyArray_DATA(array)
        s.scale, s.shift = scale, shift
        s.dtype = (capi.CNN_F32 if kind == cnp.NPY_FLOAT else capi.CNN_F64 if kind == cnp.NPY_DOUBLE
                   else capi.CNN_I32 if kind == cnp.NPY_INT32 else capi.CNN_I64)
