/* silu - y = x sigmoid(x), any shape; also known as swish.
 *
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = s (1 + x (1 - s)) dy with s = sigmoid(x)
 *   NaN:       propagates.  Infinities: f(inf) = inf, f(-inf) = 0.
 *   source:    Elfwing, Uchibe, Doya 2018
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_elementwise.h"
#include "math/cnn_math.h"

#define SILU(x, a)             K(cnn_silu)(x)
#define SILU_GRAD(x, y, dy, a) (K(cnn_silu_grad)(x) * (dy))

CNN_UNARY(silu, SILU, SILU_GRAD)

#else
#define CNN_SELF "ops/silu.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(silu, .forward = CNN_TYPED(silu_forward), .grad = {CNN_TYPED(silu_grad)},
              .map = CNN_TYPED(silu_map));
#endif
