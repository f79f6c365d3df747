/* huber - y_r = mean_j h(p_rj - t_rj) with h(d) = d^2 / 2 where |d| <= delta, else
 * delta (|d| - delta / 2), one loss per row.
 *
 *   attributes: delta > 0
 *   forward    operands: p (B, ...), t (as many elements to a row), y (B,)
 *   gradient   operands: p, t, y, dy (B,), dp or dt
 *   fused_loss operands: p, t, y, coef (B,), dp
 *   gradient:  dp_rj = clamp(p_rj - t_rj, -delta, delta) dy_r / n,  dt = -dp, for n elements to a
 *              row
 *   NaN:       propagates to its row.  An infinite d costs inf and has the gradient delta.
 *   source:    Huber 1964
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_row_loss.h"

#define DELTA(attr) (attr)[0].f

static inline real K(huber_clamp)(real d, real delta)
{
    return d > delta ? delta : d < -delta ? -delta : d;
}

/* c (d - c / 2) with c the clamped d is both forms at once. */
static inline real K(huber_term)(real p, real t, real a, real *dp)
{
    const real d = p - t, c = K(huber_clamp)(d, a);
    *dp = c;
    return c * (d - c / 2);
}

#define HUBER_SLOPE_T(p, t, a) K(huber_clamp)((t) - (p), a)

CNN_ROW_LOSS(huber, DELTA, K(huber_term), HUBER_SLOPE_T)

#else
#define CNN_SELF "ops/huber.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(huber, .forward = CNN_TYPED(huber_forward),
              .grad = {CNN_TYPED(huber_grad_p), CNN_TYPED(huber_grad_t)},
              .fused_loss = CNN_TYPED(huber_fused_loss));
#endif
