"""Binding: a plan with the addresses of what it runs over."""
cimport cython
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cpython.time cimport monotonic
from libc.stdint cimport int32_t, int64_t, uint64_t, uintptr_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from cnn_core._ext cimport capi

from _thread import get_ident

from cnn_core.errors import DtypeError, ShapeError

# Between two looks for signals, which need the GIL.
cdef double WATCH_SECONDS = 0.04

cdef class Binding

cdef struct Watch:
    capi.cnn_watch c                    # comes first: C knows no more
    void *binding
    double next                         # when it looks for signals again
    bint stopped


cdef void _look_for_signals(Watch *watch) noexcept with gil:
    try:
        PyErr_CheckSignals()
    except BaseException as error:
        (<Binding> watch.binding)._raised = error
        watch.stopped = True


cdef int _stop(capi.cnn_watch *c, uint64_t float_mode) noexcept nogil:
    """Tell whether a signal, such as that of Ctrl-C, has raised an exception."""
    cdef Watch *watch = <Watch *> c
    if not watch.stopped and monotonic() >= watch.next:
        capi.cnn_restore_denormals(float_mode)
        _look_for_signals(watch)
        capi.cnn_flush_denormals()
        watch.next = monotonic() + WATCH_SECONDS
    return watch.stopped


cdef object _main_thread = None


cdef bint _on_main_thread() except -1:
    global _main_thread
    if _main_thread is None:        # read here, since only long runs ask
        from threading import main_thread as _main_thread
    return _main_thread().ident == get_ident()


# A typed memoryview would do this too, and its code is as large as all else here together.
cdef void *_data(array, int kind, int n_dim, str name, int64_t least) except? NULL:
    """Return where an array of at least so many numbers begins; NULL for None."""
    if array is None:
        return NULL
    if (not cnp.PyArray_CheckExact(array) or cnp.PyArray_TYPE(array) != kind
            or not cnp.PyArray_ISCARRAY_RO(array) or cnp.PyArray_NDIM(array) != n_dim
            or cnp.PyArray_SIZE(array) < least):
        raise ShapeError(f"train: need {name}, a C-contiguous array of {least} numbers; got "
                         f"{type(array).__name__}")
    return cnp.PyArray_DATA(array)


@cython.final
cdef class Binding:
    """A plan with the addresses of one run after the other.

    ``bases`` gives the address of each space; 0 for `ARENA` lets each run borrow it.  ``keep``
    holds the arrays that the addresses point into.  One run at a time: a second thread waits.
    """

    cdef readonly Plan plan
    cdef readonly tuple bases
    cdef capi.cnn_tensor *tensor
    cdef char *_bound                   # of each tensor: it lies where `bind` has said
    cdef Lock lock
    cdef capi.cnn_run _run              # the one under way
    cdef Division _division
    cdef Memory *_memory                # borrowed for the run under way
    cdef char *_arena                   # where it begins at present
    cdef bint _borrows
    cdef object _keep
    cdef Watch _watch
    cdef object _raised                 # by the handler of a signal, during the run under way

    def __cinit__(self, Plan plan, tuple bases, keep):
        self.plan, self.bases, self._keep = plan, bases, keep
        self.lock = Lock("a program was called from within its own run, by a gate or a callback")
        self.tensor = <capi.cnn_tensor *> zeros(plan.n_tensor, sizeof(capi.cnn_tensor))
        self._bound = <char *> zeros(plan.n_tensor, 1)
        self._borrows = bases[ARENA] == 0
        self._watch.c.stop, self._watch.binding = _stop, <void *> self
        self._lay_out()

    def __dealloc__(self):
        free(self.tensor)
        free(self._bound)

    cdef int _lay_out(self) except -1:
        cdef Plan plan = self.plan
        cdef int i
        cdef list base = list(self.bases)
        memcpy(self.tensor, plan._tensor, plan.n_tensor * sizeof(capi.cnn_tensor))
        for i in range(plan.n_tensor):
            self.tensor[i].data = <void *> (<uintptr_t> base[plan._space[i]] + plan._offset[i])
        self._arena = <char *> <uintptr_t> base[ARENA]
        memset(&self._run, 0, sizeof(self._run))
        self._run.step, self._run.tensor = plan._step, self.tensor
        self._run.n_tensor = plan.n_tensor
        self._run.stretch, self._run.local, self._run.n_update = (
            plan._stretch, plan._local, plan.n_update)
        self._run.scratch_bytes, self._run.block_bytes = plan.scratch_bytes, plan.block_bytes
        return 0

    def twin(self):
        """Return another binding to the same memory, for another thread; it borrows its arena."""
        cdef Binding other = Binding(self.plan, self.bases, self._keep)
        other._division = self._division
        return other

    @property
    def tensors(self):
        """The addresses of all tensors at present."""
        return [<uintptr_t> self.tensor[i].data for i in range(self.plan.n_tensor)]

    def divide(self, Division division):
        """Let runs of the whole plan, or of the half before or behind `n_forward`, be divided so;
        None: not at all."""
        self.lock.enter()
        self._division = division
        self.lock.leave()

    cdef capi.cnn_run *begin(self, int32_t first, int32_t last, int32_t n_thread) except NULL:
        """Become the only thread that runs this; return the run, in which only its rows are to
        be filled in, and what else is not 0.

        More threads than one are only for the whole plan, or a half of it.  `end` must follow.
        """
        cdef Plan plan = self.plan
        cdef capi.cnn_run *run = &self._run
        cdef int64_t n_byte
        self.lock.enter()
        run.first, run.last, run.seed, run.counter, run.check_finite = first, last, 0, 0, False
        run.n_thread, run.n_stretch, run.watch = 1, plan.n_stretch, NULL
        if n_thread > 1 and self._division is not None:
            self._divide(run, n_thread)
        if plan.is_long and _on_main_thread():
            self._watch.next, self._watch.stopped = monotonic() + WATCH_SECONDS, False
            run.watch = &self._watch.c
        n_byte = run.n_thread * (plan.scratch_bytes + plan.block_bytes)
        n_byte += plan.arena_bytes if self._borrows else 0
        if n_byte == 0:
            return run
        self._memory = take_memory(n_byte)
        if self._memory == NULL:
            self.lock.leave()
            raise MemoryError(f"no memory for {n_byte} bytes to work in")
        run.scratch = self._memory.line
        if self._borrows:
            run.scratch += plan.arena_bytes
            if self._memory.line != self._arena:
                self._move_arena()
        return run

    cdef void _divide(self, capi.cnn_run *run, int32_t n_thread) noexcept:
        """Let threads share a run, if it begins and ends where segments do."""
        cdef Division d = self._division
        cdef int32_t begin = 0 if run.first == 0 else d.n_first
        cdef int32_t end = d.n_segment if run.last == self.plan.n_step else d.n_first
        if (begin < end and run.first == (0 if begin == 0 else d.n_forward)
                and run.last == (self.plan.n_step if end == d.n_segment else d.n_forward)):
            run.n_thread = min(n_thread, d.n_thread)
            run.segment, run.tile = d.segment + begin, d.tile
            run.n_segment, run.rows_first = end - begin, d.rows_first

    cdef void _move_arena(self) noexcept:
        cdef Plan plan = self.plan
        cdef int i
        self._arena = self._memory.line
        for i in range(plan.n_tensor):
            if plan._space[i] == ARENA and not self._bound[i]:
                self.tensor[i].data = self._arena + plan._offset[i]

    cdef void end(self) noexcept:
        if self._memory != NULL:
            give_memory(self._memory)
            self._memory = NULL
        self.lock.leave()

    cdef int raise_fault(self, capi.cnn_status status, capi.cnn_fault *fault) except -1:
        cdef const capi.cnn_step *s
        if self._raised is not None:
            raised, self._raised = self._raised, None
            raise raised
        s = &self.plan._step[fault.step]
        if status == capi.CNN_ERR_CALLBACK:
            raise take_error(s, self.plan.labels[fault.step])
        # Where indices are checked, cnn_index.h says where the length of their axis stands.
        n = (s.attr[1].i if status in (capi.CNN_ERR_INDEX_RANGE, capi.CNN_ERR_ENTRY_RANGE)
             else capi.cnn_entry(self.tensor, s.operand[0]).size)
        return raise_for(status, self.plan.labels[fault.step], fault, n)

    def bind(self, int32_t tensor, uintptr_t address):
        """Let a tensor's data start at ``address``, which the caller keeps alive."""
        if not 0 <= tensor < self.plan.n_tensor:
            raise IndexError(f"need a tensor in [0, {self.plan.n_tensor}); got {tensor}")
        self.lock.enter()
        self.tensor[tensor].data, self._bound[tensor] = <void *> address, 1
        self.lock.leave()

    def run(self, int32_t first, int32_t last, int64_t n_row, uint64_t seed=0, int64_t counter=0,
            bint check_finite=False, int32_t n_thread=1):
        """Run the steps ``first <= s < last`` over ``n_row`` rows."""
        cdef capi.cnn_fault fault
        cdef capi.cnn_run *run
        cdef capi.cnn_status status
        if not 0 < n_row <= self.plan.max_row:
            raise ShapeError(f"need 1 to {self.plan.max_row} rows; got {n_row}")
        if not 0 <= first <= last <= self.plan.n_step:
            raise IndexError(f"need steps within [0, {self.plan.n_step}]; got [{first}, {last})")
        memset(&fault, 0, sizeof(fault))
        run = self.begin(first, last, 1 if check_finite else n_thread)
        run.n_row, run.seed, run.counter, run.check_finite = n_row, seed, counter, check_finite
        if check_finite:    # names the first step that makes such a number, whatever the row
            run.n_stretch = 0
        with nogil:
            status = api().run(run, &fault)
        self.end()
        if status != capi.CNN_OK:
            self.raise_fault(status, &fault)

    cdef capi.cnn_source *_sources(self, list sources) except NULL:
        """Return the table of (tensor, address, dtype name, scale, shift), which the caller frees.
        """
        cdef capi.cnn_source *table
        cdef int i
        for tensor, _, dtype, _, _ in sources:      # all that may fail comes before the table
            if dtype not in DTYPES:
                raise DtypeError(f"need a source of dtype {', '.join(DTYPES)}; got {dtype}")
            if not 0 <= tensor < self.plan.n_tensor:
                raise IndexError(f"need a tensor in [0, {self.plan.n_tensor}); got {tensor}")
        table = <capi.cnn_source *> zeros(len(sources), sizeof(capi.cnn_source))
        for i, (tensor, address, dtype, scale, shift) in enumerate(sources):
            table[i].target = &self.tensor[<int> tensor]
            table[i].data = <const void *> <uintptr_t> address
            table[i].dtype, table[i].scale, table[i].shift = DTYPES[dtype], scale, shift
        return table

    cdef capi.cnn_row_grad *_row_grads(self, list rows) except NULL:
        """Return the table of (tensor of sparse rows, tensor of dy, rows of the weight, largest
        magnitude, most entries of a batch, memory), which the caller frees."""
        cdef int i
        cdef capi.cnn_row_grad *table = <capi.cnn_row_grad *> zeros(
            len(rows), sizeof(capi.cnn_row_grad))
        for i, (x, dy, n_in, most, n_entry, memory) in enumerate(rows):
            table[i].x, table[i].dy = &self.tensor[<int> x], &self.tensor[<int> dy]
            table[i].n_in, table[i].most, table[i].n_entry = n_in, most, n_entry
            table[i].work = <void *> <uintptr_t> memory
        return table

    def train(self, list sources, index, int64_t first_row, int64_t n_total, int64_t batch,
              int32_t loss, int32_t total, Learner learner, lr, uint64_t seed, int32_t n_thread=1,
              sums=None, list rows=None):
        """Make the minibatch steps of ``n_total`` rows, ``batch`` at a time; all without the GIL.

        ``loss`` and ``total`` number the tensors of the scalar loss and of its two sums (-1:
        none).  ``learner`` updates the parameters, with the rates ``lr`` of each step and group,
        and counts the steps; without it they are only evaluated.  ``sums`` are those of w l and
        of w, then of the rows of a step times its mean loss and times its l2_per_row penalty, all
        of which go on here: in place, since a signal may come before a result is stored.
        ``rows`` are the gradients that the learner's ranges number: see `_row_grads`.
        Returns (last loss, error or None); the steps before an error are done, the one that
        failed has changed no parameter.
        """
        cdef capi.cnn_chunk chunk
        cdef capi.cnn_fault fault
        cdef capi.cnn_status status
        cdef capi.cnn_source *table
        cdef capi.cnn_row_grad *row_grads = NULL
        cdef const int64_t *picked = <int64_t *> _data(index, cnp.NPY_INT64, 1, "index", n_total)
        cdef const double *rates = <double *> _data(lr, cnp.NPY_DOUBLE, 2, "lr", 1)
        cdef double *own = <double *> _data(sums, cnp.NPY_DOUBLE, 1, "sums", 4)
        if learner is not None and (lr is None or cnp.PyArray_NDIM(lr) != 2
                                    or cnp.PyArray_DIM(lr, 1) != learner.c.n_group
                                    or cnp.PyArray_DIM(lr, 0) * batch < n_total):
            raise ShapeError(f"train: need rates of each step and {learner.c.n_group} groups")
        if learner is not None and learner.n_rows != (0 if rows is None else len(rows)):
            raise ShapeError(f"train: need gradients of sparse rows as the learner has them, "
                             f"{learner.n_rows}; got others")
        table = self._sources(sources)
        memset(&chunk, 0, sizeof(chunk))
        memset(&fault, 0, sizeof(fault))
        error = None
        try:
            if rows:
                row_grads = self._row_grads(rows)
            chunk.run = self.begin(0, self.plan.n_step, n_thread)[0]
        except BaseException:
            free(row_grads)
            free(table)
            raise
        chunk.run.seed, chunk.rows = seed, row_grads
        if own != NULL:
            chunk.loss_sum, chunk.weight_sum = own[0], own[1]
            chunk.batch_sum[0], chunk.batch_sum[1] = own[2], own[3]
        chunk.source, chunk.n_source, chunk.index = table, len(sources), picked
        chunk.first_row, chunk.n_total, chunk.batch = first_row, n_total, batch
        chunk.loss = &self.tensor[loss]
        if total >= 0:
            chunk.total = <const double *> self.tensor[total].data
        if learner is not None:
            chunk.learner, chunk.lr, chunk.run.counter = &learner.c, rates, learner.step
        with nogil:
            status = api().train(&chunk, &fault)
        if learner is not None:
            learner.step += chunk.done
        if own != NULL:
            own[0], own[1] = chunk.loss_sum, chunk.weight_sum
            own[2], own[3] = chunk.batch_sum[0], chunk.batch_sum[1]
        self.end()
        free(row_grads)
        free(table)
        if status == capi.CNN_ERR_LOSS or status == capi.CNN_ERR_GRADIENT:
            error = learner.not_finite(status, &fault)
        elif status != capi.CNN_OK:
            try:
                self.raise_fault(status, &fault)
            except BaseException as raised:
                error = raised
        return chunk.last_loss, error
