/* binary_cross_entropy - y_r = mean_j (log(1 + exp(z_rj)) - t_rj z_rj), from logits z: the
 * negative logarithm of the probability that z gives to the target t in [0, 1].
 *
 *   attributes: the most that an element's loss counts (0: whatever it is), which no gradient
 *   knows of
 *   forward    operands: z (B, ...), t (as many elements to a row), y (B,)
 *   gradient   operands: z, t, y, dy (B,), dz or dt
 *   fused_loss operands: z, t, y, coef (B,), dz
 *   gradient:  dz_rj = (sigmoid(z_rj) - t_rj) dy_r / n,  dt_rj = -z_rj dy_r / n
 *   Computed as max(z, 0) - t z + log(1 + exp(-|z|)), which neither overflows nor takes the
 *   logarithm of a rounded zero.
 *   NaN:       propagates to its row.  An infinite logit costs 0 where t is the class that it is
 *              sure of, else inf.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_row_loss.h"
#include "math/cnn_math.h"

/* max(z, 0) - t z as z (1 - t) or -z t: for t = 0 or 1 without cancellation. */
static inline real K(bce_term)(real z, real t, real a, real *dz)
{
    const real power = K(cnn_exp)(z > 0 ? -z : z);
    const real off = (z > 0 ? 1 : 0) - t;
    *dz = (z > 0 ? 1 : power) / (1 + power) - t;
    const real loss = CNN_FLOW(off, z * off) + K(cnn_log1p)(power);
    return loss > a ? a : loss;
}

#define BCE_MOST(attr) ((attr)[0].f > 0 ? (attr)[0].f : (double)INFINITY)

#define BCE_SLOPE_T(z, t, a) (-(z))

CNN_ROW_LOSS(bce, BCE_MOST, K(bce_term), BCE_SLOPE_T)

#else
#define CNN_SELF "ops/binary_cross_entropy.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(binary_cross_entropy, .forward = CNN_TYPED(bce_forward),
              .grad = {CNN_TYPED(bce_grad_p), CNN_TYPED(bce_grad_t)},
              .fused_loss = CNN_TYPED(bce_fused_loss));
#endif
