/* min - y = the smallest number of each group; the groups lie along any axes of x.
 *
 *   attributes: the axes of a row, see cnn_groups.h
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = dy at the first of the smallest numbers of a group in row-major order, else 0
 *   NaN:       propagates; the gradient then goes to the first NaN.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_reduce_axes.h"

CNN_REDUCE(min, .max = -1, .finish = min_finish)

static cnn_status K(min_grad)(const cnn_call *c)
{
    return K(cnn_give_first)(c);
}

#else
static void min_finish(int64_t n, double count, double *made)
{
    (void)count;
    for (int64_t i = 0; i < n; i++)
        made[i] = -made[i];
}

#define CNN_SELF "ops/min.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(min, .forward = CNN_TYPED(min_forward), .grad = {CNN_TYPED(min_grad)});
#endif
