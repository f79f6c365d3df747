/* neg - y = -x, any shape.
 *
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = -dy
 *   NaN:       propagates.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_elementwise.h"

#define NEG(x, a)             (-(x))
#define NEG_GRAD(x, y, dy, a) (-(dy))

CNN_UNARY(neg, NEG, NEG_GRAD)

#else
#define CNN_SELF "ops/neg.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(neg, .forward = CNN_TYPED(neg_forward), .grad = {CNN_TYPED(neg_grad)},
              .map = CNN_TYPED(neg_map));
#endif
