/* mish - y = x tanh(softplus(x)), any shape.
 *
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = (t + x (1 - t^2) sigmoid(x)) dy with t = tanh(softplus(x))
 *   NaN:       propagates.  Infinities: f(inf) = inf, f(-inf) = 0.
 *   source:    Misra 2019
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_elementwise.h"
#include "math/cnn_mish.h"

#define MISH(x, a)             K(cnn_mish)(x)
#define MISH_GRAD(x, y, dy, a) (K(cnn_mish_grad)(x) * (dy))

CNN_UNARY(mish, MISH, MISH_GRAD)

#else
#define CNN_SELF "ops/mish.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(mish, .forward = CNN_TYPED(mish_forward), .grad = {CNN_TYPED(mish_grad)},
              .map = CNN_TYPED(mish_map));
#endif
