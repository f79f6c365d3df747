/* softplus - y = log(1 + exp(x)), any shape.
 *
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = sigmoid(x) dy
 *   NaN:       propagates.  Infinities: f(inf) = inf, f(-inf) = 0.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_elementwise.h"
#include "math/cnn_math.h"

#define SOFTPLUS(x, a)             K(cnn_softplus)(x)
#define SOFTPLUS_GRAD(x, y, dy, a) (K(cnn_sigmoid)(x) * (dy))

CNN_UNARY(softplus, SOFTPLUS, SOFTPLUS_GRAD)

#else
#define CNN_SELF "ops/softplus.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(softplus, .forward = CNN_TYPED(softplus_forward),
              .grad = {CNN_TYPED(softplus_grad)}, .map = CNN_TYPED(softplus_map));
#endif
