/* relu - y = max(x, 0), any shape.
 *
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = dy where y > 0, else 0.  At x == 0 the subgradient is 0.
 *   NaN:       propagates (x < 0 is false for NaN).
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_elementwise.h"

#define RELU(x, a)             ((x) < 0 ? 0 : (x))
#define RELU_GRAD(x, y, dy, a) ((y) > 0 ? (dy) : 0)

CNN_UNARY(relu, RELU, RELU_GRAD)

#else
#define CNN_SELF "ops/relu.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(relu, .forward = CNN_TYPED(relu_forward), .grad = {CNN_TYPED(relu_grad)},
              .map = CNN_TYPED(relu_map));
#endif
