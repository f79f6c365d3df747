/* log - y = natural logarithm of x, any shape.
 *
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = dy / x, 0 where dy is 0
 *   NaN:       propagates; below 0 the value is NaN.  f(0) = -inf, f(inf) = inf.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_elementwise.h"
#include "math/cnn_math.h"

#define LOG(x, a)             K(cnn_log)(x)
#define LOG_GRAD(x, y, dy, a) CNN_FLOW(dy, (dy) / (x))

CNN_UNARY(log, LOG, LOG_GRAD)

#else
#define CNN_SELF "ops/log.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(log, .forward = CNN_TYPED(log_forward), .grad = {CNN_TYPED(log_grad)},
              .map = CNN_TYPED(log_map));
#endif
