/* sgd - stochastic gradient descent with momentum (torch.optim.SGD, dampening 0).
 *
 *   g = grad_scale grad + weight_decay p
 *   v = momentum v + g                         slot 0 (momentum > 0 only), from 0
 *   p = p - lr (nesterov ? g + momentum v : v)
 *
 *   with velocity, momentum > 0: v = momentum v + lr g and p = p - (nesterov ? lr g + momentum v : v)
 *
 *   hyper: momentum, nesterov (0 or 1), velocity (0 or 1)
 *
 * Nesterov's form is that of Sutskever et al. 2013, shifted to the look-ahead point.
 */
#include "cnn_optim.h"

#ifdef real

static void K(sgd_plain)(const cnn_update *u)
{
    const real  lr = (real)u->coef[0];
    const real  scale = (real)u->grad_scale, decay = (real)u->weight_decay;
    const real *restrict grad = u->grad;
    real *restrict p = u->param;

    CNN_IVDEP
    for (int64_t i = 0; i < u->n; i++)
        p[i] -= lr * (grad[i] * scale + decay * p[i]);
}

CNN_PASS void K(sgd_momentum)(const cnn_update *u, const int nesterov)
{
    const real  lr = (real)u->coef[0], momentum = (real)u->coef[1];
    const real  scale = (real)(u->coef[3] * u->grad_scale);
    const real  decay = (real)(u->coef[3] * u->weight_decay);
    const real *restrict grad = u->grad;
    real *restrict p = u->param, *restrict v = u->slot[0];

    CNN_IVDEP
    for (int64_t i = 0; i < u->n; i++) {
        const real g = grad[i] * scale + decay * p[i];
        const real velocity = momentum * v[i] + g;
        v[i] = velocity;
        p[i] -= lr * (nesterov ? g + momentum * velocity : velocity);
    }
}

static void K(sgd_update)(const cnn_update *u)
{
    if (u->coef[1] == 0)
        K(sgd_plain)(u);
    else if (u->coef[2] == 0)
        K(sgd_momentum)(u, 0);
    else
        K(sgd_momentum)(u, 1);
}

#else
static void sgd_prepare(const double *hyper, double lr, int64_t step, double *state, double *coef)
{
    (void)step, (void)state;
    const int inside = hyper[0] != 0 && hyper[2] != 0;
    coef[0] = inside ? 1 : lr;
    coef[1] = hyper[0];
    coef[2] = hyper[1];
    coef[3] = inside ? lr : 1;
}

static int32_t sgd_linear(const double *hyper) { return hyper[0] == 0; }

#define CNN_SELF "optim/sgd.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OPTIM(sgd, .n_slot = 1, .prepare = sgd_prepare, .update = CNN_TYPED(sgd_update),
                 .linear = sgd_linear);
#endif
