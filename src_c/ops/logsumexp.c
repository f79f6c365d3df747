/* logsumexp - y = log(sum exp(x)) of each group; the groups lie along any axes of x.
 *
 *   attributes: the axes of a row, see cnn_reduce_axes.h
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

static void K(logsumexp_top)(int64_t n, const real *x, const double *aux, double *top)
{
    (void)aux;
    for (int64_t i = 0; i < n; i++)
        top[i] = (double)x[i] > top[i] ? (double)x[i] : top[i];
}

static double K(logsumexp_fold)(int64_t n, const double *top)
{
    double best = top[0];
    for (int64_t i = 1; i < n; i++)
        best = top[i] > best ? top[i] : best;
    return best;
}

/* An infinite maximum is not subtracted: inf - inf would be NaN. */
static void K(logsumexp_take)(int64_t n, const real *x, const double *top, double *sum)
{
    for (int64_t i = 0; i < n; i++) {
        const real less = cnn_abs_f64(top[i]) < (double)INFINITY ? (real)top[i] : 0;
        sum[i] += (double)K(cnn_exp)(x[i] - less);
    }
}

static double K(logsumexp_finish)(double top, double sum, double n)
{
    (void)n;
    return (cnn_abs_f64(top) < (double)INFINITY ? top : 0) + cnn_log_f64(sum);
}

static cnn_status K(logsumexp_forward)(const cnn_call *c)
{
    static const K(cnn_reducer) top = {-INFINITY, K(logsumexp_top), K(logsumexp_fold)};
    static const K(cnn_reducer) sum = {0, K(logsumexp_take), K(cnn_fold_sum)};
    K(cnn_reduce)(c, &top, &sum, K(logsumexp_finish));
    return CNN_OK;
}

#define FINITE_OR_0(y) ((y) == -(real)INFINITY ? 0 : (y))       /* exp(-inf - 0) = 0 */
#define LOGSUMEXP_SLOPE(x, y, dy, n) CNN_FLOW(dy, K(cnn_exp)((x) - FINITE_OR_0(y)) * (dy))

CNN_REDUCE_GRAD(logsumexp, LOGSUMEXP_SLOPE)

#else
#define CNN_SELF "ops/logsumexp.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(logsumexp, .forward = CNN_TYPED(logsumexp_forward),
              .grad = {CNN_TYPED(logsumexp_grad)});
#endif
