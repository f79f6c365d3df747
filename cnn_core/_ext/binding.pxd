from libc.stdint cimport int32_t, int64_t

from cnn_core._ext cimport capi
from cnn_core._ext.lock cimport Lock
from cnn_core._ext.plan cimport Division, Memory, Plan

cdef struct Watch:
    capi.cnn_watch c                    # comes first: C knows no more
    void *binding
    double next                         # when it looks for signals again
    bint stopped

cdef class Binding:
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

    cdef int _lay_out(self) except -1
    cdef capi.cnn_run *begin(self, int32_t first, int32_t last, int32_t n_thread) except NULL
    cdef void _divide(self, capi.cnn_run *run, int32_t n_thread) noexcept
    cdef void _move_arena(self) noexcept
    cdef void end(self) noexcept
    cdef int raise_fault(self, capi.cnn_status status, capi.cnn_fault *fault) except -1
    cdef capi.cnn_source *_sources(self, list sources) except NULL
    cdef capi.cnn_row_grad *_row_grads(self, list rows) except NULL
