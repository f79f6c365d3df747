/* norm - y = the Euclidean norm, sqrt(sum x^2), of each group; the groups lie along any axes of x.
 *
 *   attributes: the axes of a row, see cnn_reduce_axes.h
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = x dy / y;  at y == 0 the subgradient is 0, and it is 0 where dy is 0
 *   NaN:       propagates; inf gives inf.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_reduce_axes.h"

static void K(norm_take)(int64_t n, const real *x, const double *aux, double *sum)
{
    (void)aux;
    for (int64_t i = 0; i < n; i++)
        sum[i] += (double)x[i] * (double)x[i];
}

static const K(cnn_reducer) K(norm_reducer) = {0, K(norm_take), K(cnn_fold_sum)};

#define NORM_FINISH(sum, n)       (sqrt(sum))
#define NORM_SLOPE(x, y, dy, n)   CNN_FLOW((y) == 0 ? 0 : (dy), (x) / (y) * (dy))

CNN_REDUCE(norm, K(norm_reducer), NORM_FINISH)
CNN_REDUCE_GRAD(norm, NORM_SLOPE)

#else
#define CNN_SELF "ops/norm.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(norm, .forward = CNN_TYPED(norm_forward), .grad = {CNN_TYPED(norm_grad)});
#endif
