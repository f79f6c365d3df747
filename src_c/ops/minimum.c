/* minimum - y = min(a, b), broadcast together by NumPy's rule, up to 6 axes.
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

#define TAKES_A(a, b)             ((a) <= (b) || (a) != (a))
#define MINIMUM(a, b)             (TAKES_A(a, b) ? (a) : (b))
#define MINIMUM_SLOPE_A(a, b, dy) (TAKES_A(a, b) ? (dy) : 0)
#define MINIMUM_SLOPE_B(a, b, dy) (TAKES_A(a, b) ? 0 : (dy))

CNN_BINARY(minimum, MINIMUM, MINIMUM_SLOPE_A, MINIMUM_SLOPE_B)

#else
#define CNN_SELF "ops/minimum.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(minimum, .forward = CNN_TYPED(minimum_forward),
              .grad = {CNN_TYPED(minimum_grad_a), CNN_TYPED(minimum_grad_b)});
#endif
