from cnn_core._ext cimport capi

cdef class GateCall:
    cdef object _function
    cdef tuple _inputs, _outputs
    cdef object _error

    cdef int _call(self, const capi.cnn_call *c) except -1

cdef capi.cnn_status call_gate(const capi.cnn_call *c) noexcept nogil
cdef object take_error(const capi.cnn_step *step, str label)
