/* sub - y = a - b, broadcast together by NumPy's rule, up to 6 axes.
 *
 *   attributes: the axes of a row, see cnn_broadcast.h
 *   forward  operands: a, b, y
 *   gradient operands: a, b, y, dy, da or db
 *   gradient:  da = dy and db = -dy;
 *              added up over the axes where the operand is repeated
 *   NaN:       propagates; inf - inf is NaN.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_broadcast.h"

#define SUB(a, b)             ((a) - (b))
#define SUB_SLOPE_A(a, b, dy) (dy)
#define SUB_SLOPE_B(a, b, dy) (-(dy))

CNN_BINARY(sub, SUB, SUB_SLOPE_A, SUB_SLOPE_B)

#else
#define CNN_SELF "ops/sub.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(sub, .forward = CNN_TYPED(sub_forward),
              .grad = {CNN_TYPED(sub_grad_a), CNN_TYPED(sub_grad_b)});
#endif
