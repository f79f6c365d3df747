/* scale - y = a x, any shape, a a number.
 *
 *   attributes: a
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = a dy
 *   NaN:       propagates; 0 inf is NaN.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_elementwise.h"

#define SCALE_BY(attr)          ((real)(attr)[0].f)
#define SCALE(x, a)             ((a) * (x))
#define SCALE_GRAD(x, y, dy, a) ((a) * (dy))

CNN_UNARY_OF(scale, SCALE_BY, SCALE, SCALE_GRAD)

#else
#define CNN_SELF "ops/scale.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(scale, .forward = CNN_TYPED(scale_forward), .grad = {CNN_TYPED(scale_grad)},
              .map = CNN_TYPED(scale_map));
#endif
