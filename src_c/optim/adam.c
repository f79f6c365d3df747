/* adam - running mean over running root mean square (torch.optim.Adam).
 *
 *   g = grad_scale grad + weight_decay p       an L2 penalty
 *   then the pass of adam_pass.h, which states slots and hyper
 *
 * Kingma, Ba 2015; amsgrad: Reddi, Kale, Kumar 2018.
 */
#include "cnn_optim.h"
#include "optim/adam_pass.h"

#ifdef real

static void K(adam_update)(const cnn_update *u)
{
    if (u->coef[6] == 0)
        K(adam_pass)(u, 1, (real)u->weight_decay, 0);
    else
        K(adam_pass)(u, 1, (real)u->weight_decay, 1);
}

#else
#define CNN_SELF "optim/adam.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OPTIM(adam, .n_slot = 3, .prepare = adam_prepare, .update = CNN_TYPED(adam_update));
#endif
