from libc.stdint cimport int64_t

from cnn_core._ext cimport capi

cdef class Learner:
    cdef capi.cnn_learner c
    cdef public int64_t step            # updates made so far
    cdef double hyper[16]
    cdef capi.cnn_range *ranges
    cdef list keep
    cdef object spans
    cdef _set_ranges(self, str kernel, ranges, int64_t n)
    cdef object not_finite(self, capi.cnn_status status, const capi.cnn_fault *fault)
