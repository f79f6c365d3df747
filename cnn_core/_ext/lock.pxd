from libc.stdint cimport int64_t

cdef class Lock:
    cdef str _refusal
    cdef long _owner                # the thread that holds it; 0: none
    cdef int _depth                 # how often the owner has taken it besides
    cdef int _waiting
    cdef object _wake               # what those who wait sleep on
    cdef int64_t _forks             # when it was last taken

    cdef int enter(self) except -1
    cdef void leave(self) noexcept
    cdef int _take_again(self) except -1
    cdef int _wait(self, long me) except -1
    cdef void _renew(self) noexcept
