/* maximum - y = max(a, b), broadcast together by NumPy's rule, up to 6 axes.
 *
 *   attributes: the axes of a row, see cnn_broadcast.h
 *   forward  operands: a, b, y
 *   gradient operands: a, b, y, dy, da or db
 *   gradient:  dy goes to the operand that is the value, to a where they are equal;
 *              added up over the axes where the operand is repeated
 *   NaN:       propagates from either operand.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_broadcast.h"

#define TAKES_A(a, b)             ((a) >= (b) || (a) != (a))
#define MAXIMUM(a, b)             (TAKES_A(a, b) ? (a) : (b))
#define MAXIMUM_SLOPE_A(a, b, dy) (TAKES_A(a, b) ? (dy) : 0)
#define MAXIMUM_SLOPE_B(a, b, dy) (TAKES_A(a, b) ? 0 : (dy))

CNN_BINARY(maximum, MAXIMUM, MAXIMUM_SLOPE_A, MAXIMUM_SLOPE_B)

#else
#define CNN_SELF "ops/maximum.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(maximum, .forward = CNN_TYPED(maximum_forward),
              .grad = {CNN_TYPED(maximum_grad_a), CNN_TYPED(maximum_grad_b)});
#endif
