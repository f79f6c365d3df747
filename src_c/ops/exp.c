/* exp - y = exp(x), any shape.
 *
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = y dy, 0 where dy is 0
 *   NaN:       propagates.  Infinities: f(inf) = inf, f(-inf) = 0.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_elementwise.h"
#include "math/cnn_math.h"

#define EXP(x, a)             K(cnn_exp)(x)
#define EXP_GRAD(x, y, dy, a) CNN_FLOW(dy, (y) * (dy))

CNN_UNARY(exp, EXP, EXP_GRAD)

#else
#define CNN_SELF "ops/exp.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(exp, .forward = CNN_TYPED(exp_forward), .grad = {CNN_TYPED(exp_grad)},
              .map = CNN_TYPED(exp_map));
#endif
