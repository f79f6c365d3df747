/* adagrad - steps divided by the root of all squared gradients so far (torch.optim.Adagrad).
 *
 *   g = grad_scale grad + weight_decay p
 *   s = s + g^2                                slot 0, from initial_accumulator_value
 *   p = p - lr / (1 + (step - 1) lr_decay) g / (sqrt(s) + eps)
 *
 *   hyper: lr_decay, eps
 *
 * Duchi, Hazan, Singer 2011.
 */
#include "cnn_optim.h"

#ifdef real

static void K(adagrad_update)(const cnn_update *u)
{
    const real  rate = (real)u->coef[0], eps = (real)u->coef[1];
    const real  scale = (real)u->grad_scale, decay = (real)u->weight_decay;
    const real *restrict grad = u->grad;
    real *restrict p = u->param, *restrict s = u->slot[0];

    CNN_IVDEP
    for (int64_t i = 0; i < u->n; i++) {
        const real g = grad[i] * scale + decay * p[i];
        const real sum = s[i] + g * g;
        s[i] = sum;
        p[i] -= rate * g / (K(cnn_sqrt)(sum) + eps);
    }
}

#else
static void adagrad_prepare(const double *hyper, double lr, int64_t step, double *state,
                            double *coef)
{
    (void)state;
    coef[0] = lr / (1 + (double)(step - 1) * hyper[0]);
    coef[1] = hyper[1];
}

#define CNN_SELF "optim/adagrad.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OPTIM(adagrad, .n_slot = 1, .prepare = adagrad_prepare,
                 .update = CNN_TYPED(adagrad_update));
#endif
