from libc.stdint cimport int32_t, int64_t

from cnn_core._ext cimport capi

cdef enum:
    ARENA = 0       # the space of what a run makes and nobody looks at afterwards

cdef dict DTYPES

cdef void *zeros(size_t n, size_t size) except NULL

cdef struct Memory:
    char *line                          # the first byte that is lent
    int64_t n_byte
    Memory *next                        # of those that nobody uses

cdef Memory *take_memory(int64_t n_byte) noexcept
cdef void give_memory(Memory *memory) noexcept

cdef class Division:
    cdef capi.cnn_segment *segment
    cdef capi.cnn_tile *tile
    cdef int32_t n_segment, n_first, n_forward
    cdef readonly int32_t n_thread
    cdef bint rows_first

cdef class Plan:
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

    cdef int _add_tensor(self, int32_t space, int64_t offset, str dtype, bint batched,
                         tuple shape) except -1
    cdef int _add_step(self, int64_t first_operand, int64_t first_attr, str op, int which,
                       int dtype, tuple operands, tuple attrs, int split, int64_t n_unit,
                       int32_t accumulate, user, str label) except -1
    cdef int _find_kernel(self, capi.cnn_step *s, str op, int which, int dtype,
                          str label) except -1
