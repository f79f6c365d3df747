/* mae - y_r = mean_j |p_rj - t_rj|, one absolute error per row.
 *
 *   forward    operands: p (B, ...), t (as many elements to a row), y (B,)
 *   gradient   operands: p, t, y, dy (B,), dp or dt
 *   fused_loss operands: p, t, y, coef (B,), dp
 *   gradient:  dp_rj = sign(p_rj - t_rj) dy_r / n,  dt = -dp, for n elements to a row; 0 at 0
 *   NaN:       propagates to its row; the gradient of such an element is 0.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_row_loss.h"

static inline real K(mae_term)(real p, real t, real a, real *dp)
{
    const real d = p - t;
    (void)a;
    *dp = (real)((d > 0) - (d < 0));
    return d < 0 ? -d : d;
}

#define MAE_SLOPE_T(p, t, a) ((real)(((t) > (p)) - ((t) < (p))))

CNN_ROW_LOSS(mae, CNN_NO_PARAM, K(mae_term), MAE_SLOPE_T)

#else
#define CNN_SELF "ops/mae.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(mae, .forward = CNN_TYPED(mae_forward),
              .grad = {CNN_TYPED(mae_grad_p), CNN_TYPED(mae_grad_t)},
              .fused_loss = CNN_TYPED(mae_fused_loss));
#endif
