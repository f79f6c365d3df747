from libc.stdint cimport int32_t, int64_t

from cnn_core._ext cimport capi

cdef class Average:
    cdef capi.cnn_average c
    cdef capi.cnn_followed *part
    cdef list keep

cdef class Learner:
    cdef capi.cnn_learner c
    cdef Average followed, gathered
    cdef public int64_t step            # updates made so far
    cdef double hyper[16]
    cdef double *lr                     # of one step
    cdef double batch[2]                # see cnn_learner
    cdef capi.cnn_range *range
    cdef list keep, names
    cdef int32_t n_rows                 # ranges whose gradient comes of sparse rows
    cdef _set_range(self, str kernel, capi.cnn_range *r, value, grad, list slots)
    cdef const double *rates(self, tuple lr) except NULL
    cdef object not_finite(self, capi.cnn_status status, const capi.cnn_fault *fault)
