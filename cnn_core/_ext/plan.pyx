"""Plan: a compiled graph as the C core runs it, flat tables of tensors and steps."""
cimport cython
from libc.stdint cimport int32_t, int64_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from cnn_core._ext cimport capi
from cnn_core._ext.core cimport api, need_blas, raise_for
from cnn_core._ext.gate cimport GateCall, call_gate, take_error
from cnn_core._ext.lock cimport Lock
from cnn_core._ext.optim cimport Learner

from cnn_core.errors import CnnCoreError, DtypeError, ShapeError

from cnn_core._ext.core import PRODUCTS

FORWARD, FUSED_LOSS, JOINT = -1, -2, -3      # values of a step's `which`; else an input's number

cdef dict _DTYPES = {"float32": capi.CNN_F32, "float64": capi.CNN_F64, "int32": capi.CNN_I32,
                     "uint8": capi.CNN_U8, "int64": capi.CNN_I64}


cdef void *_calloc(size_t n, size_t size) except NULL:
    cdef void *memory = calloc(n if n else 1, size)
    if memory == NULL:
        raise MemoryError(f"no memory for {n} entries of {size} bytes")
    return memory


@cython.final
cdef class Plan:
    """The tables of a program.

    ``tensors`` is a list of (address, dtype name, batched, shape), where a batched shape has
    the maximal number of rows first; ``steps`` a list of (operation, which, dtype, operands,
    attrs, split, n_unit, accumulate, user, label), where ``user`` is the name of a fused
    activation, a `GateCall`, which then is the kernel, or None.  ``keep`` holds the arrays that
    the addresses point into.  One run at a time: a second thread waits.
    """

    def __cinit__(self, list tensors, list steps, keep):
        cdef int64_t n_operand = 0, n_attr = 0
        for step in steps:
            n_operand += len(step[3])
            n_attr += len(step[4])
        self._tensor = <capi.cnn_tensor *> _calloc(len(tensors), sizeof(capi.cnn_tensor))
        self._step = <capi.cnn_step *> _calloc(len(steps), sizeof(capi.cnn_step))
        self._operand = <int32_t *> _calloc(n_operand, sizeof(int32_t))
        self._attr = <capi.cnn_attr *> _calloc(n_attr, sizeof(capi.cnn_attr))
        self._lock = Lock("a program was called from within its own run, by a gate or a callback")
        self._keep, self._gates, self.labels, self._max_row = keep, [], [], 1
        if any([step[0] in PRODUCTS for step in steps]):
            need_blas()
        for address, dtype, batched, shape in tensors:
            self._add_tensor(address, dtype, batched, shape)
        n_operand = n_attr = 0
        for step in steps:
            op, which, real, operands, attrs, split, n_unit, accumulate, user, label = step
            self._add_step(n_operand, n_attr, op, which, real, operands, attrs, split, n_unit,
                           accumulate, user, label)
            n_operand += len(step[3])
            n_attr += len(step[4])
        self._set_scratch(1)

    def __dealloc__(self):
        free(self._tensor)
        free(self._step)
        free(self._operand)
        free(self._attr)
        free(self._scratch_memory)
        free(self._segment)
        free(self._tile)

    cdef int _set_scratch(self, int32_t n_thread) except -1:
        """Allocate as much working memory for each thread as the steps ask for."""
        cdef int64_t each = 0
        cdef int i
        cdef void *memory
        for i in range(self._n_step):
            each = max(each, api().scratch_bytes(&self._step[i], self._tensor, self._max_row))
        memory = malloc(n_thread * each + capi.CNN_LINE)
        if memory == NULL:
            raise MemoryError(f"no memory for {each} bytes of scratch for each of {n_thread} "
                              f"threads")
        self._scratch_bytes = each
        free(self._scratch_memory)
        self._scratch_memory, self._n_thread = memory, n_thread
        self._scratch = <char *> ((<uintptr_t> memory + capi.CNN_LINE - 1)
                                  & ~(<uintptr_t> capi.CNN_LINE - 1))
        return 0

    def use_threads(self, int32_t n_thread, schedule):
        """Divide runs of the whole plan among ``n_thread`` threads; return how many there are.

        ``schedule`` is (segments, tiles, rows_first), a `Schedule` of `cnn_core.graph.schedule`,
        or None for one thread.  Where the system refuses threads,
        there are fewer.
        """
        cdef capi.cnn_segment *segment
        cdef capi.cnn_tile *tile
        cdef int i
        if n_thread <= 1 or schedule is None:
            self._n_thread = 1
            return 1
        with nogil:     # who has the pool may be waiting for the GIL, in a gate
            n_thread = api().grow_pool(n_thread)
        segments, tiles, rows_first = schedule
        segment, tile = NULL, NULL
        try:
            segment = <capi.cnn_segment *> _calloc(len(segments), sizeof(capi.cnn_segment))
            tile = <capi.cnn_tile *> _calloc(len(tiles), sizeof(capi.cnn_tile))
            for i, (split, first, last, first_tile, n_tile, max_row) in enumerate(segments):
                segment[i].split, segment[i].first, segment[i].last = split, first, last
                segment[i].first_tile, segment[i].n_tile = first_tile, n_tile
                segment[i].max_row = max_row
            for i, (step, begin, end) in enumerate(tiles):
                tile[i].step, tile[i].begin, tile[i].end = step, begin, end
            self._enter()
            try:
                self._set_scratch(n_thread)
                self._segment, segment = segment, self._segment
                self._tile, tile = tile, self._tile
                self._n_segment, self._rows_first = len(segments), rows_first
            finally:
                self._leave()
        finally:        # the former ones, or, after an error, the new ones
            free(segment)
            free(tile)
        return n_thread

    cdef void _prepare(self, capi.cnn_run *run, int32_t last, int32_t n_thread) noexcept:
        """Fill in what every run needs; more threads than one only for the whole plan."""
        run.step, run.tensor, run.last = self._step, self._tensor, last
        run.scratch, run.scratch_bytes = self._scratch, self._scratch_bytes
        run.segment, run.tile, run.n_segment = self._segment, self._tile, self._n_segment
        run.rows_first = self._rows_first
        run.n_thread = min(n_thread, self._n_thread) if last == self._n_step else 1

    cdef _add_tensor(self, uintptr_t address, str dtype, bint batched, tuple shape):
        cdef capi.cnn_tensor *t = &self._tensor[self._n_tensor]
        cdef int i
        if len(shape) > capi.CNN_MAX_DIM:
            raise ShapeError(f"plan: need tensors of at most {capi.CNN_MAX_DIM} axes; got {shape}")
        t.data, t.dtype, t.n_dim, t.size = <void *> address, _DTYPES[dtype], len(shape), 1
        for i in range(capi.CNN_MAX_DIM):
            t.dim[i] = shape[i] if i < t.n_dim else 1
            if i >= <int> batched:
                t.size *= t.dim[i]
        t.stride = t.size if batched else 0
        if batched:
            self._max_row = max(self._max_row, t.dim[0])
        self._n_tensor += 1

    cdef _add_step(self, int64_t first_operand, int64_t first_attr, str op, int which, int dtype,
                   tuple operands, tuple attrs, int split, int64_t n_unit, int32_t accumulate,
                   user, str label):
        cdef capi.cnn_step *s = &self._step[self._n_step]
        cdef int i
        s.wrt = max(which, 0)
        if isinstance(user, GateCall):
            s.kernel, s.user = call_gate, <const void *> user
            self._gates.append(user)
        else:
            self._find_kernel(s, op, which, dtype, label)
            if user is not None:
                s.user = api().find_op((<str> user).encode())
        s.n_operand, s.split, s.n_unit, s.accumulate = len(operands), split, n_unit, accumulate
        s.operand = self._operand + first_operand
        for i in range(s.n_operand):
            self._operand[first_operand + i] = operands[i]
        s.attr = self._attr + first_attr
        for i in range(len(attrs)):
            if isinstance(attrs[i], float):
                self._attr[first_attr + i].f = attrs[i]
            else:
                self._attr[first_attr + i].i = attrs[i]
        self.labels.append(label)
        self._n_step += 1

    cdef int _find_kernel(self, capi.cnn_step *s, str op, int which, int dtype,
                          str label) except -1:
        """Set the kernel of an operation of the C core."""
        cdef const capi.cnn_op *found = api().find_op(op.encode())
        cdef int last = 0
        if found == NULL:
            raise CnnCoreError(f"{label}: no C kernel named {op!r}")
        s.uses_scratch = found.uses_scratch
        if which == FORWARD:
            s.kernel = found.forward[dtype]
        elif which == FUSED_LOSS:
            s.kernel = found.fused_loss[dtype]
        else:
            while last + 1 < capi.CNN_MAX_GRAD and found.grad[last + 1][0] != NULL:
                last += 1
            s.kernel = found.grad[min(which, last)][dtype]
        if s.kernel == NULL:
            raise CnnCoreError(f"{label}: the operation {op!r} has no kernel for step {which}")
        return 0

    cdef int _enter(self) except -1:
        """Become the only thread that uses the tables; wait for another one to leave."""
        return self._lock.enter()

    cdef void _leave(self) noexcept:
        self._lock.leave()

    cdef int _raise(self, capi.cnn_status status, capi.cnn_fault *fault) except -1:
        cdef const capi.cnn_step *s = &self._step[fault.step]
        if status == capi.CNN_ERR_CALLBACK:
            raise take_error(s, self.labels[fault.step])
        # Where indices are checked, cnn_index.h says where the length of their axis stands.
        n = s.attr[1].i if status == capi.CNN_ERR_INDEX_RANGE else self._tensor[s.operand[0]].size
        return raise_for(status, self.labels[fault.step], fault, n)

    @property
    def n_steps(self):
        return self._n_step

    @property
    def scratch_bytes(self):
        """The bytes of working memory that each thread has."""
        return self._scratch_bytes

    def bind(self, int32_t tensor, uintptr_t address):
        """Let a tensor's data start at ``address``, which the caller keeps alive."""
        if not 0 <= tensor < self._n_tensor:
            raise IndexError(f"need a tensor in [0, {self._n_tensor}); got {tensor}")
        self._enter()
        self._tensor[tensor].data = <void *> address
        self._leave()

    def replace_kernel(self, int32_t step, uintptr_t address):
        """Let a step call the C function at ``address``; return the former one.

        For tests, which plant wrong kernels and must see them found.
        """
        if not 0 <= step < self._n_step:
            raise IndexError(f"need a step in [0, {self._n_step}); got {step}")
        former = <uintptr_t> self._step[step].kernel
        self._enter()
        self._step[step].kernel = <capi.cnn_kernel> address
        self._leave()
        return former

    def run(self, int32_t first, int32_t last, int64_t n_row, uint64_t seed=0, int64_t counter=0,
            bint check_finite=False, int32_t n_thread=1):
        """Run the steps ``first <= s < last`` over ``n_row`` rows."""
        cdef capi.cnn_fault fault
        cdef capi.cnn_run run
        cdef capi.cnn_status status
        if not 0 < n_row <= self._max_row:
            raise ShapeError(f"need 1 to {self._max_row} rows; got {n_row}")
        if not 0 <= first <= last <= self._n_step:
            raise IndexError(f"need steps within [0, {self._n_step}]; got [{first}, {last})")
        memset(&fault, 0, sizeof(fault))
        self._enter()
        self._prepare(&run, last, 1 if first > 0 or check_finite else n_thread)
        run.first, run.n_row = first, n_row
        run.seed, run.counter, run.check_finite = seed, counter, check_finite
        with nogil:
            status = api().run(&run, &fault)
        self._leave()
        if status != capi.CNN_OK:
            self._raise(status, &fault)

    cdef capi.cnn_source *_sources(self, list sources) except NULL:
        """Enter, and build the table of (tensor, address, dtype name, scale, shift).

        The caller frees the table and leaves.
        """
        cdef capi.cnn_source *table
        cdef int i
        for tensor, _, dtype, _, _ in sources:      # all that may fail comes before the table
            if dtype not in _DTYPES:
                raise DtypeError(f"need a source of dtype {', '.join(_DTYPES)}; got {dtype}")
            if not 0 <= tensor < self._n_tensor:
                raise IndexError(f"need a tensor in [0, {self._n_tensor}); got {tensor}")
        self._enter()
        try:
            table = <capi.cnn_source *> _calloc(len(sources), sizeof(capi.cnn_source))
        except MemoryError:
            self._leave()
            raise
        for i, (tensor, address, dtype, scale, shift) in enumerate(sources):
            table[i].target = &self._tensor[<int> tensor]
            table[i].data = <const void *> <uintptr_t> address
            table[i].dtype, table[i].scale, table[i].shift = _DTYPES[dtype], scale, shift
        return table

    def gather(self, list sources, int64_t first_row, int64_t n_row):
        """Copy rows ``first_row ...`` of every source into its tensor, converted."""
        cdef capi.cnn_source *table = self._sources(sources)
        cdef int i
        for i in range(len(sources)):
            api().gather(&table[i], NULL, first_row, n_row)
        self._leave()
        free(table)

    def train(self, int32_t n_step, list sources, const int64_t[::1] index, int64_t first_row,
              int64_t n_total, int64_t batch, int32_t loss, int32_t total, Learner learner,
              const double[::1] lr, uint64_t seed, int32_t n_thread=1,
              double[::1] sums=None):
        """Make the minibatch steps of ``n_total`` rows, ``batch`` at a time; all without the GIL.

        ``loss`` and ``total`` number the tensors of the scalar loss and of its two sums (-1:
        none).  ``learner`` updates the parameters and counts the steps; without it they are
        only evaluated.  ``sums`` are those of w l and of w, which go on here: in place, since a
        signal may come before a result is stored.  Returns (last loss, error or None); the steps
        before an error are done, the one that failed has changed no parameter.
        """
        cdef capi.cnn_chunk chunk
        cdef capi.cnn_fault fault
        cdef capi.cnn_status status
        cdef capi.cnn_source *table = self._sources(sources)
        memset(&chunk, 0, sizeof(chunk))
        memset(&fault, 0, sizeof(fault))
        error = None
        self._prepare(&chunk.run, n_step, n_thread)
        chunk.run.seed = seed
        if sums is not None:
            chunk.loss_sum, chunk.weight_sum = sums[0], sums[1]
        chunk.source, chunk.n_source = table, len(sources)
        if index is not None:
            chunk.index = &index[0]
        chunk.first_row, chunk.n_total, chunk.batch = first_row, n_total, batch
        chunk.loss = &self._tensor[loss]
        if total >= 0:
            chunk.total = <const double *> self._tensor[total].data
        if learner is not None:
            chunk.learner, chunk.lr, chunk.run.counter = &learner.c, &lr[0], learner.step
        with nogil:
            status = api().train(&chunk, &fault)
        if learner is not None:
            learner.step += chunk.done
        if sums is not None:
            sums[0], sums[1] = chunk.loss_sum, chunk.weight_sum
        self._leave()
        free(table)
        if status == capi.CNN_ERR_LOSS or status == capi.CNN_ERR_GRADIENT:
            error = learner.not_finite(status, &fault)
        elif status != capi.CNN_OK:
            try:
                self._raise(status, &fault)
            except BaseException as raised:
                error = raised
        return chunk.last_loss, error
