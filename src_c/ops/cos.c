/* cos - y = cos(x), x in radians, any shape.
 *
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = -sin(x) dy, 0 where dy is 0
 *   NaN:       propagates, and infinities give NaN.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_waves.h"

CNN_WAVES(cos, 1)

#else
#define CNN_SELF "ops/cos.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(cos, .forward = CNN_TYPED(cos_forward), .grad = {CNN_TYPED(cos_grad)},
              .map = CNN_TYPED(cos_map));
#endif
