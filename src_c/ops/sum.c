/* sum - y = the sum of each group; the groups lie along any axes of x.
 *
 *   attributes: the axes of a row, see cnn_reduce_axes.h
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = dy
 *   NaN:       propagates; inf - inf is NaN.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_reduce_axes.h"

static void K(sum_take)(int64_t n, const real *x, const double *aux, double *sum)
{
    (void)aux;
    for (int64_t i = 0; i < n; i++)
        sum[i] += (double)x[i];
}

static const K(cnn_reducer) K(sum_reducer) = {0, K(sum_take), K(cnn_fold_sum)};

#define SUM_FINISH(sum, n)       (sum)
#define SUM_SLOPE(x, y, dy, n)   (dy)

CNN_REDUCE(sum, K(sum_reducer), SUM_FINISH)
CNN_REDUCE_GRAD(sum, SUM_SLOPE)

#else
#define CNN_SELF "ops/sum.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(sum, .forward = CNN_TYPED(sum_forward), .grad = {CNN_TYPED(sum_grad)});
#endif
