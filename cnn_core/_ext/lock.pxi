"""Lock: mutual exclusion that a forked child can rely on."""
cimport cython
from cpython.pythread cimport PyThread_get_thread_ident
from libc.stdint cimport int64_t

import os
from _thread import allocate_lock

from cnn_core.errors import StateError

cdef int64_t _forks_so_far = 0      # from the first process to this one
cdef long _survivor = 0             # the thread of the parent that this process goes on as
cdef double WAIT_SECONDS = 0.05


def _after_fork():
    global _forks_so_far, _survivor
    _forks_so_far += 1
    _survivor = <long> PyThread_get_thread_ident()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@cython.final
cdef class Lock:
    """A lock that one thread holds at a time; ``with`` takes it.

    The thread that holds it may take it again, unless there is a ``refusal``, the text of the
    `StateError` that it then gets.  Ctrl-C ends the waiting.  In the child of a fork a lock is
    free that another thread of the parent held: that thread does not live on.

    Every method holds the GIL, which makes the members safe; taking a free lock costs nothing.
    """

    cdef str _refusal
    cdef long _owner                # the thread that holds it; 0: none
    cdef int _depth                 # how often the owner has taken it besides
    cdef int _waiting
    cdef object _wake               # what those who wait sleep on
    cdef int64_t _forks             # when it was last taken

    def __cinit__(self, str refusal=None):
        self._refusal, self._forks = refusal, _forks_so_far

    def __enter__(self):
        self.enter()

    def __exit__(self, kind, value, trace):
        self.leave()

    cdef int enter(self) except -1:
        """Take the lock; wait for another thread to leave it."""
        cdef long me = <long> PyThread_get_thread_ident()
        if self._forks != _forks_so_far:
            self._renew()
        if self._owner == 0:
            self._owner = me
        elif self._owner == me:
            self._take_again()
        else:
            self._wait(me)
        return 0

    cdef void leave(self) noexcept:
        if self._depth:
            self._depth -= 1
            return
        self._owner = 0
        if self._waiting:
            try:
                self._wake.release()
            except RuntimeError:
                pass                # it is released: somebody is about to wake up

    cdef int _take_again(self) except -1:
        if self._refusal is not None:
            raise StateError(self._refusal)
        self._depth += 1
        return 0

    cdef int _wait(self, long me) except -1:
        if self._wake is None:
            self._wake = allocate_lock()
            self._wake.acquire()
        self._waiting += 1
        try:
            while self._owner != 0:
                # Not for ever: Ctrl-C may take away the thread that a release has woken.
                self._wake.acquire(True, WAIT_SECONDS)
            self._owner = me
        finally:
            self._waiting -= 1
        return 0

    cdef void _renew(self) noexcept:
        """Forget the threads that were left behind in the parent of a fork."""
        if self._owner != _survivor:
            self._owner, self._depth = 0, 0
        self._waiting, self._wake, self._forks = 0, None, _forks_so_far
