"""Plan: a compiled graph as the C core runs it, without an address; and memory to run it in."""
cimport cython
from libc.stdint cimport int32_t, int64_t, uintptr_t
from libc.stdlib cimport calloc, free, malloc

from cnn_core._ext cimport capi

from cnn_core.errors import CnnCoreError, ShapeError

# Values of a step's `which`; else an input's number.
FORWARD, FUSED_LOSS, JOINT, STATISTICS, SUMS, UPDATE = range(-1, -7, -1)

cdef enum:
    ARENA = 0       # the space of what a run makes and nobody looks at afterwards

cdef dict DTYPES = {"float32": capi.CNN_F32, "float64": capi.CNN_F64, "int32": capi.CNN_I32,
                    "uint8": capi.CNN_U8, "int64": capi.CNN_I64}


cdef void *zeros(size_t n, size_t size) except NULL:
    cdef void *memory = calloc(n if n else 1, size)
    if memory == NULL:
        raise MemoryError(f"no memory for {n} entries of {size} bytes")
    return memory


cdef void *_aligned(void *memory) noexcept:
    return <void *> ((<uintptr_t> memory + capi.CNN_LINE - 1) & ~(<uintptr_t> capi.CNN_LINE - 1))


# -- working memory ------------------------------------------------------------------------------

cdef struct Memory:
    char *line                          # the first byte that is lent
    int64_t n_byte
    Memory *next                        # of those that nobody uses

# What runs leave nothing in is lent to them, by all plans of the process from one stock: the piece
# that was given back last, of any size, and others up to `MOST_IDLE` bytes.  All under the GIL.
cdef Memory *_last = NULL
cdef Memory *_others = NULL             # the one that was put there last comes first
cdef int64_t MOST_IDLE = 64 << 20


cdef Memory *take_memory(int64_t n_byte) noexcept:
    """Return a piece of at least ``n_byte`` bytes, whatever they are, which is the caller's until
    it gives it back; NULL where the system has none."""
    global _last
    cdef Memory *found = _last
    if found != NULL and found.n_byte >= n_byte:
        _last = NULL
        return found
    return _search(n_byte)


cdef Memory *_search(int64_t n_byte) noexcept:
    global _last
    cdef Memory **link = &_others
    cdef Memory *found
    cdef void *whole
    while link[0] != NULL:
        found = link[0]
        if found.n_byte >= n_byte:
            link[0] = found.next
            return found
        link = &found.next
    whole = malloc(n_byte + sizeof(Memory) + 2 * capi.CNN_LINE)
    if whole == NULL:
        return NULL
    free(_last)                         # it was too small: the new one can stand for it
    _last = NULL
    found = <Memory *> whole
    found.n_byte, found.next = n_byte, NULL
    found.line = <char *> _aligned(<char *> whole + sizeof(Memory))
    return found


cdef void give_memory(Memory *memory) noexcept:
    global _last, _others
    cdef Memory **link = &_others
    cdef Memory *gone
    cdef int64_t kept = 0
    if _last == NULL:
        _last = memory
        return
    _last.next, _others = _others, _last
    _last = memory
    while link[0] != NULL:
        kept += link[0].n_byte
        if kept > MOST_IDLE:
            gone, link[0] = link[0], link[0].next
            free(gone)
        else:
            link = &link[0].next


def idle_memory():
    """Return the bytes of each piece of working memory that no run uses at present."""
    cdef Memory *at = _others
    found = [] if _last == NULL else [_last.n_byte]
    while at != NULL:
        found.append(at.n_byte)
        at = at.next
    return found


def grow_pool(int32_t n_thread):
    """Let there be ``n_thread`` threads; return how many there are, as the system may refuse."""
    with nogil:     # who has the pool may be waiting for the GIL, in a gate
        n_thread = api().grow_pool(n_thread)
    return n_thread


# -- plans ---------------------------------------------------------------------------------------


@cython.final
cdef class Division:
    """How ``n_thread`` threads divide a plan: the members of a `Schedule`, of
    `cnn_core.compile.schedule`."""

    cdef capi.cnn_segment *segment
    cdef capi.cnn_tile *tile
    cdef int32_t n_segment, n_first, n_forward
    cdef readonly int32_t n_thread
    cdef bint rows_first

    def __cinit__(self, list segments, list tiles, bint rows_first, int32_t n_forward,
                  int32_t n_first, int32_t n_thread):
        cdef int i
        self.segment = <capi.cnn_segment *> zeros(len(segments), sizeof(capi.cnn_segment))
        self.tile = <capi.cnn_tile *> zeros(len(tiles), sizeof(capi.cnn_tile))
        for i, (split, first, last, first_tile, n_tile, max_row) in enumerate(segments):
            self.segment[i].split, self.segment[i].first, self.segment[i].last = split, first, last
            self.segment[i].first_tile, self.segment[i].n_tile = first_tile, n_tile
            self.segment[i].max_row = max_row
        for i, (step, begin, end) in enumerate(tiles):
            self.tile[i].step, self.tile[i].begin, self.tile[i].end = step, begin, end
        self.n_segment, self.rows_first, self.n_thread = len(segments), rows_first, n_thread
        self.n_forward, self.n_first = n_forward, n_first

    def __dealloc__(self):
        free(self.segment)
        free(self.tile)


@cython.final
cdef class Plan:
    """The steps of a program and the shapes of the tensors that they number: no address.

    ``tensors`` is a list of (space, offset in bytes, dtype name, batched, shape), where a batched
    shape has the maximal number of rows first; ``steps`` a list of (operation, which, dtype,
    operands, attrs, split, n_unit, accumulate, user, label), where ``user`` is the name of a fused
    activation, a `GateCall`, which then is the kernel, or None.  ``arena_bytes`` is the size of
    the space `ARENA`.  The last ``n_update`` steps belong to no run but that of a step that has
    learnt.  A plan never changes: any number of `Binding`s and threads run it at once.
    """

    cdef capi.cnn_tensor *_tensor       # with sizes and shapes, without addresses
    cdef int32_t *_space
    cdef int64_t *_offset               # bytes from the beginning of the space
    cdef capi.cnn_step *_step
    cdef int32_t *_operand
    cdef capi.cnn_attr *_attr
    cdef capi.cnn_stretch *_stretch
    cdef capi.cnn_local *_local
    cdef int64_t scratch_bytes          # of one thread
    cdef int64_t block_bytes            # ... and what it needs besides, for blocks of rows
    cdef int64_t arena_bytes
    cdef int64_t max_row                # of a batch
    cdef int32_t n_step, n_update, n_tensor, n_stretch
    cdef bint is_long
    cdef list _gates
    cdef readonly list labels

    def __cinit__(self, list tensors, list steps, int64_t arena_bytes, int32_t n_update=0):
        cdef int64_t n_operand = 0, n_attr = 0
        cdef int i
        for step in steps:
            n_operand += len(step[3])
            n_attr += len(step[4])
        self._tensor = <capi.cnn_tensor *> zeros(len(tensors), sizeof(capi.cnn_tensor))
        self._space = <int32_t *> zeros(len(tensors), sizeof(int32_t))
        self._offset = <int64_t *> zeros(len(tensors), sizeof(int64_t))
        self._step = <capi.cnn_step *> zeros(len(steps), sizeof(capi.cnn_step))
        self._operand = <int32_t *> zeros(n_operand, sizeof(int32_t))
        self._attr = <capi.cnn_attr *> zeros(n_attr, sizeof(capi.cnn_attr))
        self._gates, self.labels = [], []
        self.max_row, self.arena_bytes = 1, arena_bytes
        if any([step[0] in PRODUCTS for step in steps]):
            need_blas()
        if len(tensors) * sizeof(capi.cnn_tensor) > 0x7fffffff:
            raise ShapeError(f"plan: need fewer tensors; got {len(tensors)}")
        for space, offset, dtype, batched, shape in tensors:
            self._add_tensor(space, offset, dtype, batched, shape)
        n_operand = n_attr = 0
        for step in steps:
            op, which, real, operands, attrs, split, n_unit, accumulate, user, label = step
            self._add_step(n_operand, n_attr, op, which, real, operands, attrs, split, n_unit,
                           accumulate, user, label)
            n_operand += len(step[3])
            n_attr += len(step[4])
        for i in range(self.n_step):
            self.scratch_bytes = max(self.scratch_bytes, api().scratch_bytes(
                &self._step[i], self._tensor, self.max_row))
        self.n_step, self.n_update = self.n_step - n_update, n_update

    def __dealloc__(self):
        free(self._tensor)
        free(self._space)
        free(self._offset)
        free(self._step)
        free(self._operand)
        free(self._attr)
        free(self._stretch)
        free(self._local)

    def use_blocks(self, list stretches, list local, dict states, int64_t n_byte):
        """Take runs of row-wise steps block of rows by block of rows, as `Stretches` of
        `cnn_core.compile.stretches` says; ``local`` has numbers of tensors.  To be called once,
        before the first run."""
        cdef int i
        self._stretch = <capi.cnn_stretch *> zeros(len(stretches), sizeof(capi.cnn_stretch))
        self._local = <capi.cnn_local *> zeros(len(local), sizeof(capi.cnn_local))
        for i, (first, last, last_sum, first_local, n_local, rows_first, n_row) in (
                enumerate(stretches)):
            self._stretch[i] = capi.cnn_stretch(first, last, last_sum, first_local, n_local,
                                                rows_first, n_row)
        for i, (tensor, summed, fed, offset, row) in enumerate(local):
            self._local[i] = capi.cnn_local(tensor, summed, fed, offset, row)
        for i, offset in states.items():
            self._step[i].state = offset
        self.block_bytes = api().block_bytes(self.n_tensor, n_byte)
        self.n_stretch = len(stretches)

    def use_pieces(self, list pieces):
        """Let long runs of the main thread be ended by a signal, between pieces of steps: of so
        many rows or units each, 0 for whole steps.  To be called once, before the first run."""
        for i, piece in enumerate(pieces):
            self._step[<int> i].piece = piece
        self.is_long = True

    cdef int _add_tensor(self, int32_t space, int64_t offset, str dtype, bint batched,
                         tuple shape) except -1:
        cdef capi.cnn_tensor *t = &self._tensor[self.n_tensor]
        cdef int i
        if len(shape) > capi.CNN_MAX_DIM:
            raise ShapeError(f"plan: need tensors of at most {capi.CNN_MAX_DIM} axes; got {shape}")
        # Kernels that are asked for their working memory see an address, and leave it alone.
        t.data, t.dtype, t.n_dim, t.size = <void *> capi.CNN_LINE, DTYPES[dtype], len(shape), 1
        for i in range(capi.CNN_MAX_DIM):
            t.dim[i] = shape[i] if i < t.n_dim else 1
            if i >= <int> batched:
                t.size *= t.dim[i]
        t.stride = t.size if batched else 0
        if batched:
            self.max_row = max(self.max_row, t.dim[0])
        self._space[self.n_tensor], self._offset[self.n_tensor] = space, offset
        self.n_tensor += 1
        return 0

    cdef int _add_step(self, int64_t first_operand, int64_t first_attr, str op, int which,
                       int dtype, tuple operands, tuple attrs, int split, int64_t n_unit,
                       int32_t accumulate, user, str label) except -1:
        cdef capi.cnn_step *s = &self._step[self.n_step]
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
            self._operand[first_operand + i] = <int32_t> operands[i] * <int32_t> sizeof(
                capi.cnn_tensor)
        s.attr = self._attr + first_attr
        for i in range(len(attrs)):
            if isinstance(attrs[i], float):
                self._attr[first_attr + i].f = attrs[i]
            else:
                self._attr[first_attr + i].i = attrs[i]
        self.labels.append(label)
        self.n_step += 1
        return 0

    cdef int _find_kernel(self, capi.cnn_step *s, str op, int which, int dtype,
                          str label) except -1:
        """Set the kernel of an operation of the C core."""
        cdef const capi.cnn_op *found = api().find_op(op.encode())
        cdef int last = 0
        if found == NULL:
            raise CnnCoreError(f"{label}: no C kernel named {op!r}")
        s.products = found.products
        if which == FORWARD:
            s.kernel = found.forward[dtype]
        elif which == FUSED_LOSS:
            s.kernel = found.fused_loss[dtype]
        elif which <= STATISTICS:
            if found.more != NULL:
                s.kernel = (found.more.statistics[dtype] if which == STATISTICS else
                            found.more.sums[dtype] if which == SUMS else found.more.update[dtype])
        else:
            while last + 1 < capi.CNN_MAX_GRAD and found.grad[last + 1][0] != NULL:
                last += 1
            s.kernel = found.grad[min(which, last)][dtype]
        if s.kernel == NULL:
            raise CnnCoreError(f"{label}: the operation {op!r} has no kernel for step {which}")
        return 0

    @property
    def n_steps(self):
        return self.n_step

    @property
    def n_scratch(self):
        """The bytes of working memory that each thread needs."""
        return self.scratch_bytes

    def replace_kernel(self, int32_t step, uintptr_t address):
        """Let a step call the C function at ``address``; return the former one.

        For tests, which plant wrong kernels and must see them found, in plans that nobody shares.
        """
        if not 0 <= step < self.n_step:
            raise IndexError(f"need a step in [0, {self.n_step}); got {step}")
        former = <uintptr_t> self._step[step].kernel
        self._step[step].kernel = <capi.cnn_kernel> address
        return former
