from libc.stdint cimport int64_t

from cnn_core._ext cimport capi

cdef const capi.cnn_api *api() noexcept nogil
cdef int need_blas() except -1
cdef int raise_for(capi.cnn_status status, str who, const capi.cnn_fault *fault,
                   int64_t n_class) except -1
