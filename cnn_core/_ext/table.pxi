"""Table: a plan of a few steps on the stack, built and run within one call."""
from libc.stdint cimport int32_t, int64_t, uintptr_t
from libc.string cimport memset

from cnn_core._ext cimport capi

from cnn_core.errors import OptionError

cdef enum:
    MAX_STEP = 4
    MAX_TENSOR = 10
    MAX_OPERAND = 6
    MAX_ATTR = 4

cdef struct Table:
    capi.cnn_tensor tensor[MAX_TENSOR]
    const char *name[MAX_TENSOR]        # in messages; NULL: no array of the caller
    int64_t n_byte[MAX_TENSOR]
    bint written[MAX_TENSOR]
    int32_t operand[MAX_STEP][MAX_OPERAND]
    capi.cnn_attr attr[MAX_STEP][MAX_ATTR]
    capi.cnn_step step[MAX_STEP]
    int n_tensor
    int n_step
    bint in_place                       # a written tensor may be exactly another one


cdef const capi.cnn_tensor *add_tensor(Table *t, const char *name, const void *data, int dtype,
                                       bint batched, int64_t n_row, int64_t n_column,
                                       bint written=False) noexcept nogil:
    """Add a tensor (n_row, n_column), whose rows are those of the batch if it is ``batched``."""
    cdef int i = t.n_tensor
    cdef capi.cnn_tensor *tensor = &t.tensor[i]
    tensor.data, tensor.dtype, tensor.n_dim = <void *> data, dtype, 2
    tensor.dim[0], tensor.dim[1] = n_row, n_column
    tensor.size = n_column if batched else n_row * n_column
    tensor.stride = n_column if batched else 0
    t.name[i], t.written[i] = name, written
    t.n_byte[i] = n_row * n_column * (8 if dtype == capi.CNN_F64 else 4)
    t.n_tensor += 1
    return tensor


cdef capi.cnn_step *add_step(Table *t, const capi.cnn_op *op, capi.cnn_kernel kernel, int split,
                             const capi.cnn_tensor *a, const capi.cnn_tensor *b,
                             const capi.cnn_tensor *c=NULL, const capi.cnn_tensor *d=NULL,
                             const capi.cnn_tensor *e=NULL, const capi.cnn_tensor *f=NULL,
                             ) noexcept nogil:
    """Add a step of a kernel of ``op`` over the operands that are not NULL."""
    cdef capi.cnn_step *step = &t.step[t.n_step]
    cdef const capi.cnn_tensor *given[MAX_OPERAND]
    given[0], given[1], given[2], given[3], given[4], given[5] = a, b, c, d, e, f
    for tensor in given:
        if tensor != NULL:
            t.operand[t.n_step][step.n_operand] = <int32_t> (<char *> tensor - <char *> t.tensor)
            step.n_operand += 1
    step.kernel, step.split, step.operand = kernel, split, t.operand[t.n_step]
    step.products = op.products
    step.attr = t.attr[t.n_step]
    t.n_step += 1
    return step


cdef int set_attrs(Table *t, int step, tuple attrs) except -1:
    cdef int i
    for i in range(len(attrs)):
        if isinstance(attrs[i], float):
            t.attr[step][i].f = attrs[i]
        else:
            t.attr[step][i].i = attrs[i]
    return 0


cdef int _check_apart(Table *t, str who) except -1:
    """Raise `OptionError` if an output shares memory with another array."""
    cdef int i, j
    cdef uintptr_t a, b
    for i in range(t.n_tensor):
        for j in range(t.n_tensor):
            a, b = <uintptr_t> t.tensor[i].data, <uintptr_t> t.tensor[j].data
            if (i == j or not t.written[i] or a + t.n_byte[i] <= b or b + t.n_byte[j] <= a
                    or (t.in_place and a == b and t.n_byte[i] == t.n_byte[j])):
                continue
            name, other = t.name[i].decode(), t.name[j].decode()
            alone = f"apart from {other}" + (f", or {other} itself" if t.in_place else "")
            raise OptionError(f"{who}: need {name} {alone}; got arrays that overlap in memory")
    return 0


cdef int run_table(Table *t, str who, int64_t n_row, int64_t n_class=0) except -1:
    """Run the steps on this thread without the GIL; ``who`` and ``n_class`` are for errors."""
    cdef capi.cnn_run run
    cdef capi.cnn_fault fault
    cdef capi.cnn_status status
    cdef Memory *scratch = NULL
    cdef int64_t n_byte = 0
    cdef int i
    _check_apart(t, who)
    for i in range(t.n_step):
        n_byte = max(n_byte, api().scratch_bytes(&t.step[i], t.tensor, n_row))
    memset(&run, 0, sizeof(run))
    memset(&fault, 0, sizeof(fault))
    run.step, run.tensor, run.last = t.step, t.tensor, t.n_step
    run.n_row, run.n_thread = n_row, 1
    if n_byte > 0:
        scratch = take_memory(n_byte)
        if scratch == NULL:
            raise MemoryError(f"no memory for {n_byte} bytes to work in")
        run.scratch, run.scratch_bytes = scratch.line, scratch.n_byte
    with nogil:
        status = api().run(&run, &fault)
    if scratch != NULL:
        give_memory(scratch)
    return raise_for(status, who, &fault, n_class)
