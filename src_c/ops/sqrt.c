/* sqrt - y = square root of x, any shape.
 *
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = dy / (2 y), infinite at 0; 0 where dy is 0
 *   NaN:       propagates; below 0 the value is NaN.  f(-0) = -0, f(inf) = inf.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_elementwise.h"
#include "math/cnn_math.h"

#define SQRT(x, a)             K(cnn_sqrt)(x)
#define SQRT_GRAD(x, y, dy, a) CNN_FLOW(dy, (dy) / (2 * (y)))

CNN_UNARY(sqrt, SQRT, SQRT_GRAD)

#else
#define CNN_SELF "ops/sqrt.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(sqrt, .forward = CNN_TYPED(sqrt_forward), .grad = {CNN_TYPED(sqrt_grad)},
              .map = CNN_TYPED(sqrt_map));
#endif
