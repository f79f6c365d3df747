/* mean - y = the mean of each group; the groups lie along any axes of x.
 *
 *   attributes: the axes of a row, see cnn_reduce_axes.h
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = dy / n, n the numbers of a group
 *   NaN:       propagates; inf - inf is NaN.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_reduce_axes.h"

static void K(mean_take)(int64_t n, const real *x, const double *aux, double *sum)
{
    (void)aux;
    for (int64_t i = 0; i < n; i++)
        sum[i] += (double)x[i];
}

static const K(cnn_reducer) K(mean_reducer) = {0, K(mean_take), K(cnn_fold_sum)};

#define MEAN_FINISH(sum, n)       ((sum) / (n))
#define MEAN_SLOPE(x, y, dy, n)   ((dy) / (n))

CNN_REDUCE(mean, K(mean_reducer), MEAN_FINISH)
CNN_REDUCE_GRAD(mean, MEAN_SLOPE)

#else
#define CNN_SELF "ops/mean.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(mean, .forward = CNN_TYPED(mean_forward), .grad = {CNN_TYPED(mean_grad)});
#endif
