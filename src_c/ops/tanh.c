/* tanh - y = tanh(x), any shape.
 *
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = (1 - y) (1 + y) dy; near y = 1 more accurate than 1 - y^2
 *   NaN:       propagates.  Infinities: f(inf) = 1, f(-inf) = -1.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_elementwise.h"
#include "math/cnn_math.h"

#define TANH(x, a)             K(cnn_tanh)(x)
#define TANH_GRAD(x, y, dy, a) ((1 - (y)) * (1 + (y)) * (dy))

CNN_UNARY(tanh, TANH, TANH_GRAD)

#else
#define CNN_SELF "ops/tanh.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(tanh, .forward = CNN_TYPED(tanh_forward), .grad = {CNN_TYPED(tanh_grad)},
              .map = CNN_TYPED(tanh_map));
#endif
