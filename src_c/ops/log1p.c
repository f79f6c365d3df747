/* log1p - y = log(1 + x), accurate for small x, any shape.
 *
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = dy / (1 + x), 0 where dy is 0
 *   NaN:       propagates; below -1 the value is NaN.  f(-1) = -inf, f(inf) = inf.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_elementwise.h"
#include "math/cnn_math.h"

#define LOG1P(x, a)             K(cnn_log1p)(x)
#define LOG1P_GRAD(x, y, dy, a) CNN_FLOW(dy, (dy) / (1 + (x)))

CNN_UNARY(log1p, LOG1P, LOG1P_GRAD)

#else
#define CNN_SELF "ops/log1p.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(log1p, .forward = CNN_TYPED(log1p_forward), .grad = {CNN_TYPED(log1p_grad)},
              .map = CNN_TYPED(log1p_map));
#endif
