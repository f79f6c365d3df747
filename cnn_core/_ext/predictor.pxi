"""Predictor: the short way from an array to a network's outputs."""
cimport cython
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cpython.time cimport monotonic
from libc.stdint cimport int32_t, int64_t, uintptr_t

from cnn_core._ext cimport capi

# Below this much arithmetic, giving up the GIL and taking it back costs more than it gives.  On
# several threads it is given up always: a gate on another thread would wait for it forever.
cdef double FLOP_WORTH_THE_GIL = 1e6

# Between two looks for signals, which need the GIL.
cdef double PIECE_SECONDS = 0.03


@cython.final
cdef class _Compiled:
    """A network's inference plan and what its calls must know of it: never changed once made,
    for a change of the threads may replace it while another thread predicts with it.

    Where another thread runs the ``first`` binding, a call takes one of its ``twins`` or makes
    one, so that several predict at once; a program that calls Python has ``only`` one.
    """

    cdef Binding first
    cdef list twins                      # that no call uses at present
    cdef bint only
    cdef int32_t input, output, n_thread
    cdef int type                        # NumPy's number of the network's dtype
    cdef int64_t row, result_row         # elements of a row, in and out
    cdef int64_t max_rows, parallel_rows
    cdef double flop                     # of one row
    cdef bint flat                       # rows are vectors, in and out
    cdef bint direct                     # inputs are read as they are, without scale


cdef class Predictor:
    """The base of networks: `predict` for arrays that need no conversion, without detours.

    ``_prepare`` and ``_predict`` are the subclass's: the first compiles the network and calls
    `_set_plan`, the second serves every array that the short way does not.
    """

    cdef _Compiled _compiled

    def _set_plan(self, Binding binding, int32_t input, int32_t output, row_shape, result_shape,
                  dtype, int64_t max_rows, double flop, bint direct, int32_t n_thread,
                  int64_t parallel_rows, bint only):
        """Take over a compiled inference plan, which uses ``n_thread`` threads for
        ``parallel_rows`` rows and more; ``only`` one thread at a time runs it."""
        cdef _Compiled c = _Compiled.__new__(_Compiled)
        c.first, c.twins, c.only = binding, [], only
        c.input, c.output, c.n_thread = input, output, n_thread
        c.type = cnp.dtype(dtype).num
        c.row = c.result_row = 1
        for n in row_shape:
            c.row *= n
        for n in result_shape:
            c.result_row *= n
        c.flat = len(row_shape) == 1 and len(result_shape) == 1
        c.max_rows, c.parallel_rows, c.flop, c.direct = max_rows, parallel_rows, flop, direct
        self._compiled = c

    def _forget_plan(self):
        """Drop the compiled plan; `predict` then compiles a new one."""
        self._compiled = None

    cdef _Compiled _ready(self):
        cdef _Compiled c = self._compiled
        while c is None:                # another thread may drop it as soon as it is made
            self._prepare()
            c = self._compiled
        return c

    def predict(self, x, out=None):
        """Return the outputs for the rows ``x``: (B, I) gives (B, O), one row (I,) gives (O,).

        ``x`` is an array of float32, float64 or uint8 (other real dtypes are converted).
        ``out``, of the network's dtype, C-contiguous and of the result's shape, is overwritten
        and returned.  Memory does not grow with B.  Several threads may call it at once.  While
        another thread trains the network, each weight is one that some step has left, but they
        need not be all of the same step.

        Raises `ShapeError` and `DtypeError`, naming what was needed and what came.
        """
        cdef cnp.ndarray a, r
        cdef cnp.npy_intp shape[2]
        cdef int64_t n = 1
        cdef int n_dim
        cdef _Compiled c = self._ready()
        if not (c.flat and c.direct and cnp.PyArray_CheckExact(x)):
            return self._predict(x, out)
        a = <cnp.ndarray> x
        n_dim = cnp.PyArray_NDIM(a)
        if (cnp.PyArray_TYPE(a) != c.type or not cnp.PyArray_ISCARRAY_RO(a) or n_dim < 1
                or n_dim > 2 or cnp.PyArray_DIM(a, n_dim - 1) != c.row):
            return self._predict(x, out)
        if n_dim == 2:
            n = cnp.PyArray_DIM(a, 0)
            if n == 0:
                return self._predict(x, out)
        shape[0], shape[n_dim - 1] = n, c.result_row
        if out is None:
            r = cnp.PyArray_EMPTY(n_dim, shape, c.type, 0)
        else:
            if not cnp.PyArray_CheckExact(out):
                return self._predict(x, out)
            r = <cnp.ndarray> out
            if (cnp.PyArray_TYPE(r) != c.type or not cnp.PyArray_ISCARRAY(r)
                    or cnp.PyArray_NDIM(r) != n_dim
                    or cnp.PyArray_DIM(r, n_dim - 1) != c.result_row
                    or cnp.PyArray_DIM(r, 0) != shape[0] or self._overlap(a, r)):
                return self._predict(x, out)
        self._run(c, <char *> cnp.PyArray_DATA(a), <char *> cnp.PyArray_DATA(r), n,
                  cnp.PyArray_ITEMSIZE(a))
        return r

    cdef bint _overlap(self, cnp.ndarray a, cnp.ndarray b) noexcept:
        cdef char *x = <char *> cnp.PyArray_DATA(a)
        cdef char *y = <char *> cnp.PyArray_DATA(b)
        return x < y + cnp.PyArray_NBYTES(b) and y < x + cnp.PyArray_NBYTES(a)

    def _predict_direct(self, uintptr_t x, uintptr_t out, int64_t n, int item):
        """Run ``n`` rows from address ``x`` to address ``out``, both of the network's dtype."""
        self._run(self._ready(), <char *> x, <char *> out, n, item)

    cdef int _run(self, _Compiled c, char *x, char *out, int64_t n, int item) except -1:
        """Run all rows, in pieces between which signals such as Ctrl-C are answered."""
        cdef int64_t at = 0
        while at < n:
            at += self._run_piece(c, x + at * c.row * item, out + at * c.result_row * item, n - at,
                                  item)
            if at < n:
                PyErr_CheckSignals()
        return 0

    cdef int64_t _run_piece(self, _Compiled c, char *x, char *out, int64_t n,
                            int item) except -1:
        """Run the first of ``n`` rows or all of them; return how many."""
        cdef Binding binding = c.first
        cdef bint twin = not c.only and binding.lock._owner != 0
        cdef capi.cnn_run *run
        cdef capi.cnn_fault fault
        cdef capi.cnn_status status
        cdef int64_t done = 0
        if twin:
            binding = <Binding> c.twins.pop() if c.twins else <Binding> binding.twin()
        run = binding.begin(0, binding.plan.n_step, c.n_thread if n >= c.parallel_rows else 1)
        if run.n_thread == 1 and n * c.flop < FLOP_WORTH_THE_GIL:
            status = _blocks(c, binding.tensor, run, x, out, n, &done, item, &fault)
        else:
            with nogil:
                status = _blocks(c, binding.tensor, run, x, out, n, &done, item, &fault)
        binding.end()
        if twin:
            c.twins.append(binding)
        if status != capi.CNN_OK:
            binding.raise_fault(status, &fault)
        return done


cdef capi.cnn_status _blocks(_Compiled c, capi.cnn_tensor *tensor, capi.cnn_run *run, char *x,
                             char *out, int64_t n, int64_t *done, int item,
                             capi.cnn_fault *fault) noexcept nogil:
    """Let input and output lie where the caller's arrays are, block by block, for a while."""
    cdef double end = 0
    cdef capi.cnn_status status = capi.CNN_OK
    while status == capi.CNN_OK:
        run.n_row = min(n - done[0], c.max_rows)
        tensor[c.input].data = x + done[0] * c.row * item
        tensor[c.output].data = out + done[0] * c.result_row * item
        status = api().run(run, fault)
        done[0] += run.n_row
        if done[0] >= n:
            break
        if end == 0:
            end = monotonic() + PIECE_SECONDS
        elif monotonic() > end:
            break
    return status
