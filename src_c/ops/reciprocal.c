/* reciprocal - y = 1 / x, any shape.
 *
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = -y^2 dy, 0 where dy is 0
 *   NaN:       propagates.  f(0) = inf, f(-0) = -inf, f(inf) = 0.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_elementwise.h"

#define RECIPROCAL(x, a)             (1 / (x))
#define RECIPROCAL_GRAD(x, y, dy, a) CNN_FLOW(dy, -(y) * (y) * (dy))

CNN_UNARY(reciprocal, RECIPROCAL, RECIPROCAL_GRAD)

#else
#define CNN_SELF "ops/reciprocal.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(reciprocal, .forward = CNN_TYPED(reciprocal_forward), .grad = {CNN_TYPED(reciprocal_grad)},
              .map = CNN_TYPED(reciprocal_map));
#endif
