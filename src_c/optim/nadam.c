/* nadam - Adam with Nesterov's look-ahead (torch.optim.NAdam).
 *
 *   g    = grad_scale grad + weight_decay p
 *   mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2),  M_t = mu_1 mu_2 ... mu_t    (state 0: M)
 *   m    = m + (1 - beta1) (g - m)             slot 0, from 0
 *   v    = beta2 v + (1 - beta2) g^2           slot 1, from 0
 *   p    = p - lr ((1 - mu_t) / (1 - M_t) g + mu_(t+1) / (1 - M_(t+1)) m)
 *              / (sqrt(v / (1 - beta2^t)) + eps)
 *
 *   hyper: beta1, beta2, eps, momentum_decay
 *
 * Dozat 2016.
 */
#include "cnn_optim.h"

#ifdef real

static void K(nadam_update)(const cnn_update *u)
{
    const real  rate_g = (real)u->coef[0], rate_m = (real)u->coef[1], rest1 = (real)u->coef[2];
    const real  beta2 = (real)u->coef[3], rest2 = (real)u->coef[4];
    const real  root = (real)u->coef[5], eps = (real)u->coef[6];
    const real  scale = (real)u->grad_scale, decay = (real)u->weight_decay;
    const real *restrict grad = u->grad;
    real *restrict p = u->param, *restrict m = u->slot[0], *restrict v = u->slot[1];

    CNN_IVDEP
    for (int64_t i = 0; i < u->n; i++) {
        const real g = grad[i] * scale + decay * p[i];
        const real mean = m[i] + rest1 * (g - m[i]);
        const real square = beta2 * v[i] + rest2 * g * g;
        m[i] = mean;
        v[i] = square;
        p[i] -= (rate_g * g + rate_m * mean) / (K(cnn_sqrt)(square) * root + eps);
    }
}

#else
static double nadam_mu(const double *hyper, int64_t step)
{
    return hyper[0] * (1 - 0.5 * pow(0.96, (double)step * hyper[3]));
}

static void nadam_prepare(const double *hyper, double lr, int64_t step, double *state,
                          double *coef)
{
    const double mu = nadam_mu(hyper, step), mu_next = nadam_mu(hyper, step + 1);

    state[0] = (step == 1 ? 1 : state[0]) * mu;
    coef[0] = lr * (1 - mu) / (1 - state[0]);
    coef[1] = lr * mu_next / (1 - state[0] * mu_next);
    coef[2] = 1 - hyper[0];
    coef[3] = hyper[1];
    coef[4] = 1 - hyper[1];
    coef[5] = 1 / sqrt(1 - pow(hyper[1], (double)step));
    coef[6] = hyper[2];
}

#define CNN_SELF "optim/nadam.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OPTIM(nadam, .n_slot = 2, .prepare = nadam_prepare, .update = CNN_TYPED(nadam_update));
#endif
