/* follow - running means that follow the parameters, and gradients over the parts of a step.
 *
 * An element's bits depend on its own numbers alone, so blocks divide among threads as they come. */
#include "core.h"
#include "pool.h"

#define BLOCK 8192

#define FOLLOW(real)                                                                         \
    static void follow_##real(int64_t n, real weight, const real *restrict p,                \
                              real *restrict mean)                                           \
    {                                                                                        \
        for (int64_t i = 0; i < n; i++)                                                      \
            mean[i] += weight * (p[i] - mean[i]);                                            \
    }
FOLLOW(float)
FOLLOW(double)

#define SUMS(real)                                                                           \
    static void add_##real(int64_t n, real weight, int32_t first, const real *restrict g,    \
                           real *restrict sum)                                               \
    {                                                                                        \
        for (int64_t i = 0; i < n; i++)                                                      \
            sum[i] = (first ? 0 : sum[i]) + weight * g[i];                                   \
    }                                                                                        \
    static void mean_##real(int64_t n, real weight, const real *restrict sum,                \
                            real *restrict g)                                                \
    {                                                                                        \
        for (int64_t i = 0; i < n; i++)                                                      \
            g[i] = sum[i] / weight;                                                          \
    }
SUMS(float)
SUMS(double)

void cnn_add_grads(const cnn_average *sums, int32_t dtype, int32_t first, double weight)
{
    for (int32_t i = 0; i < sums->n_part; i++) {
        const cnn_followed *p = &sums->part[i];
        if (dtype == CNN_F32)
            add_float(p->n, (float)weight, first, p->value, p->mean);
        else
            add_double(p->n, weight, first, p->value, p->mean);
    }
}

void cnn_mean_grads(const cnn_average *sums, int32_t dtype, double weight)
{
    for (int32_t i = 0; i < sums->n_part && weight > 0; i++) {   /* else all of them are 0 */
        const cnn_followed *p = &sums->part[i];
        if (dtype == CNN_F32)
            mean_float(p->n, (float)weight, p->mean, (float *)p->value);
        else
            mean_double(p->n, weight, p->mean, (double *)p->value);
    }
}

typedef struct {
    const cnn_followed *part;
    int32_t             dtype;
    double              weight;
} follow_work;

static void follow_block(void *context, int32_t block, int32_t worker)
{
    const follow_work *w = context;
    const int64_t at = (int64_t)block * BLOCK, left = w->part->n - at;
    const int64_t n = left < BLOCK ? left : BLOCK;
    (void)worker;
    if (w->dtype == CNN_F32)
        follow_float(n, (float)w->weight, (const float *)w->part->value + at,
                     (float *)w->part->mean + at);
    else
        follow_double(n, w->weight, (const double *)w->part->value + at,
                      (double *)w->part->mean + at);
}

void cnn_follow(cnn_average *a, int32_t dtype, int32_t n_thread)
{
    const double young = 9.0 / (10.0 + (double)++a->count);
    for (int32_t i = 0; i < a->n_part; i++) {
        follow_work   work = {&a->part[i], dtype, young > a->least ? young : a->least};
        const int32_t n_block = (int32_t)((a->part[i].n + BLOCK - 1) / BLOCK);
        if (n_thread > 1)
            cnn_pool_loop(n_block, follow_block, &work);
        else
            for (int32_t b = 0; b < n_block; b++)
                follow_block(&work, b, 0);
    }
}
