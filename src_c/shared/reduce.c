/* reduce - one number of each group of x, and the gradient.
 *
 * x is met in chunks of PIECE numbers, which stay in the first-level cache for the passes that
 * they need (cnn_groups.h); what an operation makes of single numbers is a loop over a chunk.
 * Many short rows share registers: eight are folded together.  Compiled once, and not into every
 * operation.
 */
#define CNN_WIDE_HALVES
#include "cnn_wide.h"
#include "gemm/vector.h"

#ifdef real
#include "cnn_reduce_axes.h"

/* Bring the n numbers of a row into `part`, lane by lane.  fill: -0 in the lanes of the rest, else
 * -inf. */
CNN_INLINE WIDE K(row)(int64_t n, const real *x, WIDE part, WIDE fill, const int kind)
{
    int64_t i = 0;
    for (; i + CNN_WIDE_LANES <= n; i += CNN_WIDE_LANES)
        part = W_TAKE(W_LOAD(x + i), part, kind);
    if (i < n)
        part = W_TAKE(W_REST(x + i, n - i, fill, kind), part, kind);
    return part;
}

/* The same for SIDE rows, whose loops are one. */
CNN_INLINE void K(rows)(int64_t n, const real *x, WIDE none, WIDE fill, const int kind, WIDE *part)
{
    WIDE    all[SIDE];
    int64_t i = 0;
    CNN_UNROLL for (int k = 0; k < SIDE; k++)
        all[k] = none;
    for (; i + CNN_WIDE_LANES <= n; i += CNN_WIDE_LANES)
        CNN_UNROLL for (int k = 0; k < SIDE; k++)
            all[k] = W_TAKE(W_LOAD(x + k * n + i), all[k], kind);
    if (i < n)
        CNN_UNROLL for (int k = 0; k < SIDE; k++)
            all[k] = W_TAKE(W_REST(x + k * n + i, n - i, fill, kind), all[k], kind);
    CNN_UNROLL for (int k = 0; k < SIDE; k++)
        part[k] = all[k];
}

/* made[r] gets the numbers of row r: eight rows are folded together. */
CNN_INLINE void K(take_rows)(int64_t n_row, int64_t n, const real *x, double *made, const int kind)
{
    const int  max = kind == LARGEST;
    const WIDE none = W_FILL(max ? -INFINITY : 0);
    double     lane[CNN_WIDE_LANES];
    for (int l = 0; l < CNN_WIDE_LANES; l++)
        lane[l] = l < n % CNN_WIDE_LANES ? -0.0 : -INFINITY;
    const WIDE fill = cnn_wide_load_f64(lane);

    for (int64_t r = 0; r < n_row; r += CNN_WIDE_LANES, x += CNN_WIDE_LANES * n) {
        WIDE part[CNN_WIDE_LANES];
        if (n < LONG && r + CNN_WIDE_LANES <= n_row)
            EACH_SIDE for (int k = 0; k < CNN_WIDE_LANES; k += SIDE)
                K(rows)(n, x + k * n, none, fill, kind, part + k);
        else
            for (int64_t k = 0; k < CNN_WIDE_LANES; k++)
                part[k] = k < n_row - r ? K(row)(n, x + k * n, none, fill, kind) : none;
        W_STORE(made + r, W_BOTH(W_FOLD(part, max), cnn_wide_load_f64(made + r), max));
    }
}

/* made[i] gets the numbers of column i, of few columns: eight at a time, where four chains hide
 * the latency of one. */
CNN_INLINE void K(take_narrow)(int64_t n_row, int64_t n, const real *x, double *made,
                               const int kind)
{
    const int  max = kind == LARGEST;
    const WIDE none = W_FILL(max ? -INFINITY : 0);

    for (int64_t j = 0; j < n; j += CNN_WIDE_LANES) {
        const int64_t width = n - j < CNN_WIDE_LANES ? n - j : CNN_WIDE_LANES;
        WIDE          chain[4] = {cnn_wide_load_f64(made + j), none, none, none};
        const real   *at = x + j;
        int64_t       r = 0;
        for (; r + 4 <= n_row; r += 4, at += 4 * n)
            CNN_UNROLL for (int k = 0; k < 4; k++)
                chain[k] = W_TAKE(W_LOAD_PART(at + k * n, width), chain[k], kind);
        for (; r < n_row; r++, at += n)
            chain[0] = W_TAKE(W_LOAD_PART(at, width), chain[0], kind);
        W_STORE(made + j, W_BOTH(W_BOTH(chain[3], chain[2], max),
                                 W_BOTH(chain[1], chain[0], max), max));
    }
}

CNN_INLINE void K(take_columns)(int64_t n_row, int64_t n, const real *x, double *made,
                                const int kind)
{
    if (n < NARROW || kind == LARGEST) {
        K(take_narrow)(n_row, n, x, made, kind);
        return;
    }
    for (int64_t r = 0; r < n_row; r++, x += n) {
        CNN_IVDEP
        for (int64_t i = 0; i < n; i++) {
            const double one = (double)x[i];
            made[i] += kind == SQUARES ? one * one : one;
        }
    }
}

/* Bring `depth` numbers of each of `block` groups into what was made of them so far. */
static void K(add_up)(int by_rows, int64_t block, int64_t depth, const real *x, double *made)
{
    if (by_rows)
        K(take_rows)(block, depth, x, made, PLAIN);
    else
        K(take_columns)(depth, block, x, made, PLAIN);
}

static void K(add_squares)(int by_rows, int64_t block, int64_t depth, const real *x, double *made)
{
    if (by_rows)
        K(take_rows)(block, depth, x, made, SQUARES);
    else
        K(take_columns)(depth, block, x, made, SQUARES);
}

/* A chunk for the maxima: the loops above pass over NaN, which is rare. */
static void K(keep_nan)(int by_rows, int64_t block, int64_t depth, const real *x, double *made)
{
    const int64_t n = block * depth;
    int           some = 0;
    for (int64_t i = 0; i < n; i++)
        some |= x[i] != x[i];
    for (int64_t i = 0; some && i < n; i++)
        if (x[i] != x[i])
            made[by_rows ? i / depth : i % block] = (double)x[i];
}

static void K(widen)(int64_t n, double sign, const real *restrict x, double *restrict made)
{
    for (int64_t i = 0; i < n; i++)
        made[i] = sign * (double)x[i];
}

/* The maxima of many columns, and of sign times x: nothing is copied, NaN stays as it comes. */
static void K(largest_columns)(int64_t n_row, int64_t n, double sign, const real *restrict x,
                               double *restrict made)
{
    for (int64_t r = 0; r < n_row; r++, x += n)
        for (int64_t i = 0; i < n; i++) {
            const double one = sign * (double)x[i], best = one > made[i] ? one : made[i];
            made[i] = one != one ? one : best;
        }
}

static void K(take_chunk)(int by_rows, int64_t block, int64_t depth, const real *x,
                          const K(cnn_reducer) *how, const real *top, double *made)
{
    const int64_t n = block * depth;
    double        mapped[PIECE];
    real          each[PIECE + CNN_EXPAND_SLACK];

    if (!how->map && !how->max) {
        (how->squares ? K(add_squares) : K(add_up))(by_rows, block, depth, x, made);
        return;
    }
    if (how->max && !by_rows && block >= NARROW) {
        K(largest_columns)(depth, block, how->max, x, made);
        return;
    }
    if (how->max) {
        K(widen)(n, how->max, x, mapped);
        largest(by_rows, block, depth, mapped, made);
        K(keep_nan)(by_rows, block, depth, x, made);
        return;
    }
    if (top)
        K(cnn_expand)(by_rows, block, depth, top, each);
    how->map(n, x, each, mapped);
    add_up_f64(by_rows, block, depth, mapped, made);
}

/* What is made of n neighbouring groups, of which the first begins at x. */
static void K(take_groups)(const cnn_groups *g, int64_t n, const real *x,
                           const K(cnn_reducer) *how, const real *top, double *made)
{
    cnn_point at = {0};
    for (int64_t i = 0; i < n + CNN_WIDE_LANES - 1; i++)
        made[i] = how->max ? -INFINITY : 0;
    do
        for (int64_t i = 0; i < g->along.n; i += g->depth)
            K(take_chunk)(g->by_rows, n, least(g->depth, g->along.n - i),
                          x + at.dense + i * g->along.dense, how, top, made);
    while (cnn_next(g->n_gone, g->gone, &at));
}

cnn_status K(cnn_reduce)(const cnn_call *c, const K(cnn_reducer) *how)
{
    static const K(cnn_reducer) maximum = {.max = 1};
    double     made[PIECE + CNN_WIDE_LANES];
    real       top[PIECE];
    cnn_point  at = {0};
    cnn_groups g;

    cnn_read_groups(c, cnn_group_rows(c), PIECE, &g);
    do
        for (int64_t j = 0; j < g.across.n; j += g.block) {
            const int64_t n = least(g.block, g.across.n - j);
            const real   *x = ROWS(c, 0) + at.dense + j * g.across.dense;
            real         *y = ROWS(c, 1) + at.a + j;
            if (how->less_top) {
                K(take_groups)(&g, n, x, &maximum, NULL, made);
                for (int64_t i = 0; i < n; i++)
                    top[i] = made[i] - made[i] == 0 ? (real)made[i] : 0;
            }
            K(take_groups)(&g, n, x, how, how->less_top ? top : NULL, made);
            if (how->finish)
                how->finish(n, (double)g.count, made);
            for (int64_t i = 0; i < n; i++)
                y[i] = (real)(how->less_top ? (double)top[i] + made[i] : made[i]);
        }
    while (cnn_next(g.n_kept, g.kept, &at));
    return CNN_OK;
}

#else
#define PIECE ((int64_t)(4096 / sizeof(real)))      /* numbers of a chunk */

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
#define LONG   24                                   /* rows from here on are read one by one: so
                                                     * memory is asked for in its order */
#define NARROW 32                                   /* fewer columns than this wait in registers */

/* Rows that are read side by side: as many as there are registers for. */
#if CNN_VECTOR_BYTES == 64
#  define SIDE 8
#  define EACH_SIDE CNN_UNROLL
#elif CNN_VECTOR_BYTES == 32
#  define SIDE 4
#  define EACH_SIDE CNN_UNROLL
#else
#  define SIDE 1
#  define EACH_SIDE
#endif

enum { PLAIN, SQUARES, LARGEST };
#define W_BOTH(a, b, max) ((max) ? W_MAX(a, b) : W_ADD(a, b))
/* The rounded square first: fused with the sum it would depend on the instruction set. */
#define W_TAKE(x, old, kind)                                                                 \
    W_BOTH((kind) == SQUARES ? W_FMA(x, x, W_ZERO()) : (x), old, (kind) == LARGEST)
/* What is left of a row; in its other lanes what changes nothing. */
#define W_REST(p, n, fill, kind) \
    ((kind) == LARGEST ? W_ADD(W_LOAD_PART(p, n), fill) : W_LOAD_PART(p, n))

static void add_up_f64(int by_rows, int64_t block, int64_t depth, const double *x, double *made);
static void largest(int by_rows, int64_t block, int64_t depth, double *x, double *made);

#define CNN_SELF "shared/reduce.c"
#include "cnn_instantiate.h"

static void largest(int by_rows, int64_t block, int64_t depth, double *x, double *made)
{
    if (by_rows)
        take_rows_f64(block, depth, x, made, LARGEST);
    else
        take_columns_f64(depth, block, x, made, LARGEST);
}
#endif
