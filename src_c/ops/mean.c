/* mean - y = the mean of each group; the groups lie along any axes of x.
 *
 *   attributes: the axes of a row, see cnn_groups.h
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = dy / n, n the numbers of a group
 *   NaN:       propagates; inf - inf is NaN.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_reduce_axes.h"

CNN_REDUCE(mean, .max = 0, .finish = mean_finish)

static cnn_status K(mean_grad)(const cnn_call *c)
{
    return K(cnn_spread)(c, 1);
}

#else
static void mean_finish(int64_t n, double count, double *made)
{
    for (int64_t i = 0; i < n; i++)
        made[i] /= count;
}

#define CNN_SELF "ops/mean.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(mean, .forward = CNN_TYPED(mean_forward), .grad = {CNN_TYPED(mean_grad)});
#endif
