/* square - y = x^2, any shape.
 *
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = 2 x dy, 0 where dy is 0
 *   NaN:       propagates.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_elementwise.h"

#define SQUARE(x, a)             ((x) * (x))
#define SQUARE_GRAD(x, y, dy, a) CNN_FLOW(dy, 2 * (x) * (dy))

CNN_UNARY(square, SQUARE, SQUARE_GRAD)

#else
#define CNN_SELF "ops/square.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(square, .forward = CNN_TYPED(square_forward), .grad = {CNN_TYPED(square_grad)},
              .map = CNN_TYPED(square_map));
#endif
