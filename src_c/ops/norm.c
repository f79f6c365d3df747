/* norm - y = the Euclidean norm, sqrt(sum x^2), of each group; the groups lie along any axes of x.
 *
 *   attributes: the axes of a row, see cnn_groups.h
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = x dy / y;  at y == 0 the subgradient is 0, and it is 0 where dy is 0
 *   NaN:       propagates; inf gives inf.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_reduce_axes.h"

#define NORM_SLOPE(x, y, dy) CNN_FLOW((y) == 0 ? 0 : (dy), (x) / (y) * (dy))

CNN_REDUCE(norm, .squares = 1, .finish = norm_finish)
CNN_REDUCE_GRAD(norm, NORM_SLOPE)

#else
static void norm_finish(int64_t n, double count, double *made)
{
    (void)count;
    for (int64_t i = 0; i < n; i++)
        made[i] = sqrt(made[i]);
}

#define CNN_SELF "ops/norm.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(norm, .forward = CNN_TYPED(norm_forward), .grad = {CNN_TYPED(norm_grad)});
#endif
