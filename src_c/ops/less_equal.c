/* less_equal - y = 1 where a <= b, else 0; broadcast together by NumPy's rule, up to 6 axes.
 *
 *   attributes: the axes of a row, see cnn_broadcast.h
 *   operands:   a, b, y
 *   gradient:   none: the value is constant wherever it has a derivative
 *   NaN:        a comparison with NaN is 0.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_broadcast.h"

#define LESS_EQUAL(a, b) ((a) <= (b) ? (real)1 : (real)0)

CNN_BINARY_FORWARD(less_equal, LESS_EQUAL)

#else
#define CNN_SELF "ops/less_equal.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(less_equal, .forward = CNN_TYPED(less_equal_forward));
#endif
