/* poisson - y_r = mean_j (exp(z_rj) - t_rj z_rj), one loss per row: the negative log-likelihood of
 * counts t under the rates exp(z), without log(t!).
 *
 *   forward    operands: z (B, ...), t (as many elements to a row), y (B,)
 *   gradient   operands: z, t, y, dy (B,), dz or dt
 *   fused_loss operands: z, t, y, coef (B,), dz
 *   gradient:  dz_rj = (exp(z_rj) - t_rj) dy_r / n,  dt_rj = -z_rj dy_r / n, for n elements to a
 *              row
 *   NaN:       propagates to its row; so does inf - inf where exp(z) overflows.  A rate of 0, z
 *              = -inf, costs 0 where t = 0, else inf.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_row_loss.h"
#include "math/cnn_math.h"

static inline real K(poisson_term)(real z, real t, real a, real *dz)
{
    const real rate = K(cnn_exp)(z);
    (void)a;
    *dz = rate - t;
    return rate - CNN_FLOW(t, t * z);
}

#define POISSON_SLOPE_T(z, t, a) (-(z))

CNN_ROW_LOSS(poisson, CNN_NO_PARAM, K(poisson_term), POISSON_SLOPE_T)

#else
#define CNN_SELF "ops/poisson.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(poisson, .forward = CNN_TYPED(poisson_forward),
              .grad = {CNN_TYPED(poisson_grad_p), CNN_TYPED(poisson_grad_t)},
              .fused_loss = CNN_TYPED(poisson_fused_loss));
#endif
