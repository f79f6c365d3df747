/* learn_rows - weights whose gradient comes of sparse rows, and is nowhere as a whole.
 *
 * Of such a weight only the touched rows have a gradient: those that an entry of the batch picks.
 * There are two ways to update them:
 *
 *   plain   p -= lr g, where nothing is clipped: each entry's share goes straight into p, batch row
 *           by batch row.  A bound shows before that no gradient can be infinite.
 *   turned  the entries are put in the order of columns.  The gradient of a touched row is then one
 *           sum, which is made whenever it is needed: to be looked through, measured, learnt from.
 *
 * Where the others move too, as Adam and penalties ask for, every row is updated in turn, block by
 * block, with the gradient of those that are touched and 0 for all others.
 *
 * Threads divide the first by columns of the weight, the others by touched rows or by all, in so
 * many tiles that sums over them do not depend on the threads.
 */
#include "core.h"
#include "cnn_sparse.h"
#include "gemm/vector.h"
#include "learn.h"
#include "math/cnn_bits.h"
#include "pool.h"
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#ifdef real
#include "values.h"

/* Put the entries of n_row rows in the order of columns, each column's in the order of rows. */
static void K(turn)(cnn_row_grad *g, const turned *t, int64_t n_row, int in_order)
{
    const cnn_sparse_row *x = g->x->data;
    const int64_t n = find_touched(g, t, n_row, in_order);
    int32_t       at = 0;
    for (int64_t u = 0; u < n; u++) {
        const int32_t count = t->count[t->column[u]];
        t->first[u] = t->count[t->column[u]] = at;
        at += count;
    }
    t->first[n] = at;
    for (int64_t r = 0; r < n_row; r++) {
        const int32_t *column = cnn_columns(&x[r]);
        const real    *value = cnn_values(&x[r]);
        for (int64_t p = 0; p < x[r].n; p++) {
            const int32_t e = t->count[column[p]]++;
            t->row[e] = (int32_t)r;
            ((real *)t->value)[e] = value[p];
        }
    }
    for (int64_t u = 0; u < n; u++)
        t->count[t->column[u]] = 0;
    g->n_touched = n;
}

/* The largest magnitude, read as an integer: that of a NaN is above that of infinity.  It takes two
 * instructions a vector. */
static K(integer) K(largest_magnitude)(int64_t n, const real *g)
{
    K(integer) most = 0;
    for (int64_t i = 0; i < n; i++) {
        const K(integer) magnitude = (K(integer))K(cnn_to_bits)(K(cnn_abs)(g[i]));
        most = magnitude > most ? magnitude : most;
    }
    return most;
}

/* Whether each |gradient|, a sum of at most n_row products, is finite for sure. */
static int K(is_bounded)(const cnn_row_grad *g, int64_t n_row, double lr)
{
    const double limit = (sizeof(real) == 4 ? FLT_MAX : DBL_MAX) / 2;
    const K(integer) most = K(largest_magnitude)(n_row * g->dy->size, g->dy->data);
    const double dy = K(cnn_from_bits)(K(bits)(most));
    return dy * (g->most * (double)n_row) < limit && lr * g->most < limit;
}

/* Ask for what an update of touched row u will need. */
static void K(ask)(const rows_work *w, int64_t u)
{
    const int64_t n_out = w->g->dy->size, at = w->t.column[u] * n_out;
    for (int64_t k = 0; k < n_out && k < 256; k += 64 / (int64_t)sizeof(real)) {
        PREFETCH_L1((uintptr_t)((real *)w->range->param + at + k));
        for (int i = 0; i < CNN_MAX_SLOT; i++)
            if (w->range->slot[i])
                PREFETCH_L1((uintptr_t)((real *)w->range->slot[i] + at + k));
    }
}

/* What the work asks for, with the gradient of elements [at, at + n) of the range. */
static void K(use)(rows_work *w, int32_t tile, int64_t at, int64_t n, real *grad)
{
    const cnn_learner *l = w->learner;
    const int every = w->range->every_row && w->task != CHECK, decays = is_decay(l, w->range);
    if (every && !decays)
        cnn_complete(l, w->range, at, n, grad);
    if (w->factor != 1)
        for (int64_t k = 0; k < n; k++)
            grad[k] *= (real)w->factor;
    if (!every && l->clip_value > 0 && (w->task != CHECK || l->clip_norm > 0))
        K(clip_values)(n, (real)l->clip_value, grad);
    if (w->task == MEASURE) {
        w->partial[tile] += K(sum_of_squares)(n, grad);
        return;
    }
    if (w->task == CHECK) {
        const double most = l->clip_value > 0 ? INFINITY : DBL_MAX;
        const int64_t found = w->wrong[tile] >= 0 || K(all_finite)(n, grad) ? -1
                              : cnn_first_outside(l->dtype, n, grad, -most, most);
        if (found >= 0) {
            w->wrong[tile] = at + found;
            w->partial[tile] = grad[found];
        }
        return;
    }
    if (w->range->l2_per_row > 0)
        w->partial[tile] += per_row(l, w->range) *
                            K(sum_of_squares)(n, (const real *)w->range->param + at);
    cnn_update u = {.n = n, .param = (real *)w->range->param + at, .grad = grad,
                    .coef = l->coef + w->range->group * CNN_MAX_COEF, .grad_scale = w->scale,
                    .weight_decay = decays ? 2 * per_row(l, w->range) : w->range->weight_decay};
    for (int i = 0; i < CNN_MAX_SLOT; i++)
        u.slot[i] = w->range->slot[i] ? (real *)w->range->slot[i] + at : NULL;
    l->optim->update[l->dtype](&u);
}

static void K(touched_tile)(rows_work *w, int32_t tile)
{
    const int64_t n_out = w->g->dy->size, n = w->g->n_touched;
    const turned *t = &w->t;
    const real   *dy = w->g->dy->data;
    real          grad[PIECE];

    for (int64_t u = n * tile / N_TILE, end = n * (tile + 1) / N_TILE; u < end; u++) {
        if (w->task == UPDATE && u + AHEAD < n)
            K(ask)(w, u + AHEAD);
        for (int64_t j = 0; j < n_out; j += PIECE) {
            const int64_t k = n_out - j < PIECE ? n_out - j : PIECE, e = t->first[u];
            K(cnn_sparse_times)(t->first[u + 1] - e, t->row + e, (const real *)t->value + e, NULL,
                                dy + j, n_out, k, NULL, 0, grad);
            K(use)(w, tile, t->column[u] * n_out + j, k, grad);
        }
    }
}

/* A tile of all rows of the weight. */
static void K(every_tile)(rows_work *w, int32_t tile)
{
    const int64_t n_out = w->g->dy->size, n_in = w->g->n_in, n = w->g->n_touched;
    const int64_t end = n_in * (tile + 1) / N_TILE, high = n_out < ROOM ? ROOM / n_out : 1;
    const turned *t = &w->t;
    const real   *dy = w->g->dy->data;
    real          grad[ROOM];
    int64_t       u, first = first_touched(t, n, n_in * tile / N_TILE);

    for (int64_t row = n_in * tile / N_TILE; row < end; row += high, first = u) {
        const int64_t n_row = end - row < high ? end - row : high;
        u = first;
        for (int64_t j = 0; j < n_out; j += ROOM) {
            const int64_t k = n_out - j < ROOM ? n_out - j : ROOM, all = n_row * k;
            memset(grad, 0, (size_t)all * sizeof(real));
            for (u = first; u < n && t->column[u] < row + n_row; u++) {
                const int64_t e = t->first[u];
                K(cnn_sparse_times)(t->first[u + 1] - e, t->row + e, (const real *)t->value + e,
                                    NULL, dy + j, n_out, k, NULL, 0,
                                    grad + (t->column[u] - row) * k);
            }
            K(use)(w, tile, row * n_out + j, all, grad);
        }
    }
}

/* Columns [first, first + n) of p -= lr g. */
static void K(plain_tile)(const rows_work *w, int64_t first, int64_t n)
{
    const cnn_sparse_row *x = w->g->x->data;
    const int64_t n_out = w->g->dy->size;
    const real   *dy = (const real *)w->g->dy->data + first;
    real         *p = (real *)w->range->param + first;
    const real    lr = (real)w->lr;
    int32_t       room[CNN_SPARSE_AHEAD];

    for (int64_t r = 0; r < w->n_row; r++)
        K(cnn_sparse_add)(x[r].n, cnn_columns(&x[r]), cnn_values(&x[r]),
                          cnn_sparse_next(&x[r], w->n_row - r - 1, room), -lr, dy + r * n_out, n,
                          n_out, p);
}

#else
enum { N_TILE = 64, PIECE = 256, ROOM = 2048, AHEAD = 8 };

/* Where the turned entries lie in the memory of a cnn_row_grad. */
typedef struct {
    int32_t *count;      /* [I], 0 between steps                     */
    int32_t *column;     /* of each touched row, its number          */
    int32_t *first;      /* its first entry; one more for the end    */
    int32_t *row;        /* of each entry                            */
    void    *value;
} turned;

typedef enum { CHECK, MEASURE, UPDATE } task;
typedef struct {
    const cnn_learner *learner;
    const cnn_range   *range;
    cnn_row_grad      *g;
    turned             t;
    task               task;
    int64_t            n_row, width;      /* columns of a plain tile              */
    double             lr, scale, factor;
    double             partial[N_TILE];   /* sums of squares or penalties, or what is wrong */
    int64_t            wrong[N_TILE];     /* the first wrong gradient of a tile   */
} rows_work;

/* Count the entries of each column, and list those that have some: in ascending order where they
 * are many, since memory is then met in order, or where that is asked for; else as they come.
 * Returns their number. */
static int64_t find_touched(const cnn_row_grad *g, const turned *t, int64_t n_row, int in_order)
{
    const cnn_sparse_row *x = g->x->data;
    int64_t n_entry = 0, n = 0;
    for (int64_t r = 0; r < n_row; r++)
        n_entry += x[r].n;
    CNN_NEED(n_entry <= g->n_entry);
    const int many = in_order || n_entry > g->n_in / 16;
    for (int64_t r = 0; r < n_row; r++) {
        const int32_t *column = cnn_columns(&x[r]);
        for (int64_t p = 0; p < x[r].n; p++) {
            t->column[n] = column[p];
            n += !many && t->count[column[p]] == 0;
            t->count[column[p]]++;
        }
    }
    for (int64_t c = 0; many && c < g->n_in; c++) {
        t->column[n] = (int32_t)c;
        n += t->count[c] != 0;
    }
    return n;
}

/* The first of n touched rows, in ascending order, that is `row` or behind it. */
static int64_t first_touched(const turned *t, int64_t n, int64_t row)
{
    int64_t low = 0;
    while (low < n) {
        const int64_t half = low + (n - low) / 2;
        if (t->column[half] < row)
            low = half + 1;
        else
            n = half;
    }
    return low;
}

typedef int32_t integer_f32;
typedef int64_t integer_f64;
static inline uint32_t bits_f32(int32_t x) { return (uint32_t)x; }
static inline uint64_t bits_f64(int64_t x) { return (uint64_t)x; }

#define CNN_SELF "core/learn_rows.c"
#include "cnn_instantiate.h"

static char *part(char **at, int64_t n, int64_t size)
{
    char *found = *at;
    *at += (n * size + CNN_LINE - 1) / CNN_LINE * CNN_LINE;
    return found;
}

static int64_t lay_out(turned *t, char *memory, int64_t n_in, int64_t n_entry, int32_t dtype)
{
    char *at = memory;
    t->count = (int32_t *)(void *)part(&at, n_in, 4);
    t->column = (int32_t *)(void *)part(&at, n_entry + 1, 4);
    t->first = (int32_t *)(void *)part(&at, n_entry + 1, 4);
    t->row = (int32_t *)(void *)part(&at, n_entry, 4);
    t->value = part(&at, n_entry, dtype == CNN_F32 ? 4 : 8);
    return at - memory;
}

int64_t cnn_row_bytes(int64_t n_in, int64_t n_entry, int32_t dtype)
{
    static char nothing[1];
    turned t;
    return lay_out(&t, nothing, n_in, n_entry, dtype);
}

static void begin_work(rows_work *w, const cnn_learner *l, const cnn_range *r, cnn_row_grad *g)
{
    memset(w, 0, sizeof *w);
    w->learner = l, w->range = r, w->g = g, w->factor = 1;
    lay_out(&w->t, g->work, g->n_in, g->n_entry, l->dtype);
}

void cnn_rows_begin(const cnn_learner *l, const cnn_range *r, cnn_row_grad *g, int64_t n_row,
                    double lr)
{
    rows_work w;
    begin_work(&w, l, r, g);
    const int linear = l->optim->linear && l->optim->linear(l->hyper) && !(l->clip_norm > 0) &&
                       !(l->clip_value > 0) && r->weight_decay == 0 && !r->every_row;
    g->bounded = l->dtype == CNN_F32 ? is_bounded_f32(g, n_row, lr) : is_bounded_f64(g, n_row, lr);
    g->n_touched = -1;
    if (linear && (g->bounded || l->unguarded))
        return;
    if (l->dtype == CNN_F32)
        turn_f32(g, &w.t, n_row, r->every_row);
    else
        turn_f64(g, &w.t, n_row, r->every_row);
}

static void touched_tile(void *context, int32_t tile, int32_t worker)
{
    rows_work *w = context;
    (void)worker;
    w->partial[tile] = 0, w->wrong[tile] = -1;
    if (w->range->every_row && w->task != CHECK)
        w->learner->dtype == CNN_F32 ? every_tile_f32(w, tile) : every_tile_f64(w, tile);
    else if (w->learner->dtype == CNN_F32)
        touched_tile_f32(w, tile);
    else
        touched_tile_f64(w, tile);
}

static void plain_tile(void *context, int32_t tile, int32_t worker)
{
    rows_work    *w = context;
    const int64_t first = tile * w->width, rest = w->g->dy->size - first;
    const int64_t n = rest < w->width ? rest : w->width;
    (void)worker;
    if (w->learner->dtype == CNN_F32)
        plain_tile_f32(w, first, n);
    else
        plain_tile_f64(w, first, n);
}

static void run_tiles(int32_t n_tile, cnn_tile_fn run, rows_work *w, int32_t n_thread)
{
    if (n_thread > 1)
        cnn_pool_loop(n_tile, run, w);
    else
        for (int32_t i = 0; i < n_tile; i++)
            run(w, i, 0);
}

double cnn_rows_measure(const cnn_learner *l, const cnn_range *r, cnn_row_grad *g, double factor,
                        int32_t n_thread)
{
    rows_work w;
    double    sum = 0;
    begin_work(&w, l, r, g);
    w.task = MEASURE, w.factor = factor;
    run_tiles(N_TILE, touched_tile, &w, n_thread);
    for (int i = 0; i < N_TILE; i++)
        sum += w.partial[i];
    return sum;
}

cnn_status cnn_rows_check(const cnn_learner *l, const cnn_range *r, cnn_row_grad *g,
                          int32_t n_thread, cnn_fault *fault)
{
    rows_work w;
    if (g->bounded)
        return CNN_OK;
    begin_work(&w, l, r, g);
    w.task = CHECK;
    run_tiles(N_TILE, touched_tile, &w, n_thread);
    for (int i = 0; i < N_TILE; i++)
        if (w.wrong[i] >= 0) {
            fault->index = w.wrong[i];
            fault->value = w.partial[i];
            return CNN_ERR_GRADIENT;
        }
    return CNN_OK;
}

void cnn_rows_update(const cnn_learner *l, const cnn_range *r, cnn_row_grad *g, int64_t n_row,
                     double lr, double scale, double factor, int32_t n_thread)
{
    rows_work w;
    begin_work(&w, l, r, g);
    w.task = UPDATE, w.n_row = n_row, w.lr = lr, w.scale = scale, w.factor = factor;
    if (g->n_touched < 0) {
        const int64_t lines = (g->dy->size + 15) / 16;
        w.width = (lines + n_thread - 1) / n_thread * 16;
        run_tiles((int32_t)((g->dy->size + w.width - 1) / w.width), plain_tile, &w, n_thread);
    } else {
        run_tiles(N_TILE, touched_tile, &w, n_thread);
    }
    for (int i = 0; i < N_TILE && l->batch; i++)
        l->batch[1] += w.partial[i];
}
#endif
