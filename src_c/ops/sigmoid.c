/* sigmoid - y = 1 / (1 + exp(-x)), any shape.
 *
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = y (1 - y) dy
 *   NaN:       propagates.  Infinities: f(inf) = 1, f(-inf) = 0.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_elementwise.h"
#include "math/cnn_math.h"

#define SIGMOID(x, a)             K(cnn_sigmoid)(x)
#define SIGMOID_GRAD(x, y, dy, a) ((y) * (1 - (y)) * (dy))

CNN_UNARY(sigmoid, SIGMOID, SIGMOID_GRAD)

#else
#define CNN_SELF "ops/sigmoid.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(sigmoid, .forward = CNN_TYPED(sigmoid_forward), .grad = {CNN_TYPED(sigmoid_grad)},
              .map = CNN_TYPED(sigmoid_map));
#endif
