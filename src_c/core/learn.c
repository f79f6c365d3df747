/* learn - clips gradients and lets an optimizer update the parameters. */
#include "core.h"
#include <math.h>
#include <stddef.h>

/* Elements whose squares are summed together.  Fixed, so that the norm has the same bits
 * however the work is divided. */
#define NORM_BLOCK 4096

#ifdef real

/* Sum of squares of n elements, in double; eight running sums so that it vectorises. */
static double K(sum_of_squares)(int64_t n, const real *g)
{
    double lane[8] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int l = 0; l < 8; l++)
            lane[l] += (double)g[i + l] * (double)g[i + l];
    for (; i < n; i++)
        sum += (double)g[i] * (double)g[i];
    for (int l = 0; l < 8; l++)
        sum += lane[l];
    return sum;
}

static void K(clip_values)(int64_t n, real limit, real *g)
{
    for (int64_t i = 0; i < n; i++) {
        g[i] = g[i] > limit ? limit : g[i];
        g[i] = g[i] < -limit ? -limit : g[i];
    }
}

/* The norm over the updated ranges only: a frozen parameter's gradient does not count. */
static double K(gradient_norm)(const cnn_learner *l)
{
    double sum = 0;
    for (int32_t r = 0; r < l->n_range; r++)
        for (int64_t at = l->range[r].begin; at < l->range[r].end; at += NORM_BLOCK) {
            const int64_t left = l->range[r].end - at;
            sum += K(sum_of_squares)(left < NORM_BLOCK ? left : NORM_BLOCK,
                                     (const real *)l->grad + at);
        }
    return sqrt(sum);
}

static void K(learn)(const cnn_learner *l, const double *coef)
{
    double scale = 1;
    if (l->clip_value > 0)
        for (int32_t r = 0; r < l->n_range; r++)
            K(clip_values)(l->range[r].end - l->range[r].begin, (real)l->clip_value,
                           (real *)l->grad + l->range[r].begin);
    if (l->clip_norm > 0) {
        const double ratio = l->clip_norm / (K(gradient_norm)(l) + 1e-6);
        scale = ratio < 1 || isnan(ratio) ? ratio : 1;
    }
    for (int32_t r = 0; r < l->n_range; r++) {
        const int64_t at = l->range[r].begin;
        cnn_update u = {.n = l->range[r].end - at, .param = (real *)l->param + at,
                        .grad = (const real *)l->grad + at, .coef = coef, .grad_scale = scale,
                        .weight_decay = l->range[r].weight_decay};
        for (int i = 0; i < CNN_MAX_SLOT; i++)
            u.slot[i] = l->slot[i] ? (real *)l->slot[i] + at : NULL;
        l->optim->update[l->dtype](&u);
    }
}

#else
#define CNN_SELF "core/learn.c"
#include "cnn_instantiate.h"

void cnn_learn(const cnn_learner *l, double lr, int64_t step)
{
    double coef[CNN_MAX_COEF];
    l->optim->prepare(l->hyper, lr, step, l->state, coef);
    if (l->dtype == CNN_F32)
        learn_f32(l, coef);
    else
        learn_f64(l, coef);
}
#endif
