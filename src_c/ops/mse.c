/* mse - y_r = mean_j (p_rj - t_rj)^2, one squared error per row.
 *
 *   forward    operands: p (B, ...), t (as many elements to a row), y (B,)
 *   gradient   operands: p, t, y, dy (B,), dp or dt
 *   fused_loss operands: p, t, y, coef (B,), dp
 *   gradient:  dp_rj = 2 (p_rj - t_rj) dy_r / n,  dt = -dp, for n elements to a row
 *   NaN:       propagates to its row.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_row_loss.h"

static inline real K(mse_term)(real p, real t, real a, real *dp)
{
    (void)a;
    *dp = 2 * (p - t);
    return (p - t) * (p - t);
}

#define MSE_SLOPE_T(p, t, a) (2 * ((t) - (p)))

CNN_ROW_LOSS(mse, CNN_NO_PARAM, K(mse_term), MSE_SLOPE_T)

#else
#define CNN_SELF "ops/mse.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(mse, .forward = CNN_TYPED(mse_forward),
              .grad = {CNN_TYPED(mse_grad_p), CNN_TYPED(mse_grad_t)},
              .fused_loss = CNN_TYPED(mse_fused_loss));
#endif
