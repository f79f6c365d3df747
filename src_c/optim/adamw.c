/* adamw - Adam with decoupled weight decay (torch.optim.AdamW).
 *
 *   p = p (1 - lr weight_decay)                apart from the gradient
 *   g = grad_scale grad
 *   then the pass of adam_pass.h, which states slots and hyper
 *
 * Loshchilov, Hutter 2019.
 */
#include "cnn_optim.h"
#include "optim/adam_pass.h"

#ifdef real

static void K(adamw_update)(const cnn_update *u)
{
    const real keep = (real)(1 - u->coef[7] * u->weight_decay);
    if (u->coef[6] == 0)
        K(adam_pass)(u, keep, 0, 0);
    else
        K(adam_pass)(u, keep, 0, 1);
}

#else
#define CNN_SELF "optim/adamw.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OPTIM(adamw, .n_slot = 3, .prepare = adam_prepare, .update = CNN_TYPED(adamw_update),
                 .decoupled = 1);
#endif
