from libc.stdint cimport int32_t, int64_t

from cnn_core._ext cimport capi

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
                                       bint written=*) noexcept nogil
cdef capi.cnn_step *add_step(Table *t, const capi.cnn_op *op, capi.cnn_kernel kernel, int split,
                             const capi.cnn_tensor *a, const capi.cnn_tensor *b,
                             const capi.cnn_tensor *c=*, const capi.cnn_tensor *d=*,
                             const capi.cnn_tensor *e=*, const capi.cnn_tensor *f=*) noexcept nogil
cdef int set_attrs(Table *t, int step, tuple attrs) except -1
cdef int run_table(Table *t, str who, int64_t n_row, int64_t n_class=*) except -1
