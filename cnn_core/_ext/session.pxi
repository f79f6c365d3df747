"""The short ways into training and small graphs: feed, run and read within one call."""
cimport cython
cimport numpy as cnp
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_Check
from cpython.long cimport PyLong_AsDouble, PyLong_CheckExact
from libc.float cimport DBL_MAX, FLT_MAX
from libc.math cimport fabs
from libc.stdint cimport INT32_MAX, INT32_MIN, int32_t, int64_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from cnn_core._ext cimport capi

cdef enum:
    FEATURES, TARGETS, INDICES, LABELS, WEIGHTS     # what an array is

cdef dict _KINDS = {"features": FEATURES, "targets": TARGETS, "indices": INDICES,
                    "labels": LABELS, "weights": WEIGHTS}

# Sets of NumPy's types: what can be converted, and of that what may lose nothing as an int64.
cdef uint64_t FLOATS = 1 << cnp.NPY_FLOAT | 1 << cnp.NPY_DOUBLE | 1 << cnp.NPY_FLOAT16
cdef uint64_t NUMBERS = FLOATS | (1 << cnp.NPY_FLOAT) - 1       # bool and integers come first
cdef uint64_t SIGNED = NUMBERS & ~<uint64_t> (1 << cnp.NPY_ULONG | 1 << cnp.NPY_ULONGLONG)

# Weights between these, and zeros, are taken as they are, whatever the reduction.
cdef double LEAST_WEIGHT = 2.0 ** -60, MOST_WEIGHT = 2.0 ** 60

cdef struct _Feed:
    int kind
    uint64_t plain, taken           # sets of types: gathered as they are, or after a conversion
    double low, high                # of numbers
    int64_t ignored                 # a label out of range that counts as one; 0: none


@cython.final
cdef class Stepper:
    """One training program with all that a step needs.

    ``feeds`` are one for each of the names ``inputs``, the names ``targets`` and, where the
    program takes them, the weights: (tensor, kind, low, high, scale, shift, ignored, taken).
    Features and targets are finite numbers within [low, high], labels and indices whole ones, and
    a label may be ``ignored`` (0: none).  ``taken`` names the only dtype that is taken, in the
    very shape; "": all; "-": all but uint8.  ``targets`` are None for a single array without a
    name; a tuple can stand for a dictionary of them where they are ``listed``.  ``total`` numbers
    the tensor of the loss's two sums, -1 where it has none.
    """

    cdef Binding _binding
    cdef tuple _inputs, _targets
    cdef bint _listed, _weighted
    cdef int _loss, _total, _type, _n_feed
    cdef int64_t _max_rows, _rows
    cdef _Feed *_feed
    cdef capi.cnn_source *_source
    cdef list _kept                 # converted arrays of the step under way

    def __cinit__(self, Binding binding, tuple inputs, tuple targets, bint listed, list feeds,
                  int32_t loss, int32_t total, dtype, int64_t max_rows):
        cdef int i
        cdef _Feed *f
        cdef capi.cnn_source *s
        self._binding, self._inputs, self._targets = binding, inputs, targets
        self._listed, self._loss, self._total, self._max_rows = listed, loss, total, max_rows
        self._type, self._n_feed = cnp.dtype(dtype).num, len(feeds)
        self._weighted = self._n_feed > len(inputs) + (1 if targets is None else len(targets))
        self._feed = <_Feed *> zeros(self._n_feed, sizeof(_Feed))
        self._source = <capi.cnn_source *> zeros(self._n_feed, sizeof(capi.cnn_source))
        for i, (tensor, kind, low, high, scale, shift, ignored, taken) in enumerate(feeds):
            f, s = &self._feed[i], &self._source[i]
            s.target, s.scale, s.shift = &binding.tensor[<int> tensor], scale, shift
            f.kind, f.low, f.high, f.ignored = _KINDS[kind], low, high, ignored
            f.plain = 1 << cnp.NPY_FLOAT | 1 << cnp.NPY_DOUBLE
            f.taken = NUMBERS
            if f.kind == FEATURES:
                f.plain |= 1 << cnp.NPY_UINT8
            elif f.kind == INDICES or f.kind == LABELS:
                f.plain, f.taken = 1 << cnp.NPY_INT32 | 1 << cnp.NPY_INT64, SIGNED
            if taken:
                f.taken &= ~<uint64_t> (1 << cnp.NPY_UINT8)
            if taken not in ("", "-"):
                f.plain = f.taken = 1 << <int> cnp.dtype(taken).num

    def __dealloc__(self):
        free(self._feed)
        free(self._source)

    def step(self, x, y, w, Learner learner, tuple lr, uint64_t seed, int32_t n_thread):
        """Make one step and return its loss; None if the arrays need the long way.

        The long way also finds the words for what is wrong with them, and knows whether features
        may be NaN.  ``lr`` holds the rate of each group.  One call at a time.
        """
        cdef capi.cnn_chunk chunk
        cdef capi.cnn_fault fault
        cdef capi.cnn_status status
        cdef const double *rates
        cdef int n_input = <int> len(self._inputs)
        self._rows = -1
        if (learner.n_rows or self._weighted != (w is not None)
                or not (self._take(0, x) if n_input == 1 and not isinstance(x, dict)
                        else self._take_all(0, x, self._inputs, True))
                or not (self._take(n_input, y) if self._targets is None
                        else self._take_all(n_input, y, self._targets, self._listed))
                or self._weighted and not self._take(self._n_feed - 1, w)):
            self._kept = None
            return None
        rates = learner.rates(lr)
        memset(&chunk, 0, sizeof(chunk))
        chunk.run = self._binding.begin(0, self._binding.plan.n_step, n_thread)[0]
        chunk.run.seed, chunk.run.counter = seed, learner.step
        chunk.source, chunk.n_source = self._source, self._n_feed
        chunk.n_total = chunk.batch = self._rows
        chunk.learner, chunk.lr = &learner.c, rates
        chunk.loss = &self._binding.tensor[self._loss]
        if self._total >= 0:
            chunk.total = <const double *> self._binding.tensor[self._total].data
        with nogil:
            status = api().train(&chunk, &fault)
        learner.step += chunk.done
        self._binding.end()
        self._kept = None
        if status == capi.CNN_ERR_CALLBACK:     # what the gate raised, not a second call of it
            self._binding.raise_fault(status, &fault)
        return chunk.last_loss if status == capi.CNN_OK else None

    cdef bint _take_all(self, int first, given, tuple names, bint listed) except -1:
        """Take arrays by name, or in their order; no names, None."""
        cdef int i
        given = {} if given is None else given
        if (not isinstance(given, dict) and not (listed and isinstance(given, (tuple, list)))
                or len(given) != len(names)):
            return False
        for i, name in enumerate(names):
            if not self._take(first + i, given.get(name) if isinstance(given, dict) else given[i]):
                return False
        return True

    cdef bint _take(self, int i, value) except -1:
        """Let rows be gathered from an array, unless it needs the long way."""
        cdef _Feed *f = &self._feed[i]
        cdef capi.cnn_source *s = &self._source[i]
        cdef cnp.ndarray a
        cdef int64_t n
        cdef int type
        if not cnp.PyArray_CheckExact(value):
            return False
        a = <cnp.ndarray> value
        if not self._has_shape(f, s.target, a):
            return False
        type = cnp.PyArray_TYPE(a)
        if type >= 64 or not f.plain >> type & 1 or not cnp.PyArray_ISCARRAY_RO(a):
            a = self._converted(f, a, type)
            if a is None:
                return False
            type = cnp.PyArray_TYPE(a)
        s.data, n = cnp.PyArray_DATA(a), cnp.PyArray_SIZE(a)
        if type == cnp.NPY_FLOAT or type == cnp.NPY_DOUBLE:
            s.dtype = capi.CNN_F32 if type == cnp.NPY_FLOAT else capi.CNN_F64
            if f.kind != WEIGHTS:
                return api().first_outside(s.dtype, n, s.data, f.low, f.high) < 0
            return (_are_weights(<const float *> s.data, n) if s.dtype == capi.CNN_F32
                    else _are_weights(<const double *> s.data, n))
        s.dtype = (capi.CNN_U8 if type == cnp.NPY_UINT8 else
                   capi.CNN_I32 if type == cnp.NPY_INT32 else capi.CNN_I64)
        return (type == cnp.NPY_UINT8 or type == cnp.NPY_INT32 and f.kind == INDICES
                or type == cnp.NPY_INT32 and _inside(f, <const int32_t *> s.data, n)
                or type != cnp.NPY_INT32 and _inside(f, <const int64_t *> s.data, n))

    cdef bint _has_shape(self, const _Feed *f, const capi.cnn_tensor *t, cnp.ndarray a) noexcept:
        """Tell whether an array has the shape of a tensor; all have one number of rows."""
        cdef int i, n_dim = cnp.PyArray_NDIM(a)
        if n_dim > 0 and self._rows < 0:
            self._rows = cnp.PyArray_DIM(a, 0)
        if (n_dim == 0 or not 0 < self._rows <= self._max_rows
                or cnp.PyArray_DIM(a, 0) != self._rows):
            return False
        if n_dim != t.n_dim:
            if f.kind == TARGETS:           # (B,) for (B, 1)
                return n_dim == 1 and t.n_dim == 2 and t.dim[1] == 1 and f.plain != f.taken
            return f.kind == LABELS and n_dim == 2 and cnp.PyArray_DIM(a, 1) == 1
        for i in range(1, n_dim):
            if cnp.PyArray_DIM(a, i) != t.dim[i]:
                return False
        return True

    cdef cnp.ndarray _converted(self, const _Feed *f, cnp.ndarray a, int type):
        """Return an array that can be gathered from, or None."""
        if type >= 64 or not f.taken >> type & 1:
            return None
        if not f.plain >> type & 1:
            if f.kind == INDICES or f.kind == LABELS:
                if FLOATS >> type & 1:
                    a = _in_c_order(a, cnp.NPY_DOUBLE)
                    if not _are_whole(<const double *> cnp.PyArray_DATA(a), cnp.PyArray_SIZE(a)):
                        return None
                type = cnp.NPY_INT64
            else:
                type = self._type
        a = _in_c_order(a, type)
        self._kept = [a] if self._kept is None else [a, *self._kept]
        return a


cdef cnp.ndarray _in_c_order(cnp.ndarray a, int type):
    return cnp.PyArray_FROM_OTF(a, type, cnp.NPY_ARRAY_CARRAY_RO | cnp.NPY_ARRAY_FORCECAST)


cdef bint _are_whole(const double *p, int64_t n) noexcept:
    cdef int64_t i
    for i in range(n):
        if not (INT32_MIN <= p[i] <= INT32_MAX and p[i] == <double> <int32_t> p[i]):
            return False
    return True


cdef bint _are_weights(const cython.floating *p, int64_t n) noexcept:
    """Tell whether weights are none below 0, one above, and need not be scaled."""
    cdef int64_t i
    cdef bint any = False
    for i in range(n):
        if LEAST_WEIGHT <= p[i] <= MOST_WEIGHT:
            any = True
        elif p[i] != 0:
            return False
    return any


ctypedef fused whole:
    int32_t
    int64_t


cdef bint _inside(const _Feed *f, const whole *p, int64_t n) noexcept:
    cdef int64_t i, low = <int64_t> f.low, high = <int64_t> f.high
    for i in range(n):
        if not low <= p[i] <= high and (p[i] != f.ignored or f.ignored == 0):
            return False
    return True


@cython.final
cdef class Runner:
    """Runs the forward steps ``[0, n_forward)`` of a program, and the backward steps after them.

    ``inputs`` and ``gradients`` give each name the number of a tensor; a gradient of -1 is zero
    and comes as it stands in ``unreached``.  ``outputs`` are read after forward; ``seeds`` get 1
    before backward.  ``program``, whose binding it is, is told the number of rows.  All calls keep
    the GIL from beginning to end, so that nobody gets between feeding and reading; they leave the
    work to the long way (and return None) while somebody is inside ``guard``, who may have given
    up the GIL in between.
    """

    cdef object _program
    cdef Binding _binding
    cdef Lock _guard
    cdef dict _inputs, _gradients, _unreached
    cdef list _outputs, _seeds
    cdef int32_t _n_forward
    cdef uint64_t _seed

    def __init__(self, program, Binding binding, Lock guard, dict inputs, list outputs, list seeds,
                 dict gradients, dict unreached, int32_t n_forward, uint64_t seed):
        self._program = program
        self._binding, self._guard, self._inputs, self._outputs = binding, guard, inputs, outputs
        self._seeds, self._gradients, self._unreached = seeds, gradients, unreached
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
            found[name] = self._read(at, n_row) if at >= 0 else self._unreached[name](n_row)
        return found

    cdef int _run(self, int32_t first, int32_t last, int64_t n_row, int64_t counter) except -1:
        cdef capi.cnn_fault fault
        cdef capi.cnn_run *run
        cdef capi.cnn_status status
        memset(&fault, 0, sizeof(fault))
        run = self._binding.begin(first, last, 1)
        run.n_row, run.seed, run.counter = n_row, self._seed, counter
        status = api().run(run, &fault)
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
