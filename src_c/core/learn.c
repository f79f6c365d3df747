/* learn - adds penalties to gradients, clips them, lets an optimizer update the parameters and
 * limits norms of their columns.
 *
 * The work is cut into blocks of fixed size, so that sums have the same bits however many
 * threads there are.  A gradient that is not finite ends in CNN_ERR_GRADIENT, and nothing is updated.
 */
#include "core.h"
#include "denormals.h"
#include "learn.h"
#include "pool.h"
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#ifdef real

#include "values.h"

/* Add the gradient of l1 sum |p| + l2 sum p^2, of which the subgradient at 0 is 0. */
static void K(penalise)(int64_t n, real l1, real l2, const real *restrict p, real *restrict g)
{
    for (int64_t i = 0; i < n; i++)
        g[i] += (p[i] > 0 ? l1 : p[i] < 0 ? -l1 : 0) + l2 * p[i];
}

/* Add the penalties to a block's gradients, and clip their values. */
CNN_APART
static void K(complete)(const cnn_learner *l, const cnn_range *r, int64_t at, int64_t n, real *g)
{
    const double l2 = r->l2_per_row > 0 ? r->l2 + per_row(l, r) : r->l2;
    if (r->l1 > 0 || l2 > 0)
        K(penalise)(n, (real)r->l1, (real)(2 * l2), (const real *)r->param + at, g);
    if (l->clip_value > 0)
        K(clip_values)(n, (real)l->clip_value, g);
}

/* Complete a block's gradients, and sum their squares. */
static double K(measure)(const cnn_learner *l, const cnn_range *r, int64_t at, int64_t n)
{
    K(complete)(l, r, at, n, (real *)r->grad + at);
    return K(sum_of_squares)(n, (const real *)r->grad + at);
}

/* Shrink those of some columns of a matrix that are longer than max_norm to that length. */
static void K(limit_columns)(const cnn_range *r, int64_t column, int64_t n)
{
    double  sum[COLUMNS] = {0};
    real    factor[COLUMNS], *const p = (real *)r->param + column;
    int64_t n_row = r->n / r->n_unit, n_long = 0;    /* a gap behind the matrix is all zeros */
    for (int64_t i = 0; i < n_row; i++)
        for (int64_t j = 0; j < n; j++)
            sum[j] += (double)p[i * r->n_unit + j] * (double)p[i * r->n_unit + j];
    for (int64_t j = 0; j < n; j++) {
        const double norm = sqrt(sum[j]);
        factor[j] = (real)(norm > r->max_norm ? r->max_norm / norm : 1);
        n_long += norm > r->max_norm;
    }
    for (int64_t i = 0; n_long > 0 && i < n_row; i++)
        for (int64_t j = 0; j < n; j++)
            p[i * r->n_unit + j] *= factor[j];
}

/* Whether all gradients are finite, for sure. */
static int K(gradients_finite)(const cnn_learner *l)
{
    for (const cnn_range *r = l->range; r < l->range + l->n_range; r++)
        if (!r->rows && !K(all_finite)(r->n, r->grad))
            return 0;
    return 1;
}

static void K(update)(const cnn_learner *l, const cnn_range *r, double scale, int32_t block,
                      int64_t at, int64_t n)
{
    const int decays = is_decay(l, r);
    if (!(l->clip_norm > 0) && !decays)     /* else `measure` has done so, or the update does */
        K(complete)(l, r, at, n, (real *)r->grad + at);
    if (r->l2_per_row > 0)
        l->partial[block] = per_row(l, r) * K(sum_of_squares)(n, (const real *)r->param + at);
    cnn_update u = {.n = n, .param = (real *)r->param + at, .grad = (const real *)r->grad + at,
                    .coef = l->coef + r->group * CNN_MAX_COEF, .grad_scale = scale,
                    .weight_decay = decays ? 2 * per_row(l, r) : r->weight_decay};
    for (int i = 0; i < CNN_MAX_SLOT; i++)
        u.slot[i] = r->slot[i] ? (real *)r->slot[i] + at : NULL;
    l->optim->update[l->dtype](&u);
}

#else
#define COLUMNS 64          /* of a matrix, whose norms are taken together */

#define CNN_SELF "core/learn.c"
#include "cnn_instantiate.h"

#define BLOCK 8192
#define SMALL 0x1p-600      /* squares of any double times this do not overflow */

typedef struct {
    const cnn_learner *learner;
    cnn_row_grad      *rows;      /* of ranges whose gradient comes of sparse rows */
    double             scale;
    const cnn_range   *range;     /* whose norms are limited */
    double             factor;    /* of the gradients of rows, which nobody can make smaller */
} learn_work;

#define EACH_OF_ROWS(l, r)                                                          \
    for (const cnn_range *r = (l)->range; r < (l)->range + (l)->n_range; r++)       \
        if (r->rows)

int64_t cnn_count_blocks(cnn_range *range, int32_t n)
{
    int64_t n_block = 0;
    for (int32_t r = 0; r < n; r++) {
        range[r].first_block = n_block;
        n_block += range[r].rows ? 0 : (range[r].n + BLOCK - 1) / BLOCK;
    }
    return n_block;
}

/* The block's range, the last that starts with it or before; *at and *n become the block's first
 * element, within the range, and its length. */
static const cnn_range *find_block(const cnn_learner *l, int64_t block, int64_t *at, int64_t *n)
{
    const cnn_range *r = l->range;
    for (int32_t among = l->n_range; among > 1;) {
        const int32_t half = among / 2, later = r[half].first_block <= block;
        r += later ? half : 0;
        among = later ? among - half : half;
    }
    *at = (block - r->first_block) * BLOCK;
    *n = r->n - *at < BLOCK ? r->n - *at : BLOCK;
    return r;
}

static void measure_block(void *context, int32_t block, int32_t worker)
{
    const learn_work *w = context;
    const cnn_learner *l = w->learner;
    int64_t at, n;
    (void)worker;
    const cnn_range *r = find_block(l, block, &at, &n);
    l->partial[block] = l->dtype == CNN_F32 ? measure_f32(l, r, at, n) : measure_f64(l, r, at, n);
}

static void update_block(void *context, int32_t block, int32_t worker)
{
    const learn_work *w = context;
    int64_t at, n;
    (void)worker;
    const cnn_range *r = find_block(w->learner, block, &at, &n);
    if (w->learner->dtype == CNN_F32)
        update_f32(w->learner, r, w->scale, block, at, n);
    else
        update_f64(w->learner, r, w->scale, block, at, n);
}

static void loop(cnn_tile_fn run, learn_work *work, int32_t n_thread)
{
    const int64_t n_block = work->learner->n_block;
    CNN_NEED(n_block <= INT32_MAX);     /* 70 PB of parameters */
    if (n_thread > 1)
        cnn_pool_loop((int32_t)n_block, run, work);
    else
        for (int64_t b = 0; b < n_block; b++)
            run(work, (int32_t)b, 0);
}

static void limit_tile(void *context, int32_t tile, int32_t worker)
{
    const learn_work *w = context;
    const cnn_range *r = w->range;
    const int64_t column = (int64_t)tile * COLUMNS;
    const int64_t n = r->n_unit - column < COLUMNS ? r->n_unit - column : COLUMNS;
    (void)worker;
    if (w->learner->dtype == CNN_F32)
        limit_columns_f32(r, column, n);
    else
        limit_columns_f64(r, column, n);
}

void cnn_complete(const cnn_learner *l, const cnn_range *r, int64_t at, int64_t n, void *g)
{
    if (l->dtype == CNN_F32)
        complete_f32(l, r, at, n, g);
    else
        complete_f64(l, r, at, n, g);
}

/* Add up, after an update, what l2_per_row adds to the loss: of the parameters before it. */
static void sum_penalties(const cnn_learner *l)
{
    l->batch[1] = 0;
    for (const cnn_range *r = l->range; r < l->range + l->n_range; r++)
        for (int64_t at = 0, b = r->first_block; r->l2_per_row > 0 && !r->rows && at < r->n;
             at += BLOCK, b++)
            l->batch[1] += l->partial[b];
}

/* Limit the norms of columns after an update, where a range asks for it. */
static void limit_norms(learn_work *work, int32_t n_thread)
{
    const cnn_learner *l = work->learner;
    for (const cnn_range *r = l->range; r < l->range + l->n_range; r++) {
        if (!(r->max_norm > 0))
            continue;
        const int32_t n_tile = (int32_t)((r->n_unit + COLUMNS - 1) / COLUMNS);
        work->range = r;
        if (n_thread > 1)
            cnn_pool_loop(n_tile, limit_tile, work);
        else
            for (int32_t t = 0; t < n_tile; t++)
                limit_tile(work, t, 0);
    }
}

/* Note the first gradient of a block that is NaN or, unless values are clipped, infinite. */
static void check_block(void *context, int32_t block, int32_t worker)
{
    const cnn_learner *l = ((const learn_work *)context)->learner;
    int64_t at, n, found = -1;
    (void)worker;
    const cnn_range *r = find_block(l, block, &at, &n);
    const void *g = l->dtype == CNN_F32 ? (const void *)((const float *)r->grad + at)
                                        : (const void *)((const double *)r->grad + at);
    const double most = l->clip_value > 0 ? INFINITY : DBL_MAX;
    if (!(l->dtype == CNN_F32 ? all_finite_f32(n, g) : all_finite_f64(n, g)))
        found = cnn_first_outside(l->dtype, n, g, -most, most);
    l->partial[block] = (double)found;
}

/* Look for the first such gradient, block by block. */
static cnn_status check_blocks(learn_work *work, int32_t n_thread, cnn_fault *fault)
{
    const cnn_learner *l = work->learner;
    int64_t at, n;
    loop(check_block, work, n_thread);
    for (int64_t b = 0; b < l->n_block; b++)
        if (l->partial[b] >= 0) {
            const cnn_range *r = find_block(l, b, &at, &n);
            fault->step = (int32_t)(r - l->range);
            fault->index = at + (int64_t)l->partial[b];
            fault->value = l->dtype == CNN_F32 ? ((const float *)r->grad)[fault->index]
                                               : ((const double *)r->grad)[fault->index];
            return CNN_ERR_GRADIENT;
        }
    return CNN_OK;
}

/* CNN_ERR_GRADIENT and the first such gradient, if there is one.  A single thread takes each range
 * in one go: what calls and blocks cost shows in small networks. */
static cnn_status check_gradients(learn_work *work, int32_t n_thread, cnn_fault *fault)
{
    const cnn_learner *l = work->learner;
    const int finite = n_thread == 1 && (l->dtype == CNN_F32 ? gradients_finite_f32(l)
                                                             : gradients_finite_f64(l));
    if (!finite && check_blocks(work, n_thread, fault) != CNN_OK)
        return CNN_ERR_GRADIENT;
    EACH_OF_ROWS(l, r) {
        fault->step = (int32_t)(r - l->range);
        if (cnn_rows_check(l, r, &work->rows[r->rows - 1], n_thread, fault) != CNN_OK)
            return CNN_ERR_GRADIENT;
    }
    return CNN_OK;
}

/* The factor that clips finite gradients whose squares add up to more than a double holds; those
 * of float never do.  Where it would be denormal itself, the gradients are made smaller first. */
CNN_COLD static double scale_of_huge(learn_work *work, int32_t n_thread)
{
    const cnn_learner *l = work->learner;
    double sum = 0;
    EACH_OF_ROWS(l, r)
        sum += cnn_rows_measure(l, r, &work->rows[r->rows - 1], SMALL, n_thread);
    for (const cnn_range *r = l->range; r < l->range + l->n_range; r++) {
        const double *g = r->grad;
        for (int64_t i = 0; i < r->n && !r->rows; i++)
            sum += g[i] * SMALL * (g[i] * SMALL);
    }
    const double ratio = l->clip_norm / sqrt(sum);     /* 1e-6 is nothing beside such a norm */
    if (ratio * SMALL >= DBL_MIN)
        return ratio * SMALL < 1 ? ratio * SMALL : 1;
    for (const cnn_range *r = l->range; r < l->range + l->n_range; r++) {
        double *g = r->grad;
        for (int64_t i = 0; i < r->n && !r->rows; i++)
            g[i] *= SMALL;
    }
    work->factor = SMALL;
    return ratio;
}

/* The norm of all gradients, and at work->scale what brings it down to clip_norm.  Squares that
 * vanish do no harm: such a norm is nothing beside 1e-6. */
static cnn_status clip(learn_work *work, int32_t n_thread, cnn_fault *fault)
{
    const cnn_learner *l = work->learner;
    double sum = 0;
    loop(measure_block, work, n_thread);
    for (int64_t b = 0; b < l->n_block; b++)
        sum += l->partial[b];
    EACH_OF_ROWS(l, r)
        sum += cnn_rows_measure(l, r, &work->rows[r->rows - 1], 1, n_thread);
    if (!isfinite(sum) && !l->unguarded) {
        const cnn_status status = check_gradients(work, n_thread, fault);
        if (status == CNN_OK)
            work->scale = scale_of_huge(work, n_thread);
        return status;
    }
    const double ratio = l->clip_norm / (sqrt(sum) + 1e-6);
    work->scale = ratio < 1 ? ratio : 1;
    return CNN_OK;
}

/* The coefficients of every group; all of them find the state as the last step left it. */
static void prepare(const cnn_learner *l, const double *lr, int64_t step)
{
    double before[CNN_MAX_SLOT];
    memcpy(before, l->state, sizeof before);
    for (int32_t g = 0; g < l->n_group; g++) {
        memcpy(l->state, before, sizeof before);
        l->optim->prepare(l->hyper, lr[g], step, l->state, l->coef + g * CNN_MAX_COEF);
    }
}

cnn_status cnn_learn_on(const cnn_learner *l, const double *lr, int64_t step, cnn_row_grad *rows,
                        int64_t n_row, int32_t n_thread, cnn_fault *fault)
{
    learn_work work = {.learner = l, .rows = rows, .scale = 1, .factor = 1};
    const uint64_t mode = cnn_flush_denormals();
    cnn_status status = CNN_OK;
    EACH_OF_ROWS(l, r)
        cnn_rows_begin(l, r, &rows[r->rows - 1], n_row, lr[r->group]);
    if (l->clip_norm > 0)
        status = clip(&work, n_thread, fault);
    else if (!l->unguarded)
        status = check_gradients(&work, n_thread, fault);
    if (status == CNN_OK) {
        prepare(l, lr, step);
        loop(update_block, &work, n_thread);
        if (l->batch)
            sum_penalties(l);
        EACH_OF_ROWS(l, r)
            cnn_rows_update(l, r, &rows[r->rows - 1], n_row, lr[r->group], work.scale, work.factor,
                            n_thread);
        limit_norms(&work, n_thread);
    }
    cnn_restore_denormals(mode);
    return status;
}

cnn_status cnn_learn(const cnn_learner *l, const double *lr, int64_t step, cnn_fault *fault)
{
    return cnn_learn_on(l, lr, step, NULL, 0, 1, fault);
}
#endif
