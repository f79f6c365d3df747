/* max - y = the largest number of each group; the groups lie along any axes of x.
 *
 *   attributes: the axes of a row, see cnn_reduce_axes.h
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = dy at the first of the largest numbers of a group in row-major order, else 0
 *   NaN:       propagates; the gradient then goes to the first NaN.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_extremum.h"

#define MAX_BETTER(a, b) ((a) > (b))

CNN_EXTREMUM(max, MAX_BETTER, -INFINITY)

#else
#define CNN_SELF "ops/max.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(max, .forward = CNN_TYPED(max_forward), .grad = {CNN_TYPED(max_grad)});
#endif
