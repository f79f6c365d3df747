"""Learner: an optimizer bound to memory, as the C core sees it; rates of many steps at once."""
import numpy as np

from cpython.buffer cimport (
    PyBUF_FORMAT, PyBUF_STRIDES, PyBuffer_Release, PyObject_GetBuffer, Py_buffer)
from libc.math cimport M_PI, cos, floor, log2, pow, sqrt
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free, malloc

from cnn_core._ext cimport capi

from cnn_core.errors import CnnCoreError, DtypeError, NotFiniteError, OptionError, ShapeError


cdef void *_start(array, char code, int64_t n, str who) except? NULL:
    """Return where a flat array of ``n`` floats or doubles starts, after checking it."""
    cdef Py_buffer view
    cdef bint fits
    PyObject_GetBuffer(array, &view, PyBUF_STRIDES | PyBUF_FORMAT)
    right, writable, address = view.format[0] == code, not view.readonly, <size_t> view.buf
    fits = view.ndim == 1 and view.shape[0] == n and (n < 2 or view.strides[0] == view.itemsize)
    PyBuffer_Release(&view)
    if not right:
        need = np.dtype(chr(code))
        raise DtypeError(f"{who}: need dtype {need}; got {array.dtype}")
    if not fits:
        raise ShapeError(f"{who}: need a contiguous array of {n} elements; got shape {array.shape}")
    if not writable:
        raise CnnCoreError(f"{who}: need a writable array; got a read-only one")
    return <void *> <size_t> address


cdef class Average:
    """Running means that follow numbers: ``pairs`` of flat arrays of one length and dtype."""

    cdef capi.cnn_average c
    cdef capi.cnn_followed *part
    cdef list keep

    def __cinit__(self, list pairs, double least):
        cdef int i
        self.part = <capi.cnn_followed *> calloc(max(len(pairs), 1), sizeof(capi.cnn_followed))
        if self.part == NULL:
            raise MemoryError("average: no memory")
        for i, (value, mean) in enumerate(pairs):
            code = c"d" if value.dtype == np.float64 else c"f"
            self.part[i].n = len(value)
            self.part[i].value = _start(value, code, len(value), "average: value")
            self.part[i].mean = _start(mean, code, len(value), "average: mean")
        self.keep = pairs
        self.c.part, self.c.n_part, self.c.least = self.part, <int32_t> len(pairs), least

    def __dealloc__(self):
        free(self.part)

    @property
    def count(self):
        """How many steps they have followed."""
        return self.c.count

    @count.setter
    def count(self, int64_t count):
        self.c.count = count


cdef class Learner:
    """The optimizer ``kernel`` over ``ranges`` of memory.

    A range is (value, grad, slots, weight decay, group, names, penalties): flat arrays of one
    length and dtype, where each of its parameters lies in them as (name, begin, end), and l1, l2,
    l2_per_row, max_norm and the columns of the matrix whose norms that limits.  ``scalars`` are 4
    float64 that live from step to step, ``hyper`` the options in the order of the C file.
    ``clip_norm``, over all ranges, and ``clip_value`` are 0 when off.  Each of ``n_group`` groups
    has its own rate in every step.  ``rows`` names parameters, each a range of its own, whose
    gradients come of sparse rows: `Binding.train` gets those in that order.  Of those that are
    ``left_alone``, rows without a gradient are not updated.  The arrays stay in
    use as long as the learner.
    """

    cdef capi.cnn_learner c
    cdef Average followed, gathered
    cdef public int64_t step            # updates made so far
    cdef double hyper[16]
    cdef double *lr                     # of one step
    cdef double batch[2]                # see cnn_learner
    cdef capi.cnn_range *range
    cdef list keep, names
    cdef int32_t n_rows                 # ranges whose gradient comes of sparse rows

    def __cinit__(self, str kernel, list ranges, scalars, tuple hyper, double clip_norm=0.0,
                  double clip_value=0.0, *, int32_t n_group=1, tuple rows=(), left_alone=()):
        cdef int32_t i, n = <int32_t> len(ranges)
        self.c.optim = api().find_optim(kernel.encode())
        if self.c.optim == NULL:
            raise CnnCoreError(f"optimizer: no C kernel named {kernel!r}")
        if len(hyper) > 16:
            raise CnnCoreError(f"{kernel}: need at most 16 options; got {len(hyper)}")
        for i, option in enumerate(hyper):
            self.hyper[i] = option
        self.keep, self.names = [ranges, scalars], []
        self.c.hyper, self.c.clip_norm, self.c.clip_value = self.hyper, clip_norm, clip_value
        self.c.state = <double *> _start(scalars, c"d", capi.CNN_MAX_SLOT, f"{kernel}: scalars")
        self.c.n_group = n_group
        if n and ranges[0][0].dtype == np.float64:
            self.c.dtype = capi.CNN_F64
        self.range = <capi.cnn_range *> calloc(max(n, 1), sizeof(capi.cnn_range))
        if self.range == NULL:
            raise MemoryError(f"{kernel}: no memory for {n} ranges")
        for i, (value, grad, slots, decay, group, names, penalties) in enumerate(ranges):
            if not 0 <= group < n_group:
                raise CnnCoreError(f"{kernel}: need groups below {n_group}; got {group}")
            self.range[i].weight_decay, self.range[i].group = decay, group
            (self.range[i].l1, self.range[i].l2, self.range[i].l2_per_row, self.range[i].max_norm,
             n_unit) = penalties
            if self.range[i].l2_per_row > 0:
                self.c.batch = self.batch
            if self.range[i].max_norm > 0 and not 0 < n_unit <= len(value):
                raise CnnCoreError(f"{kernel}: need a matrix for max_norm; got {n_unit} columns")
            self.range[i].n_unit = n_unit
            if rows and names[0][0] in rows:
                self.range[i].rows = <int32_t> rows.index(names[0][0]) + 1
                self.range[i].every_row = names[0][0] not in left_alone
            self._set_range(kernel, &self.range[i], value, grad, slots)
            self.names.append(names)
        self.c.range, self.c.n_range, self.n_rows = self.range, n, <int32_t> len(rows)
        self.c.n_block = api().count_blocks(self.range, n)
        self.c.coef = <double *> malloc(
            (n_group * (capi.CNN_MAX_COEF + 1) + self.c.n_block) * sizeof(double))
        if self.c.coef == NULL:
            raise MemoryError(f"{kernel}: no memory for the norms of {self.c.n_block} blocks")
        self.lr = self.c.coef + n_group * capi.CNN_MAX_COEF
        self.c.partial = self.lr + n_group

    cdef _set_range(self, str kernel, capi.cnn_range *r, value, grad, list slots):
        cdef char code = c"d" if self.c.dtype == capi.CNN_F64 else c"f"
        cdef int i
        r.n = len(value)
        r.param = _start(value, code, r.n, f"{kernel}: value")
        r.grad = _start(grad, code, r.n, f"{kernel}: grad")
        if len(slots) > self.c.optim.n_slot:
            raise CnnCoreError(f"{kernel}: need at most {self.c.optim.n_slot} slots; got "
                               f"{len(slots)}")
        for i in range(len(slots)):
            r.slot[i] = _start(slots[i], code, r.n, f"{kernel}: slot {i}")

    def __dealloc__(self):
        free(self.range)
        free(self.c.coef)

    def follow(self, Average average):
        """Let running means move after each step of training; None: no longer."""
        self.followed = average
        self.c.average = NULL if average is None else &average.c

    def gather(self, Average sums, int64_t part):
        """Let steps take ``part`` rows at a time, whose gradients are added up; 0: all at once."""
        self.gathered = sums
        self.c.gathered = NULL if sums is None else &sums.c
        self.c.part = 0 if sums is None else part

    @property
    def guarded(self):
        """Whether a loss or a gradient that is not finite ends a step before its update."""
        return not self.c.unguarded

    @guarded.setter
    def guarded(self, bint guarded):
        self.c.unguarded = not guarded

    def learn(self, tuple lr):
        """Clip the gradients, update the parameters with a rate for each group, count the step.

        Raises `DataError`, and changes no parameter, where a gradient is not finite.
        """
        cdef capi.cnn_fault fault
        cdef capi.cnn_status status
        cdef const double *rates = self.rates(lr)
        if self.n_rows:
            raise CnnCoreError("learner: need whole gradients; got some of sparse rows")
        if self.c.batch != NULL:
            raise OptionError("apply: need a batch, as Trainer and Graph.step have it, whose rows "
                              "l2_per_row goes by; got gradients alone")
        with nogil:
            status = api().learn(&self.c, rates, self.step + 1, &fault)
        if status != capi.CNN_OK:
            raise self.not_finite(status, &fault)
        self.step += 1

    def grad_norm(self):
        """Return the norm of all gradients as they lie there, summed in double.

        NaN where some come of sparse rows: those are nowhere as a whole.
        """
        cdef double total = 0
        cdef int32_t i
        if self.n_rows:
            return float("nan")
        for i in range(self.c.n_range):
            total += _squares(self.range[i].grad, self.range[i].n, self.c.dtype == capi.CNN_F64)
        return sqrt(total)

    cdef const double *rates(self, tuple lr) except NULL:
        """Return the rates of one step, one for each group, where C can read them."""
        cdef int32_t i
        if len(lr) != self.c.n_group:
            raise ShapeError(f"learner: need {self.c.n_group} rates; got {lr}")
        for i in range(self.c.n_group):
            self.lr[i] = lr[i]
        return self.lr

    cdef object not_finite(self, capi.cnn_status status, const capi.cnn_fault *fault):
        """Return the exception for CNN_ERR_LOSS or CNN_ERR_GRADIENT in the step after the last."""
        what, where = "loss", ""
        if status == capi.CNN_ERR_GRADIENT:
            what, where = "gradient", f" at element {fault.index}"
            for name, begin, end in self.names[fault.step]:
                if begin <= fault.index < end:
                    what, where = f"gradient of {name!r}", f" at element {fault.index - begin}"
        return NotFiniteError(f"step {self.step + 1}: need a finite {what}; got {fault.value}"
                              f"{where}, and no parameter was changed")


cdef double _squares(const void *x, int64_t n, bint is_double) noexcept nogil:
    """Return the sum of squares, in eight lanes."""
    cdef double[8] lane
    cdef double v, total = 0
    cdef int64_t i
    cdef int j
    for j in range(8):
        lane[j] = 0
    for i in range(0, n, 8):
        for j in range(<int> min(8, n - i)):
            v = (<const double *> x)[i + j] if is_double else (<const float *> x)[i + j]
            lane[j] += v * v
    for j in range(8):
        total += lane[j]
    return total


# Schedules: a step's rate is the same to the bit whether it is asked for alone or among others,
# since one function computes it, with the C library's cos, log2 and pow.  (NumPy's differ from CPU
# to CPU.)  Each formula is a curve with four numbers; `cnn_core.optim.schedules` says which.

cdef enum:
    FLAT, STEPS, SMOOTH, COSINE, POLYNOMIAL, WAVES


cdef double _curve(int kind, double a, double b, double length, double d,
                   int64_t step) noexcept nogil:
    cdef double at = <double> step
    if kind == FLAT:
        return a
    if kind == STEPS:
        return a * pow(b, floor(at / length))
    if kind == SMOOTH:
        return a * pow(b, at / length)
    if kind == COSINE:
        at -= d
    if at >= length:
        return b
    if kind == COSINE:
        return b + (a - b) * (1 + cos(M_PI * at / length)) / 2
    if kind == POLYNOMIAL:
        return b + (a - b) * pow(1 - at / length, d)
    return b + (a - b) * (1 - cos(2 * M_PI * log2(1 + d * at / length))) / 2


def curve(int kind, double a, double b, double length, double d, int64_t step):
    """Return the value of a curve at ``step``."""
    return _curve(kind, a, b, length, d, step)


def curves(int kind, double a, double b, double length, double d, int64_t first, out):
    """Write the values of a curve from the step ``first`` on into ``out``, float64."""
    cdef int64_t i, n = len(out)
    cdef double *value = <double *> _start(out, c"d", n, "curves")
    for i in range(n):
        value[i] = _curve(kind, a, b, length, d, first + i)
