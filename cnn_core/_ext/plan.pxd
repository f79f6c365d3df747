from libc.stdint cimport int32_t, int64_t, uintptr_t

from cnn_core._ext cimport capi
from cnn_core._ext.lock cimport Lock

cdef class Plan:
    cdef capi.cnn_tensor *_tensor
    cdef capi.cnn_step *_step
    cdef int32_t *_operand
    cdef capi.cnn_attr *_attr
    cdef void *_scratch_memory
    cdef char *_scratch
    cdef int64_t _scratch_bytes         # of one thread
    cdef int64_t _max_row               # of a batch
    cdef capi.cnn_segment *_segment
    cdef capi.cnn_tile *_tile
    cdef int32_t _n_step, _n_tensor, _n_thread, _n_segment
    cdef bint _rows_first
    cdef Lock _lock
    cdef object _keep
    cdef list _gates
    cdef readonly list labels

    cdef int _set_scratch(self, int32_t n_thread) except -1
    cdef void _prepare(self, capi.cnn_run *run, int32_t last, int32_t n_thread) noexcept
    cdef _add_tensor(self, uintptr_t address, str dtype, bint batched, tuple shape)
    cdef _add_step(self, int64_t first_operand, int64_t first_attr, str op, int which, int dtype,
                   tuple operands, tuple attrs, int split, int64_t n_unit, int32_t accumulate,
                   user, str label)
    cdef int _find_kernel(self, capi.cnn_step *s, str op, int which, int dtype,
                          str label) except -1
    cdef int _enter(self) except -1
    cdef void _leave(self) noexcept
    cdef int _raise(self, capi.cnn_status status, capi.cnn_fault *fault) except -1
    cdef capi.cnn_source *_sources(self, list sources) except NULL
