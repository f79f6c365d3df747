/* follow - running means that follow the parameters of a training.
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
