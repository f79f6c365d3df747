/* rmsprop - steps divided by a running root mean square (torch.optim.RMSprop).
 *
 *   g = grad_scale grad + weight_decay p
 *   s = alpha s + (1 - alpha) g^2              slot 0, from 0
 *   a = a + (1 - alpha) (g - a)                next slot (centered only), from 0
 *   d = g / (sqrt(centered ? max(s - a^2, 0) : s) + eps)
 *   v = momentum v + d                         next slot (momentum > 0 only), from 0
 *   p = p - lr (momentum > 0 ? v : d)
 *
 *   hyper: alpha, eps, momentum, centered (0 or 1)
 *
 * Hinton 2012, lecture 6e; centered: Graves 2013.  A steady gradient makes s - a^2 vanish, and
 * rounding can leave it below 0: it counts as 0 then, where torch takes the root and gets NaN.
 */
#include "cnn_optim.h"

#ifdef real

CNN_PASS void K(rmsprop_pass)(const cnn_update *u, const int centered, const int has_momentum)
{
    const real  lr = (real)u->coef[0], alpha = (real)u->coef[1], rest = (real)u->coef[2];
    const real  eps = (real)u->coef[3], momentum = (real)u->coef[4];
    const real  scale = (real)u->grad_scale, decay = (real)u->weight_decay;
    const real *restrict grad = u->grad;
    real *restrict p = u->param, *restrict s = u->slot[0], *restrict a = u->slot[1];
    real *restrict v = u->slot[centered ? 2 : 1];

    CNN_IVDEP
    for (int64_t i = 0; i < u->n; i++) {
        const real g = grad[i] * scale + decay * p[i];
        real square = alpha * s[i] + rest * g * g;
        s[i] = square;
        if (centered) {
            const real mean = a[i] + rest * (g - a[i]);
            a[i] = mean;
            square -= mean * mean;
            square = square < 0 ? 0 : square;
        }
        real d = g / (K(cnn_sqrt)(square) + eps);
        if (has_momentum) {
            d += momentum * v[i];
            v[i] = d;
        }
        p[i] -= lr * d;
    }
}

static void K(rmsprop_update)(const cnn_update *u)
{
    const int has_momentum = u->coef[4] != 0;
    if (u->coef[5] == 0) {
        if (has_momentum) K(rmsprop_pass)(u, 0, 1);
        else              K(rmsprop_pass)(u, 0, 0);
    } else {
        if (has_momentum) K(rmsprop_pass)(u, 1, 1);
        else              K(rmsprop_pass)(u, 1, 0);
    }
}

#else
static void rmsprop_prepare(const double *hyper, double lr, int64_t step, double *state,
                            double *coef)
{
    (void)step, (void)state;
    coef[0] = lr;
    coef[1] = hyper[0];
    coef[2] = 1 - hyper[0];
    coef[3] = hyper[1];
    coef[4] = hyper[2];
    coef[5] = hyper[3];
}

#define CNN_SELF "optim/rmsprop.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OPTIM(rmsprop, .n_slot = 3, .prepare = rmsprop_prepare,
                 .update = CNN_TYPED(rmsprop_update));
#endif
