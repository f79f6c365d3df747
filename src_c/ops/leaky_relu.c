/* leaky_relu - y = x where x > 0, else s x, any shape.
 *
 *   attributes: s >= 0, the slope below 0
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = dy where y > 0, else s dy; the sign of y is that of x because s >= 0.
 *              At x == 0 the subgradient is s.
 *   NaN:       propagates.  Infinities: f(inf) = inf, f(-inf) = -inf (NaN for s = 0).
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_elementwise.h"

#define SLOPE(attr)                  (attr)[0].f
#define LEAKY_RELU(x, a)             ((x) > 0 ? (x) : (a) * (x))
#define LEAKY_RELU_GRAD(x, y, dy, a) ((y) > 0 ? (dy) : (a) * (dy))

CNN_UNARY_OF(leaky_relu, SLOPE, LEAKY_RELU, LEAKY_RELU_GRAD)

#else
#define CNN_SELF "ops/leaky_relu.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(leaky_relu, .forward = CNN_TYPED(leaky_relu_forward),
              .grad = {CNN_TYPED(leaky_relu_grad)}, .map = CNN_TYPED(leaky_relu_map));
#endif
