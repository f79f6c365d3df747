/* adam_pass.h - the pass that adam.c and adamw.c share; they differ in the weight decay only.
 *
 *   m = m + (1 - beta1) (g - m)                slot 0, from 0
 *   v = beta2 v + (1 - beta2) g^2              slot 1, from 0
 *   w = amsgrad ? max(w, v) : v                slot 2 (amsgrad only), from 0
 *   p = p - lr / (1 - beta1^step) m / (sqrt(w) / sqrt(1 - beta2^step) + eps)
 *   or, with eps_hat, p - lr sqrt(1 - beta2^step) / (1 - beta1^step) m / (sqrt(w) + eps), which is
 *   the same with eps / sqrt(1 - beta2^step) in its place
 *
 *   hyper: beta1, beta2, eps, amsgrad (0 or 1), eps_hat (0 or 1)
 *
 * Included first outside the typed half (adam_prepare), then in each typed half
 * (K(adam_pass)).
 */
#include "cnn_optim.h"

#ifdef real

/* keep: the factor on p before the step; decay: the L2 penalty in g. */
CNN_PASS void K(adam_pass)(const cnn_update *u, const real keep, const real decay,
                           const int amsgrad)
{
    const real  rate = (real)u->coef[0], rest1 = (real)u->coef[1];
    const real  beta2 = (real)u->coef[2], rest2 = (real)u->coef[3];
    const real  root = (real)u->coef[4], eps = (real)u->coef[5];
    const real  scale = (real)u->grad_scale;
    const real *restrict grad = u->grad;
    real *restrict p = u->param, *restrict m = u->slot[0], *restrict v = u->slot[1];
    real *restrict w = u->slot[2];

    CNN_IVDEP
    for (int64_t i = 0; i < u->n; i++) {
        const real g = grad[i] * scale + decay * p[i];
        const real mean = m[i] + rest1 * (g - m[i]);
        real square = beta2 * v[i] + rest2 * g * g;
        m[i] = mean;
        v[i] = square;
        if (amsgrad) {
            square = square <= w[i] ? w[i] : square;      /* a NaN in v wins */
            w[i] = square;
        }
        p[i] = keep * p[i] - rate * mean / (K(cnn_sqrt)(square) * root + eps);
    }
}

#else

static void adam_prepare(const double *hyper, double lr, int64_t step, double *state, double *coef)
{
    (void)state;
    coef[0] = lr / (1 - pow(hyper[0], (double)step));
    coef[1] = 1 - hyper[0];
    coef[2] = hyper[1];
    coef[3] = 1 - hyper[1];
    coef[4] = 1 / sqrt(1 - pow(hyper[1], (double)step));
    coef[5] = hyper[4] == 0 ? hyper[2] : hyper[2] * coef[4];
    coef[6] = hyper[3];
    coef[7] = lr;
}

#endif
