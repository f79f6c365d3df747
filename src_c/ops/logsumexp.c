/* logsumexp - y = log(sum exp(x)) of each group; the groups lie along any axes of x.
 *
 *   attributes: the axes of a row, see cnn_groups.h
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = exp(x - y) dy, 0 where dy is 0 and for a group of nothing but -inf, which has
 *              no mass to move
 *   The maximum is subtracted first, so nothing overflows.
 *   NaN:       propagates; +inf gives inf, and a gradient of NaN; nothing but -inf gives -inf.  A
 *              single -inf counts as exp = 0.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_reduce_axes.h"
#include "math/cnn_math.h"

static void K(logsumexp_exp)(int64_t n, const real *x, const real *top, double *made)
{
    for (int64_t i = 0; i < n; i++)
        made[i] = (double)K(cnn_exp)(x[i] - top[i]);
}

#define FINITE_OR_0(y)            ((y) == -(real)INFINITY ? 0 : (y))      /* exp(-inf - 0) = 0 */
#define LOGSUMEXP_SLOPE(x, y, dy) CNN_FLOW(dy, K(cnn_exp)((x) - FINITE_OR_0(y)) * (dy))

CNN_REDUCE(logsumexp, .less_top = 1, .map = K(logsumexp_exp), .finish = logsumexp_finish)
CNN_REDUCE_GRAD(logsumexp, LOGSUMEXP_SLOPE)

#else
#include "math/cnn_math.h"

static void logsumexp_finish(int64_t n, double count, double *made)
{
    (void)count;
    for (int64_t i = 0; i < n; i++)
        made[i] = cnn_log_f64(made[i]);
}

#define CNN_SELF "ops/logsumexp.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(logsumexp, .forward = CNN_TYPED(logsumexp_forward),
              .grad = {CNN_TYPED(logsumexp_grad)});
#endif
