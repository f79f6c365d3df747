"""Learner: an optimizer bound to flat buffers, as the C core sees it."""
import numpy as np

from libc.stdint cimport int64_t, uintptr_t
from libc.stdlib cimport free, malloc

from cnn_core._ext cimport capi
from cnn_core._ext.core cimport api

from cnn_core.errors import CnnCoreError, DataError, DtypeError, ShapeError


cdef uintptr_t _address(array, dtype, int64_t n, str who) except 0:
    """Return where a flat buffer starts, after checking all that C relies on."""
    if array.dtype != dtype:
        raise DtypeError(f"{who}: need dtype {dtype}; got {array.dtype}")
    if array.ndim != 1 or array.shape[0] != n or not array.flags.c_contiguous:
        raise ShapeError(f"{who}: need a contiguous array of {n} elements; got shape {array.shape}")
    if not array.flags.writeable:
        raise CnnCoreError(f"{who}: need a writable array; got a read-only one")
    return array.ctypes.data


cdef class Learner:
    """The optimizer ``kernel`` over ``value``, ``grad`` and its state buffers ``slots``.

    ``hyper`` are its options in the order of its C file, ``scalars`` 4 float64 that live from
    step to step, ``ranges`` an (n, 3) array of begin, end, weight decay.  ``clip_norm`` and
    ``clip_value`` are 0 when off, ``step`` counts the updates made before.  ``spans`` gives each
    parameter's begin and end by name.  The arrays stay in use as long as the learner.
    """

    def __cinit__(self, str kernel, value, grad, slots, scalars, hyper, ranges,
                  double clip_norm=0.0, double clip_value=0.0, int64_t step=0, *, spans=None):
        cdef int64_t n = value.shape[0]
        cdef int i
        self.c.optim = api().find_optim(kernel.encode())
        if self.c.optim == NULL:
            raise CnnCoreError(f"optimizer: no C kernel named {kernel!r}")
        self.c.dtype = capi.CNN_F32 if value.dtype == np.float32 else capi.CNN_F64
        dtype = np.float32 if self.c.dtype == capi.CNN_F32 else np.float64
        self.keep = [value, grad, list(slots), scalars]
        self.spans = {} if spans is None else spans
        self.c.param = <void *> _address(value, dtype, n, f"{kernel}: value")
        self.c.grad = <void *> _address(grad, dtype, n, f"{kernel}: grad")
        if len(slots) > self.c.optim.n_slot:
            raise CnnCoreError(f"{kernel}: need at most {self.c.optim.n_slot} slots; got "
                               f"{len(slots)}")
        for i, slot in enumerate(slots):
            self.c.slot[i] = <void *> _address(slot, dtype, n, f"{kernel}: slot {i}")
        self.c.state = <double *> _address(scalars, np.float64, capi.CNN_MAX_SLOT,
                                           f"{kernel}: scalars")
        if len(hyper) > 16:
            raise CnnCoreError(f"{kernel}: need at most 16 options; got {len(hyper)}")
        for i, option in enumerate(hyper):
            self.hyper[i] = option
        self.c.hyper = self.hyper
        self._set_ranges(kernel, np.asarray(ranges, np.float64).reshape(-1, 3), n)
        self.c.clip_norm, self.c.clip_value, self.c.n_param = clip_norm, clip_value, n
        self.step = step
        self.c.partial = <double *> malloc((api().n_block(&self.c) + 1) * sizeof(double))
        if self.c.partial == NULL:
            raise MemoryError(f"{kernel}: no memory for the norms of {n} gradients")

    cdef _set_ranges(self, str kernel, ranges, int64_t n):
        cdef int i
        self.ranges = <capi.cnn_range *> malloc(max(len(ranges), 1) * sizeof(capi.cnn_range))
        if self.ranges == NULL:
            raise MemoryError(f"{kernel}: no memory for {len(ranges)} ranges")
        end = 0
        for i, (first, last, decay) in enumerate(ranges.tolist()):
            if not end <= first <= last <= n:
                raise ShapeError(f"{kernel}: need rising ranges within [0, {n}]; got "
                                 f"{ranges.tolist()}")
            end = last
            self.ranges[i].begin, self.ranges[i].end = <int64_t> first, <int64_t> last
            self.ranges[i].weight_decay = decay
        self.c.range, self.c.n_range = self.ranges, len(ranges)

    def __dealloc__(self):
        free(self.ranges)
        free(self.c.partial)

    def learn(self, double lr):
        """Clip the gradients, update the parameters and count the step.

        Raises `DataError`, and changes no parameter, where a norm to clip is not finite.
        """
        cdef capi.cnn_fault fault
        cdef capi.cnn_status status
        with nogil:
            status = api().learn(&self.c, lr, self.step + 1, &fault)
        if status != capi.CNN_OK:
            raise self.not_finite(status, &fault)
        self.step += 1

    cdef object not_finite(self, capi.cnn_status status, const capi.cnn_fault *fault):
        """Return the exception for CNN_ERR_LOSS or CNN_ERR_GRADIENT in the step after the last."""
        what, where = "loss", ""
        if status == capi.CNN_ERR_GRADIENT:
            what, where = "gradient", f" at element {fault.index}"
            for name, (begin, end) in self.spans.items():
                if begin <= fault.index < end:
                    what, where = f"gradient of {name!r}", f" at element {fault.index - begin}"
        return DataError(f"step {self.step + 1}: need a finite {what}; got {fault.value}{where}, "
                         f"and no parameter was changed")
