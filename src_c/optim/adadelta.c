/* adadelta - steps in the unit of the parameters (torch.optim.Adadelta).
 *
 *   g = grad_scale grad + weight_decay p
 *   s = rho s + (1 - rho) g^2                  slot 0, from 0
 *   d = sqrt(a + eps) / sqrt(s + eps) g
 *   a = rho a + (1 - rho) d^2                  slot 1, from 0
 *   p = p - lr d
 *
 *   hyper: rho, eps
 *
 * Zeiler 2012.  Both roots are taken, not the root of the quotient: a root is never 0 or
 * infinite where the quotient would be.
 */
#include "cnn_optim.h"

#ifdef real

static void K(adadelta_update)(const cnn_update *u)
{
    const real  lr = (real)u->coef[0], rho = (real)u->coef[1], rest = (real)u->coef[2];
    const real  eps = (real)u->coef[3];
    const real  scale = (real)u->grad_scale, decay = (real)u->weight_decay;
    const real *restrict grad = u->grad;
    real *restrict p = u->param, *restrict s = u->slot[0], *restrict a = u->slot[1];

    CNN_IVDEP
    for (int64_t i = 0; i < u->n; i++) {
        const real g = grad[i] * scale + decay * p[i];
        const real square = rho * s[i] + rest * g * g;
        const real delta = K(cnn_sqrt)(a[i] + eps) / K(cnn_sqrt)(square + eps) * g;
        s[i] = square;
        a[i] = rho * a[i] + rest * delta * delta;
        p[i] -= lr * delta;
    }
}

#else
static void adadelta_prepare(const double *hyper, double lr, int64_t step, double *state,
                             double *coef)
{
    (void)step, (void)state;
    coef[0] = lr;
    coef[1] = hyper[0];
    coef[2] = 1 - hyper[0];
    coef[3] = hyper[1];
}

#define CNN_SELF "optim/adadelta.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OPTIM(adadelta, .n_slot = 2, .prepare = adadelta_prepare,
                 .update = CNN_TYPED(adadelta_update));
#endif
