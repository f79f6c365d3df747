/* reduce_grad - the gradients of what reduce.c makes.
 *
 * x is met in the same way; y and dy of a group are put beside each of its numbers once, so that
 * what an operation does is one loop over a chunk.
 */
#include "cnn_groups.h"

#ifdef real
#include "cnn_reduce_axes.h"

/* A number for each of the groups to a number beside each of theirs; behind `to` there is room for
 * CNN_EXPAND_SLACK more. */
void K(cnn_expand)(int by_rows, int64_t block, int64_t depth, const real *restrict x,
                   real *restrict to)
{
    if (by_rows)
        for (int64_t r = 0; r < block; r++)
            for (int64_t i = 0; i < depth; i += CNN_EXPAND_SLACK)
                for (int l = 0; l < CNN_EXPAND_SLACK; l++)    /* past the row: the next mends it */
                    to[r * depth + i + l] = x[r];
    else {
        memcpy(to, x, (size_t)block * sizeof(real));
        for (int64_t n = block, some; n < block * depth; n += some) {
            some = least(n, block * depth - n);
            memcpy(to + n, to, (size_t)some * sizeof(real));
        }
    }
}

/* A chunk of a gradient, and which of its groups have had theirs. */
typedef struct {
    int         by_rows, add;
    int         whole;                           /* all the numbers of its groups are there   */
    int         lone;                            /* long rows: no number has its own y, dy    */
    int64_t     block, depth;
    const real *x, *y, *dy;                      /* y, dy: of each group ...                  */
    const real *each_y, *each_dy;                /* ... and, but where `lone`, of each number */
    real       *dx, *given;
} K(chunk);

typedef void (*K(run_fn))(const K(chunk) *, K(cnn_slope_fn));

/* A gradient, chunk by chunk.  What is repeated is repeated once for all chunks of a block. */
static cnn_status K(each_chunk)(const cnn_call *c, int what, K(run_fn) run, K(cnn_slope_fn) slope)
{
    real       given[PIECE], part[PIECE];
    real       y[PIECE + CNN_EXPAND_SLACK], dy[PIECE + CNN_EXPAND_SLACK];
    cnn_point  at = {0};
    cnn_groups g;
    /* Some rows of x, whether y is one number for each or for all of them. */
    const int64_t n_row = OPERAND(c, 0)->stride ? c->end - c->begin : 1;

    cnn_read_groups(c, n_row, PIECE, &g);
    const real count = (real)(g.count * cnn_group_rows(c) / n_row);
    if (what == SLOPE && !g.by_rows && g.block >= LONG)
        g.depth = 1;                             /* y lies beside x as it is */
    K(chunk) k = {.by_rows = g.by_rows, .whole = g.n_gone == 0 && g.depth == g.along.n,
                  .lone = g.by_rows && g.depth >= LONG && what != FIRST,
                  .add = c->step->accumulate, .given = given};
    const int repeats = g.by_rows ? !k.lone : g.depth > 1 && g.block < LONG && what >= SLOPE;
    do
        for (int64_t j = 0; j < g.across.n; j += g.block) {
            cnn_point gone = {0};
            k.block = least(g.block, g.across.n - j);
            k.each_y = k.y = ROWS(c, 1) + at.a + j;
            k.each_dy = k.dy = ROWS(c, 2) + at.a + j;
            if (what == MEAN) {
                for (int64_t i = 0; i < k.block; i++)
                    part[i] = k.dy[i] / count;
                k.each_dy = k.dy = part;
            }
            if (what == FIRST)
                memset(given, 0, (size_t)k.block * sizeof(real));
            if (repeats) {
                K(cnn_expand)(g.by_rows, k.block, g.depth, k.dy, dy);
                k.each_dy = dy;
            }
            if (repeats && what >= SLOPE) {
                K(cnn_expand)(g.by_rows, k.block, g.depth, k.y, y);
                k.each_y = y;
            }
            do
                for (int64_t i = 0; i < g.along.n; i += g.depth) {
                    const int64_t first = at.dense + j * g.across.dense + gone.dense +
                                          i * g.along.dense;
                    k.depth = least(g.depth, g.along.n - i);
                    k.x = ROWS(c, 0) + first;
                    k.dx = ROWS(c, 3) + first;
                    run(&k, slope);
                }
            while (cnn_next(g.n_gone, g.gone, &gone));
        }
    while (cnn_next(g.n_kept, g.kept, &at));
    return CNN_OK;
}

static void K(put)(int64_t n, const real *restrict from, real *restrict dx, int add)
{
    for (int64_t i = 0; i < n; i++)
        dx[i] = (add ? dx[i] : 0) + from[i];
}

/* n numbers from `at` on: each has a y and dy of its own, or all have those of group r. */
static void K(put_slope)(const K(chunk) *k, K(cnn_slope_fn) slope, int64_t n, int64_t at, int64_t r)
{
    const real *y = k->lone ? k->y + r : k->each_y, *dy = k->lone ? k->dy + r : k->each_dy;
    real        made[PIECE];

    slope(n, k->lone, k->x + at, y, dy, k->add ? made : k->dx + at);
    if (k->add)
        K(put)(n, made, k->dx + at, 1);
}

static void K(slope_chunk)(const K(chunk) *k, K(cnn_slope_fn) slope)
{
    if (k->lone)
        for (int64_t r = 0; r < k->block; r++)
            K(put_slope)(k, slope, k->depth, r * k->depth, r);
    else
        K(put_slope)(k, slope, k->block * k->depth, 0, 0);
}

cnn_status K(cnn_reduce_grad)(const cnn_call *c, K(cnn_slope_fn) slope)
{
    return K(each_chunk)(c, SLOPE, K(slope_chunk), slope);
}

static void K(spread_chunk)(const K(chunk) *k, K(cnn_slope_fn) unused)
{
    (void)unused;
    if (!k->by_rows)
        for (int64_t r = 0; r < k->depth; r++)
            K(put)(k->block, k->dy, k->dx + r * k->block, k->add);
    else if (!k->lone)
        K(put)(k->block * k->depth, k->each_dy, k->dx, k->add);
    else
        for (int64_t r = 0; r < k->block; r++)
            for (int64_t i = r * k->depth; i < (r + 1) * k->depth; i++)
                k->dx[i] = (k->add ? k->dx[i] : 0) + k->dy[r];
}

cnn_status K(cnn_spread)(const cnn_call *c, int mean)
{
    return K(each_chunk)(c, mean ? MEAN : SUM, K(spread_chunk), NULL);
}

/* Whether x is y, NaN being equal to NaN. */
#define IS_VALUE(x, y) (((x) == (y)) | (((x) != (x)) & ((y) != (y))))

/* dy to the first numbers of n neighbouring groups that are the value. */
static void K(give_columns)(int64_t n, const real *x, const real *y, const real *dy, real *dx,
                            int add, real *given)
{
    for (int64_t i = 0; i < n; i++) {
        const real hit = IS_VALUE(x[i], y[i]) ? 1 - given[i] : 0;
        dx[i] = (add ? dx[i] : 0) + (hit != 0 ? dy[i] : 0);
        given[i] += hit;
    }
}

/* The same for the n numbers of one group. */
CNN_COLD static void K(give_row)(int64_t n, const real *x, real y, real dy, real *dx, int add,
                                 real *given)
{
    int64_t first = 0;

    while (*given == 0 && first < n && !IS_VALUE(x[first], y))
        first++;
    for (int64_t i = 0; !add && i < n; i++)
        dx[i] = 0;
    if (*given != 0 || first == n)
        return;
    dx[first] += dy;
    *given = 1;
}

static int64_t K(count_values)(int64_t n, const real *restrict x, const real *restrict y)
{
    int32_t hits = 0;
    for (int64_t i = 0; i < n; i++)
        hits += IS_VALUE(x[i], y[i]) ? 1 : 0;
    return hits;
}

static void K(give_all)(int64_t n, const real *restrict x, const real *restrict y,
                        const real *restrict dy, real *restrict dx, int add)
{
    for (int64_t i = 0; i < n; i++) {
        const real to_each = dy[i];
        dx[i] = (add ? dx[i] : 0) + (IS_VALUE(x[i], y[i]) ? to_each : 0);
    }
}

/* Where no number is a value, or one of each group, nothing need be known but that. */
static void K(first_chunk)(const K(chunk) *k, K(cnn_slope_fn) unused)
{
    const int     wide = !k->by_rows && k->block >= LONG;
    const int64_t n = k->block * k->depth, hits = wide ? 0 : K(count_values)(n, k->x, k->each_y);

    (void)unused;
    if (!wide && (hits == 0 || (k->whole && hits == k->block)))
        K(give_all)(n, k->x, k->each_y, k->each_dy, k->dx, k->add);
    else if (k->by_rows)
        for (int64_t r = 0; r < k->block; r++)
            K(give_row)(k->depth, k->x + r * k->depth, k->y[r], k->dy[r], k->dx + r * k->depth,
                        k->add, k->given + r);
    else
        for (int64_t r = 0; r < k->depth; r++)
            K(give_columns)(k->block, k->x + r * k->block, k->y, k->dy, k->dx + r * k->block,
                            k->add, k->given);
}

cnn_status K(cnn_give_first)(const cnn_call *c)
{
    return K(each_chunk)(c, FIRST, K(first_chunk), NULL);
}

#else
#define PIECE ((int64_t)(4096 / sizeof(real)))      /* numbers of a chunk */
#define LONG  32                                    /* rows that are not put together */
enum { SUM, MEAN, SLOPE, FIRST };

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

#define CNN_SELF "shared/reduce_grad.c"
#include "cnn_instantiate.h"
#endif
