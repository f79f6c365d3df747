/* div - y = a / b, broadcast together by NumPy's rule, up to 6 axes.
 *
 *   attributes: the axes of a row, see cnn_broadcast.h
 *   forward  operands: a, b, y
 *   gradient operands: a, b, y, dy, da or db
 *   gradient:  da = dy / b and db = -(a / b) dy / b, 0 where dy is 0;
 *              added up over the axes where the operand is repeated
 *   NaN:       propagates; x / 0 is inf with the sign of both, 0 / 0 is NaN.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_broadcast.h"

#define DIV(a, b)             ((a) / (b))
#define DIV_SLOPE_A(a, b, dy) CNN_FLOW(dy, (dy) / (b))
#define DIV_SLOPE_B(a, b, dy) CNN_FLOW(dy, -((a) / (b)) * (dy) / (b))

CNN_BINARY(div, DIV, DIV_SLOPE_A, DIV_SLOPE_B)

#else
#define CNN_SELF "ops/div.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(div, .forward = CNN_TYPED(div_forward),
              .grad = {CNN_TYPED(div_grad_a), CNN_TYPED(div_grad_b)});
#endif
