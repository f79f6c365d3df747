/* not_equal - y = 1 where a != b, else 0; broadcast together by NumPy's rule, up to 6 axes.
 *
 *   attributes: the axes of a row, see cnn_broadcast.h
 *   operands:   a, b, y
 *   gradient:   none: the value is constant wherever it has a derivative
 *   NaN:        NaN differs from everything.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_broadcast.h"

#define NOT_EQUAL(a, b) ((a) != (b) ? (real)1 : (real)0)

CNN_BINARY_FORWARD(not_equal, NOT_EQUAL)

#else
#define CNN_SELF "ops/not_equal.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(not_equal, .forward = CNN_TYPED(not_equal_forward));
#endif
