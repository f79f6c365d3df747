"""GateCall: a step whose arithmetic is a Python function on NumPy arrays."""
cimport numpy as cnp

import numpy as np

from cnn_core._ext cimport capi

cdef int[5] _TYPES = [cnp.NPY_FLOAT, cnp.NPY_DOUBLE, cnp.NPY_INT32, cnp.NPY_UINT8, cnp.NPY_INT64]


cdef const capi.cnn_tensor *_operand(const capi.cnn_call *c, int i) noexcept:
    return capi.cnn_entry(c.tensor, c.step.operand[i])


cdef cnp.ndarray _view(const capi.cnn_tensor *t, cnp.npy_intp n_row):
    """Return a tensor's rows as an array that does not own them; not to be let out of here."""
    cdef cnp.npy_intp shape[capi.CNN_MAX_DIM]
    cdef int i
    for i in range(t.n_dim):
        shape[i] = t.dim[i]
    if t.stride:
        shape[0] = n_row
    return cnp.PyArray_SimpleNewFromData(t.n_dim, shape, _TYPES[t.dtype], t.data)


cdef class GateCall:
    """Calls ``function(arrays, shapes)`` with copies of the operands that ``inputs`` numbers.

    It returns one array for each of the operands ``outputs``, of its shape in ``shapes``; they
    are written or added there as the step says.  What it raises ends the run.
    """

    cdef object _function
    cdef tuple _inputs, _outputs
    cdef object _error

    def __cinit__(self, function, tuple inputs, tuple outputs):
        self._function, self._inputs, self._outputs, self._error = function, inputs, outputs, None

    cdef int _call(self, const capi.cnn_call *c) except -1:
        cdef int i
        cdef list targets = []
        # Copies: a gate may keep or change what it is given, and this memory has other uses.
        arrays = [_view(_operand(c, at), c.n_row).copy() for at in self._inputs]
        for at in self._outputs:
            targets.append(_view(_operand(c, at), c.n_row))
        results = self._function(arrays, [target.shape for target in targets])
        for i, (target, result) in enumerate(zip(targets, results, strict=True)):
            if c.step.accumulate >> i & 1:
                np.add(target, result, out=target, casting="same_kind")
            else:
                np.copyto(target, result, casting="same_kind")
        return 0


cdef capi.cnn_status _call_gate(const capi.cnn_call *c) noexcept with gil:
    gate = <GateCall> c.step.user
    try:
        gate._call(c)
    except BaseException as error:      # Ctrl-C as well: it must reach the caller
        gate._error = error
        return capi.CNN_ERR_CALLBACK
    return capi.CNN_OK


cdef capi.cnn_status call_gate(const capi.cnn_call *c) noexcept nogil:
    """The kernel of a gate: an exception is kept for `take_error`, and C told to stop.

    C flushes denormals; while Python runs, this thread has the mode that it came with.
    """
    cdef capi.cnn_status status
    capi.cnn_restore_denormals(c.float_mode)
    status = _call_gate(c)
    capi.cnn_flush_denormals()
    return status


cdef object take_error(const capi.cnn_step *step, str label):
    """Return what the gate raised, unchanged but for a note that names the node."""
    gate = <GateCall> step.user
    error, gate._error = gate._error, None
    note = f"raised in gate {label!r}"
    if hasattr(error, "add_note"):
        error.add_note(note)
    else:                                   # Python 3.10: PEP 678's attribute, by hand
        error.__notes__ = [*getattr(error, "__notes__", ()), note]
    return error
