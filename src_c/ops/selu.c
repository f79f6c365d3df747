/* selu - y = s x where x > 0, else s alpha (exp(x) - 1), any shape.
 *
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = s dy where y > 0, else (y + s alpha) dy.  At x == 0: s alpha dy.
 *   NaN:       propagates.  Infinities: f(inf) = inf, f(-inf) = -s alpha.
 *   source:    Klambauer, Unterthiner, Mayr, Hochreiter 2017, equations 2 and 14
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_elementwise.h"
#include "math/cnn_math.h"

#define SELU_S             ((real)1.0507009873554804934)
#define SELU_S_ALPHA       ((real)1.7580993408473768600)
#define SELU(x, a)         ((x) > 0 ? SELU_S * (x) : SELU_S_ALPHA * K(cnn_expm1)(x))
#define SELU_GRAD(x, y, dy, a) ((y) > 0 ? SELU_S * (dy) : ((y) + SELU_S_ALPHA) * (dy))

CNN_UNARY(selu, SELU, SELU_GRAD)

#else
#define CNN_SELF "ops/selu.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(selu, .forward = CNN_TYPED(selu_forward), .grad = {CNN_TYPED(selu_grad)},
              .map = CNN_TYPED(selu_map));
#endif
