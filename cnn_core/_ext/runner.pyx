"""Runner: the short way into a small graph; feed, run and read within one call."""
cimport cython
cimport numpy as cnp
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_Check
from cpython.long cimport PyLong_AsDouble, PyLong_CheckExact
from libc.float cimport DBL_MAX, FLT_MAX
from libc.math cimport fabs
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memcpy, memset

from cnn_core._ext cimport capi
from cnn_core._ext.core cimport api
from cnn_core._ext.lock cimport Lock
from cnn_core._ext.binding cimport Binding

cnp.import_array()

cdef int[5] _TYPES = [cnp.NPY_FLOAT, cnp.NPY_DOUBLE, cnp.NPY_INT32, cnp.NPY_UINT8, cnp.NPY_INT64]


@cython.final
cdef class Runner:
    """Runs the forward steps ``[0, n_forward)`` of a program, and the backward steps after them.

    ``inputs`` and ``gradients`` give each name the number of a tensor; a gradient of -1 is zero
    and comes as it stands in ``zeros``.  ``outputs`` are read after forward; ``seeds`` get 1
    before backward.  ``program``, whose binding it is, is told the number of rows.  All calls keep
    the GIL from beginning to end, so that nobody gets between feeding and reading; they leave the
    work to the long way (and return None) while somebody is inside ``guard``, who may have given
    up the GIL in between.
    """

    cdef object _program
    cdef Binding _binding
    cdef Lock _guard
    cdef dict _inputs, _gradients, _zeros
    cdef list _outputs, _seeds
    cdef int32_t _n_forward
    cdef uint64_t _seed

    def __init__(self, program, Binding binding, Lock guard, dict inputs, list outputs, list seeds,
                 dict gradients, dict zeros, int32_t n_forward, uint64_t seed):
        self._program = program
        self._binding, self._guard, self._inputs, self._outputs = binding, guard, inputs, outputs
        self._seeds, self._gradients, self._zeros = seeds, gradients, zeros
        self._n_forward, self._seed = n_forward, seed

    def feed(self, dict inputs):
        """Copy all inputs in and return the number of rows; 0, and nothing done, where they
        need the long way: a missing one, a conversion, or an error that must be put into words.
        For the thread inside the guard.
        """
        return self._feed(inputs)

    def read(self, int64_t n_row):
        """Return the outputs as they are."""
        return [self._read(<int> at, n_row) for at in self._outputs]

    def forward(self, dict inputs, int64_t counter):
        """Return the list of the outputs, or None where the long way is needed."""
        cdef int64_t n_row
        if self._guard._owner != 0:
            return None
        n_row = self._feed(inputs)
        if n_row == 0:
            return None
        self._program.n_rows = n_row
        self._run(0, self._n_forward, n_row, counter)
        return self.read(n_row)

    def backward(self, int64_t n_row, int64_t counter):
        """Return the gradients by name, or None where the long way is needed."""
        cdef const capi.cnn_tensor *t
        cdef int at
        cdef dict found
        if self._guard._owner != 0:
            return None
        for at in self._seeds:
            t = &self._binding.tensor[at]
            if t.dtype == capi.CNN_F32:
                (<float *> t.data)[0] = 1
            else:
                (<double *> t.data)[0] = 1
        self._run(self._n_forward, self._binding.plan.n_step, n_row, counter)
        found = {}
        for name, at in self._gradients.items():
            found[name] = self._read(at, n_row) if at >= 0 else self._zeros[name](n_row)
        return found

    cdef int _run(self, int32_t first, int32_t last, int64_t n_row, int64_t counter) except -1:
        cdef capi.cnn_fault fault
        cdef capi.cnn_run run
        cdef capi.cnn_status status
        memset(&fault, 0, sizeof(fault))
        memset(&run, 0, sizeof(run))
        self._binding.begin(&run, last, 1)
        run.first, run.n_row, run.seed, run.counter = first, n_row, self._seed, counter
        status = api().run(&run, &fault)
        self._binding.end()
        if status != capi.CNN_OK:
            self._binding.raise_fault(status, &fault)
        return 0

    cdef int64_t _feed(self, dict inputs):
        """Check all inputs, then copy them."""
        cdef int64_t n_row = -1
        cdef const capi.cnn_tensor *t
        if len(inputs) != len(self._inputs):
            return 0
        for name, value in inputs.items():
            at = self._inputs.get(name)
            if at is None or not self._fits(&self._binding.tensor[<int> at], value, &n_row):
                return 0
        for name, value in inputs.items():
            t = &self._binding.tensor[<int> self._inputs[name]]
            if cnp.PyArray_CheckExact(value):
                memcpy(t.data, cnp.PyArray_DATA(<cnp.ndarray> value),
                       cnp.PyArray_NBYTES(<cnp.ndarray> value))
            elif t.dtype == capi.CNN_F32:
                (<float *> t.data)[0] = <float> _number(value)
            else:
                (<double *> t.data)[0] = _number(value)
        return n_row if n_row > 0 else 1

    cdef bint _fits(self, const capi.cnn_tensor *t, value, int64_t *n_row):
        """Tell whether a value can be copied as it is; learn the number of rows from it."""
        cdef cnp.ndarray a
        cdef int i
        if PyFloat_Check(value) or PyLong_CheckExact(value):
            return (t.n_dim == 0 and _is_short(value)
                    and (t.dtype == capi.CNN_F64 or t.dtype == capi.CNN_F32
                         and not FLT_MAX < fabs(_number(value)) <= DBL_MAX))
        if not cnp.PyArray_CheckExact(value):
            return False
        a = <cnp.ndarray> value
        if (cnp.PyArray_TYPE(a) != _TYPES[t.dtype] or not cnp.PyArray_ISCARRAY_RO(a)
                or cnp.PyArray_NDIM(a) != t.n_dim):
            return False
        for i in range(t.stride != 0, t.n_dim):
            if cnp.PyArray_DIM(a, i) != t.dim[i]:
                return False
        if t.stride:
            if n_row[0] < 0:
                n_row[0] = cnp.PyArray_DIM(a, 0)
            return 0 < n_row[0] <= t.dim[0] and cnp.PyArray_DIM(a, 0) == n_row[0]
        return True

    cdef object _read(self, int tensor, int64_t n_row):
        """Return a tensor's value as a number or a new array."""
        cdef const capi.cnn_tensor *t = &self._binding.tensor[tensor]
        cdef cnp.npy_intp shape[capi.CNN_MAX_DIM]
        cdef cnp.ndarray a
        cdef int i
        if t.n_dim == 0 and t.dtype == capi.CNN_F64:
            return (<double *> t.data)[0]
        if t.n_dim == 0 and t.dtype == capi.CNN_F32:
            return <double> (<float *> t.data)[0]
        for i in range(t.n_dim):
            shape[i] = n_row if i == 0 and t.stride else t.dim[i]
        a = cnp.PyArray_EMPTY(t.n_dim, shape, _TYPES[t.dtype], 0)
        memcpy(cnp.PyArray_DATA(a), t.data, cnp.PyArray_NBYTES(a))
        return a if t.n_dim else a.item()


cdef bint _is_short(value):
    """Tell whether a Python number is no integer beyond what a double holds exactly."""
    return PyFloat_Check(value) or -0x20000000000000 <= value <= 0x20000000000000


cdef double _number(value):
    return PyFloat_AS_DOUBLE(value) if PyFloat_Check(value) else PyLong_AsDouble(value)
