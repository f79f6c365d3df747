/* abs - y = |x|, any shape.
 *
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = dy where x > 0, -dy where x < 0.  At x == 0 the subgradient is 0.
 *   NaN:       propagates, into the gradient as well.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_elementwise.h"
#include "math/cnn_math.h"

#define ABS(x, a)             K(cnn_abs)(x)
#define ABS_GRAD(x, y, dy, a) ((x) > 0 ? (dy) : (x) < 0 ? -(dy) : (x) * (dy))

CNN_UNARY(abs, ABS, ABS_GRAD)

#else
#define CNN_SELF "ops/abs.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(abs, .forward = CNN_TYPED(abs_forward), .grad = {CNN_TYPED(abs_grad)},
              .map = CNN_TYPED(abs_map));
#endif
