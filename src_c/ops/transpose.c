/* transpose - y = x with its axes in another order.
 *
 *   attributes: where y starts in a row of x and the axes of a row of y, see cnn_view.h
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = dy with the axes back in order
 *   NaN:       propagates with the number that it is.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_view.h"

CNN_VIEW(transpose)

#else
#define CNN_SELF "ops/transpose.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(transpose, .forward = CNN_TYPED(transpose_forward), .grad = {CNN_TYPED(transpose_grad)});
#endif
