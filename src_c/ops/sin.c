/* sin - y = sin(x), x in radians, any shape.
 *
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = cos(x) dy, 0 where dy is 0
 *   NaN:       propagates, and infinities give NaN.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_waves.h"

CNN_WAVES(sin, 0)

#else
#define CNN_SELF "ops/sin.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(sin, .forward = CNN_TYPED(sin_forward), .grad = {CNN_TYPED(sin_grad)},
              .map = CNN_TYPED(sin_map));
#endif
