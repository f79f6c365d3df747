/* elu - y = x where x > 0, else alpha (exp(x) - 1), any shape.
 *
 *   attributes: alpha >= 0
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = dy where y > 0, else (y + alpha) dy; y + alpha is alpha exp(x) to within
 *              one rounding of alpha.  At x == 0 the subgradient is alpha.
 *   NaN:       propagates.  Infinities: f(inf) = inf, f(-inf) = -alpha.
 *   source:    Clevert, Unterthiner, Hochreiter 2016, equation 15
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_elementwise.h"
#include "math/cnn_math.h"

#define ALPHA(attr)           (attr)[0].f
#define ELU(x, a)             ((x) > 0 ? (x) : (a) * K(cnn_expm1)(x))
#define ELU_GRAD(x, y, dy, a) ((y) > 0 ? (dy) : ((y) + (a)) * (dy))

CNN_UNARY_OF(elu, ALPHA, ELU, ELU_GRAD)

#else
#define CNN_SELF "ops/elu.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(elu, .forward = CNN_TYPED(elu_forward), .grad = {CNN_TYPED(elu_grad)},
              .map = CNN_TYPED(elu_map));
#endif
