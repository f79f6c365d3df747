"""Predictor: the short way from an array to a network's outputs."""
cimport cython
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cpython.time cimport monotonic
from libc.math cimport exp, log1p
from libc.stdint cimport int32_t, int64_t

from cnn_core._ext cimport capi

# Below this much arithmetic, giving up the GIL and taking it back costs more than it gives.  On
# several threads it is given up always: a gate on another thread would wait for it forever.
cdef double FLOP_WORTH_THE_GIL = 1e6

# Between two looks for signals, which need the GIL.
cdef double PIECE_SECONDS = 0.03

cdef double SOFT = 8

cdef enum:
    MOST = 8        # inputs and outputs, and axes of the output, that the short ways serve

cdef struct _Side:
    int32_t tensor
    int type        # NumPy's number of the dtype
    int64_t bytes   # of a row


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
    cdef int32_t n_thread
    cdef int n_side
    cdef _Side[MOST] side                # the inputs, then the only output
    cdef int type                        # NumPy's number of the network's dtype
    cdef int64_t row, result_row         # elements of a row, in and out
    cdef int n_axis                      # of the output
    cdef cnp.npy_intp[MOST] result_shape
    cdef int64_t max_rows, parallel_rows
    cdef double flop                     # of one row
    cdef bint flat                       # the only input is read as it is; rows are vectors


cdef class Predictor:
    """The base of networks: `predict` for arrays that need no conversion, without detours.

    ``_prepare`` and ``_predict`` are the subclass's: the first compiles the network and calls
    `_set_plan`, the second serves every array that the short way does not.
    """

    cdef _Compiled _compiled

    def _set_plan(self, Binding binding, list inputs, int32_t output, tuple result_shape, dtype,
                  int64_t max_rows, double flop, bint direct, int32_t n_thread,
                  int64_t parallel_rows, bint only):
        """Take over a compiled inference plan, which uses ``n_thread`` threads for
        ``parallel_rows`` rows and more; ``only`` one thread at a time runs it.

        ``inputs`` are the (tensor, shape of a row, whether it takes int32) of each; ``direct``
        those that are read as they are, without scale, for a single output.
        """
        cdef _Compiled c = _Compiled.__new__(_Compiled)
        cdef int i
        cdef int64_t n
        c.first, c.twins, c.only = binding, [], only
        dtype = cnp.dtype(dtype)
        c.type = dtype.num
        if direct and max(len(inputs), len(result_shape)) < MOST:
            c.n_side, c.n_axis = <int> len(inputs) + 1, <int> len(result_shape) + 1
            for i in range(1, c.n_axis):
                c.result_shape[i] = result_shape[i - 1]
            for i, (tensor, shape, is_int) in enumerate([*inputs, (output, result_shape, False)]):
                n = 1
                for m in shape:
                    n *= m
                c.side[i].tensor, c.side[i].type = tensor, cnp.NPY_INT32 if is_int else c.type
                c.side[i].bytes = n * (4 if is_int else <int64_t> dtype.itemsize)
                c.row, c.result_row = c.result_row, n
            c.flat = (c.n_side == 2 and len(inputs[0][1]) == len(result_shape) == 1
                      and not inputs[0][2])
        c.max_rows, c.parallel_rows, c.flop = max_rows, parallel_rows, flop
        c.n_thread = n_thread
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
        cdef char *data[2]
        cdef _Compiled c = self._ready()
        if not (c.flat and cnp.PyArray_CheckExact(x)):
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
        data[0], data[1] = <char *> cnp.PyArray_DATA(a), <char *> cnp.PyArray_DATA(r)
        self._run(c, data, n)
        return r

    cdef bint _overlap(self, cnp.ndarray a, cnp.ndarray b) noexcept:
        cdef char *x = <char *> cnp.PyArray_DATA(a)
        cdef char *y = <char *> cnp.PyArray_DATA(b)
        return x < y + cnp.PyArray_NBYTES(b) and y < x + cnp.PyArray_NBYTES(a)

    def _outputs(self, tuple arrays):
        """Return the only output for arrays of all inputs, in their order, of one row or more.

        Each must be C-contiguous and of the input's dtype: `TypeError` for any other.
        """
        cdef cnp.ndarray a, r
        cdef char *data[MOST]
        cdef cnp.npy_intp shape[MOST]
        cdef int i
        cdef int64_t n = 0
        cdef _Compiled c = self._ready()
        if len(arrays) + 1 != c.n_side:
            raise TypeError(f"need {c.n_side - 1} arrays; got {len(arrays)}")
        for i in range(c.n_side - 1):
            if not isinstance(arrays[i], cnp.ndarray):
                raise TypeError(f"need an array for input {i}; got {type(arrays[i]).__name__}")
            a = arrays[i]
            if i == 0 and cnp.PyArray_NDIM(a):
                n = cnp.PyArray_DIM(a, 0)
            if (n < 1 or cnp.PyArray_TYPE(a) != c.side[i].type or not cnp.PyArray_ISCARRAY_RO(a)
                    or cnp.PyArray_NBYTES(a) != n * c.side[i].bytes):
                raise TypeError(f"need rows as input {i} has them; got {arrays[i].dtype} "
                                f"{arrays[i].shape}")
            data[i] = <char *> cnp.PyArray_DATA(a)
        shape = c.result_shape
        shape[0] = n
        r = cnp.PyArray_EMPTY(c.n_axis, shape, c.type, 0)
        data[c.n_side - 1] = <char *> cnp.PyArray_DATA(r)
        self._run(c, data, n)
        return r

    cdef int _run(self, _Compiled c, char **data, int64_t n) except -1:
        """Run all rows, in pieces between which signals such as Ctrl-C are answered."""
        cdef int64_t at = 0
        while at < n:
            at += self._run_piece(c, data, at, n - at)
            if at < n:
                PyErr_CheckSignals()
        return 0

    cdef int64_t _run_piece(self, _Compiled c, char **data, int64_t at, int64_t n) except -1:
        """Run the first of ``n`` rows from ``at`` on, or all of them; return how many."""
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
            status = _blocks(c, binding.tensor, run, data, at, n, &done, &fault)
        else:
            with nogil:
                status = _blocks(c, binding.tensor, run, data, at, n, &done, &fault)
        binding.end()
        if twin:
            c.twins.append(binding)
        if status != capi.CNN_OK:
            binding.raise_fault(status, &fault)
        return done


cdef capi.cnn_status _blocks(_Compiled c, capi.cnn_tensor *tensor, capi.cnn_run *run,
                             char **data, int64_t at, int64_t n, int64_t *done,
                             capi.cnn_fault *fault) noexcept nogil:
    """Let input and output lie where the caller's arrays are, block by block, for a while."""
    cdef double end = 0
    cdef int i
    cdef int64_t first
    cdef capi.cnn_status status = capi.CNN_OK
    while status == capi.CNN_OK:
        run.n_row = min(n - done[0], c.max_rows)
        first = at + done[0]
        # Not all in the loop: for one input its end takes a fifth of a small network's prediction.
        tensor[c.side[0].tensor].data = data[0] + first * c.side[0].bytes
        tensor[c.side[1].tensor].data = data[1] + first * c.side[1].bytes
        for i in range(2, c.n_side):
            tensor[c.side[i].tensor].data = data[i] + first * c.side[i].bytes
        status = api().run(run, fault)
        done[0] += run.n_row
        if done[0] >= n:
            break
        if end == 0:
            end = monotonic() + PIECE_SECONDS
        elif monotonic() > end:
            break
    return status


cdef double _sharpened(double *e, int64_t n, double total, double low) noexcept nogil:
    """Take ``low`` from each of the numbers e / total, softly, so that none is 0 or less; return
    the sum of what is there then.  ``SOFT`` is `calibration.SOFT`."""
    cdef int64_t j
    cdef double x, all = 0
    for j in range(n):
        x = SOFT * (e[j] / total - low) / low
        e[j] = x + log1p(exp(-x)) if x > 0 else log1p(exp(x))
        all += e[j]
    return all


cdef void _add(const float *z, int64_t n, int64_t n_member, int64_t n_out, double scale,
               double low, double *e, double *out) noexcept nogil:
    """Add up s z over members; with room ``e`` for a row, softmax(s z) less ``low``."""
    cdef int64_t i, j, m
    cdef double top, total
    for i in range(n):
        for m in range(n_member):
            if e == NULL:
                for j in range(n_out):
                    out[j] += scale * z[j]
            else:
                top, total = z[0], 0
                for j in range(1, n_out):
                    top = max(top, <double> z[j])
                for j in range(n_out):
                    e[j] = exp(scale * (z[j] - top))
                    total += e[j]
                if low > 0:
                    total = _sharpened(e, n_out, total, low)
                for j in range(n_out):
                    out[j] += e[j] / total
            z += n_out
        out += n_out


def pool(list raw, list scales, bint softmax, double smoothing=0):
    """Return the mean over networks and their members of s z, or of softmax(s z): (B, O) double.

    ``raw`` are the outputs z of each network, C-contiguous float32, (B, O) or (B, k, O),
    ``scales`` its s.  From what softmax gives, label ``smoothing`` is taken away: see
    `cnn_core.tabular.calibration.unsmoothed`.  A row has the same bits among any others.
    """
    cdef cnp.ndarray z, r = None
    cdef cnp.npy_intp shape[2]
    cdef int64_t i, n_member, n = 0, count = 0
    cdef double scale
    cdef double *out = NULL
    cdef double *e = NULL
    for each, scale in zip(raw, scales, strict=True):
        if not isinstance(each, cnp.ndarray) or not 2 <= each.ndim <= 3 or not each.size:
            raise TypeError("need outputs (B, O) or (B, k, O)")
        z = each
        if r is None:
            shape[0], shape[1] = cnp.PyArray_DIM(z, 0), cnp.PyArray_DIM(z, cnp.PyArray_NDIM(z) - 1)
            n = shape[0] * shape[1]
            r = cnp.PyArray_ZEROS(2, shape, cnp.NPY_DOUBLE, 0)
            out = <double *> cnp.PyArray_DATA(r)
            work = cnp.PyArray_EMPTY(1, &shape[1], cnp.NPY_DOUBLE, 0)
            if softmax:
                e = <double *> cnp.PyArray_DATA(work)
        n_member = cnp.PyArray_DIM(z, 1) if cnp.PyArray_NDIM(z) == 3 else 1
        if (cnp.PyArray_TYPE(z) != cnp.NPY_FLOAT or not cnp.PyArray_ISCARRAY_RO(z)
                or cnp.PyArray_DIM(z, 0) != shape[0] or cnp.PyArray_SIZE(z) != n * n_member):
            raise TypeError("need outputs of float32, C-contiguous, of the same rows and columns")
        with nogil:
            _add(<const float *> cnp.PyArray_DATA(z), shape[0], n_member, shape[1], scale,
                 smoothing / shape[1], e, out)
        count += n_member
    for i in range(n):
        out[i] /= count
    return r
