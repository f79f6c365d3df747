/* sum - y = the sum of each group; the groups lie along any axes of x.
 *
 *   attributes: the axes of a row, see cnn_groups.h
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = dy
 *   NaN:       propagates; inf - inf is NaN.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_reduce_axes.h"

CNN_REDUCE(sum, .max = 0)

static cnn_status K(sum_grad)(const cnn_call *c)
{
    return K(cnn_spread)(c, 0);
}

#else
#define CNN_SELF "ops/sum.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(sum, .forward = CNN_TYPED(sum_forward), .grad = {CNN_TYPED(sum_grad)});
#endif
