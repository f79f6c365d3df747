/* max - y = the largest number of each group; the groups lie along any axes of x.
 *
 *   attributes: the axes of a row, see cnn_groups.h
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = dy at the first of the largest numbers of a group in row-major order, else 0
 *   NaN:       propagates; the gradient then goes to the first NaN.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_reduce_axes.h"

CNN_REDUCE(max, .max = 1)

static cnn_status K(max_grad)(const cnn_call *c)
{
    return K(cnn_give_first)(c);
}

#else
#define CNN_SELF "ops/max.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(max, .forward = CNN_TYPED(max_forward), .grad = {CNN_TYPED(max_grad)});
#endif
