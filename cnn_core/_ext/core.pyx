"""The compiled half of the package: one module, so that its parts share what Cython adds to each.

Each part has a file, which imports what it uses of elsewhere; what stands above it here is known
to it.  The C core is linked into this module.
"""
cimport numpy as cnp

cnp.import_array()

include "interface.pxi"     # the instruction set, BLAS, and errors
include "lock.pxi"          # mutual exclusion
include "optim.pxi"         # an optimizer as C sees it, averages, rates of many steps
include "gate.pxi"          # a step that calls Python
include "plan.pxi"          # a compiled graph, without an address; working memory
include "binding.pxi"       # a plan with the addresses of a run
include "predictor.pxi"     # the short way into prediction
include "session.pxi"       # the short ways into single steps and small graphs
include "gather.pxi"        # rows looked through, converted, put in order
include "table.pxi"         # a plan of a few steps on the stack
include "kernels.pxi"       # one-call kernels
