/* shift - y = c + x, any shape, c a number.
 *
 *   attributes: c
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = dy
 *   NaN:       propagates; inf - inf is NaN.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_elementwise.h"

#define SHIFT_BY(attr)          ((real)(attr)[0].f)
#define SHIFT(x, a)             ((a) + (x))
#define SHIFT_GRAD(x, y, dy, a) (dy)

CNN_UNARY_OF(shift, SHIFT_BY, SHIFT, SHIFT_GRAD)

#else
#define CNN_SELF "ops/shift.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(shift, .forward = CNN_TYPED(shift_forward), .grad = {CNN_TYPED(shift_grad)},
              .map = CNN_TYPED(shift_map));
#endif
