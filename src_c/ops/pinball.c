/* pinball - y_r = mean_j max(q d_rj, (q - 1) d_rj) with d = t - p, one loss per row; its minimum
 * is the quantile q of the targets.
 *
 *   attributes: 0 < q < 1
 *   forward    operands: p (B, ...), t (as many elements to a row), y (B,)
 *   gradient   operands: p, t, y, dy (B,), dp or dt
 *   fused_loss operands: p, t, y, coef (B,), dp
 *   gradient:  dp_rj = -q dy_r / n where d > 0, (1 - q) dy_r / n where d < 0, 0 at 0;  dt = -dp,
 *              for n elements to a row
 *   NaN:       propagates to its row; the gradient of such an element is 0.
 *   source:    Koenker, Bassett 1978
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_row_loss.h"

#define QUANTILE(attr) (attr)[0].f

static inline real K(pinball_slope)(real d, real q)
{
    return d > 0 ? q : d < 0 ? q - 1 : 0;
}

static inline real K(pinball_term)(real p, real t, real a, real *dp)
{
    const real d = t - p;
    *dp = -K(pinball_slope)(d, a);
    return d > 0 ? a * d : (a - 1) * d;
}

#define PINBALL_SLOPE_T(p, t, a) K(pinball_slope)((t) - (p), a)

CNN_ROW_LOSS(pinball, QUANTILE, K(pinball_term), PINBALL_SLOPE_T)

#else
#define CNN_SELF "ops/pinball.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(pinball, .forward = CNN_TYPED(pinball_forward),
              .grad = {CNN_TYPED(pinball_grad_p), CNN_TYPED(pinball_grad_t)},
              .fused_loss = CNN_TYPED(pinball_fused_loss));
#endif
