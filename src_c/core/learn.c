/* learn - clips gradients and lets an optimizer update the parameters.
 *
 * The work is cut into blocks of fixed size, so that sums have the same bits however many
 * threads there are.
 */
#include "core.h"
#include "denormals.h"
#include "pool.h"
#include <math.h>
#include <stddef.h>

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

/* Clip the values of a block, and sum the squares of what is left. */
static double K(measure)(const cnn_learner *l, int64_t at, int64_t n)
{
    real *g = (real *)l->grad + at;
    if (l->clip_value > 0)
        K(clip_values)(n, (real)l->clip_value, g);
    return K(sum_of_squares)(n, g);
}

static void K(update)(const cnn_learner *l, const double *coef, double scale, double decay,
                      int64_t at, int64_t n)
{
    if (l->clip_value > 0 && !(l->clip_norm > 0))     /* else `measure` has clipped */
        K(clip_values)(n, (real)l->clip_value, (real *)l->grad + at);
    cnn_update u = {.n = n, .param = (real *)l->param + at, .grad = (const real *)l->grad + at,
                    .coef = coef, .grad_scale = scale, .weight_decay = decay};
    for (int i = 0; i < CNN_MAX_SLOT; i++)
        u.slot[i] = l->slot[i] ? (real *)l->slot[i] + at : NULL;
    l->optim->update[l->dtype](&u);
}

#else
#define CNN_SELF "core/learn.c"
#include "cnn_instantiate.h"

#define BLOCK 8192

typedef struct {
    const cnn_learner *learner;
    double             coef[CNN_MAX_COEF], scale;
} learn_work;

static int64_t blocks_of(const cnn_range *r) { return (r->end - r->begin + BLOCK - 1) / BLOCK; }

int64_t cnn_n_block(const cnn_learner *l)
{
    int64_t n_block = 0;
    for (int32_t r = 0; r < l->n_range; r++)
        n_block += blocks_of(&l->range[r]);
    return n_block;
}

/* The block's range; *at and *n become its first element and its length. */
static const cnn_range *find_block(const cnn_learner *l, int64_t block, int64_t *at, int64_t *n)
{
    const cnn_range *r = l->range;
    for (int64_t count; block >= (count = blocks_of(r)); r++)
        block -= count;
    *at = r->begin + block * BLOCK;
    *n = r->end - *at < BLOCK ? r->end - *at : BLOCK;
    return r;
}

static void measure_block(void *context, int32_t block, int32_t worker)
{
    const learn_work *w = context;
    int64_t at, n;
    (void)worker;
    find_block(w->learner, block, &at, &n);
    w->learner->partial[block] = w->learner->dtype == CNN_F32 ? measure_f32(w->learner, at, n)
                                                              : measure_f64(w->learner, at, n);
}

static void update_block(void *context, int32_t block, int32_t worker)
{
    const learn_work *w = context;
    int64_t at, n;
    (void)worker;
    const double decay = find_block(w->learner, block, &at, &n)->weight_decay;
    if (w->learner->dtype == CNN_F32)
        update_f32(w->learner, w->coef, w->scale, decay, at, n);
    else
        update_f64(w->learner, w->coef, w->scale, decay, at, n);
}

static void loop(int64_t n_block, cnn_tile_fn run, learn_work *work, int32_t n_thread)
{
    CNN_NEED(n_block <= INT32_MAX);     /* 70 PB of parameters */
    if (n_thread > 1)
        cnn_pool_loop((int32_t)n_block, run, work);
    else
        for (int64_t b = 0; b < n_block; b++)
            run(work, (int32_t)b, 0);
}

void cnn_learn_on(const cnn_learner *l, double lr, int64_t step, int32_t n_thread)
{
    learn_work work = {.learner = l, .scale = 1};
    const uint64_t mode = cnn_flush_denormals();
    const int64_t n_block = cnn_n_block(l);
    l->optim->prepare(l->hyper, lr, step, l->state, work.coef);
    if (l->clip_norm > 0) {
        double sum = 0;
        loop(n_block, measure_block, &work, n_thread);
        for (int64_t b = 0; b < n_block; b++)
            sum += l->partial[b];
        const double ratio = l->clip_norm / (sqrt(sum) + 1e-6);
        if (!(ratio >= 1))
            work.scale = ratio;
    }
    loop(n_block, update_block, &work, n_thread);
    cnn_restore_denormals(mode);
}

void cnn_learn(const cnn_learner *l, double lr, int64_t step)
{
    cnn_learn_on(l, lr, step, 1);
}
#endif
