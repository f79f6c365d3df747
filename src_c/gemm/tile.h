/* tile.h - a block of C that stays in registers while the whole of k passes by.
 *
 *   C[r, j] = (C[r, j] or 0) + bias[j] + sum over p of A(r, p) B[p, j],   then relu
 *
 * `rows` rows by `vecs` vectors of columns: rows x vecs accumulators.  Every element of C is
 * one chain of multiply-adds over ascending p, whatever the tile: its bits depend on k alone,
 * not on the other rows and columns, nor on how k is cut into blocks (C keeps a chain exactly).
 */
#include "tile_list.h"
#include "vector.h"

typedef struct {
    int64_t     k;
    const real *a;              /* A(r, p) = a[r a_row + p a_step]                         */
    int64_t     a_row, a_step;
    const real *b;              /* B[p, j] = b[p b_step + j]                               */
    int64_t     b_step;
    real       *panel;          /* where a copying tile leaves B, row after row            */
    const real *next_b;         /* a feeding tile copies from here, rows of B `b_row` apart, ... */
    real       *next_panel;     /* ... to here, one row in `every` steps of its own        */
    int64_t     b_row, every;
    real       *c;
    int64_t     c_row;
    const real *bias;           /* NULL: none                                              */
    int32_t     accumulate, relu;
    int32_t     whole;          /* the last vector of columns is a whole one ...           */
    PART        part;           /* ... else these lanes of it exist                        */
} K(tile);

typedef void (*K(tile_kernel))(const K(tile) *);

/* Columns p[j LANES ...] of a row, where the last vector may be a partial one. */
#define LOAD_COLUMNS(p, j)                                                \
    (part && (j) == vecs - 1 ? V_LOAD_PART((p) + (j) * LANES, t->part)    \
                             : V_LOAD((p) + (j) * LANES))
#define EACH_ROW    CNN_UNROLL for (int r = 0; r < rows; r++)
#define EACH_COLUMN CNN_UNROLL for (int j = 0; j < vecs; j++)

/* Rows to ask ahead for: in a panel some 50 cycles, in which the second-level cache has time to
 * answer; in B itself, whose rows may lie far apart and anywhere, three times as long. */
enum { K(panel_ahead) = 8, K(b_ahead) = 24 };
#define EACH_LINE CNN_UNROLL for (int j = 0; j < vecs * LANES; j += 64 / (int)sizeof(real))

CNN_INLINE void K(ask_panel)(const real *row, const int vecs)
{
    const uintptr_t ahead = (uintptr_t)row + K(panel_ahead) * vecs * LANES * sizeof(real);
    EACH_LINE PREFETCH_L1(ahead + j * sizeof(real));
}

CNN_INLINE void K(ask_b)(const real *row, int64_t step, const int vecs)
{
    const uintptr_t ahead = (uintptr_t)row + (uintptr_t)(K(b_ahead) * step) * sizeof(real);
    EACH_LINE PREFETCH_L2(ahead + j * sizeof(real));
}

/* Constants are `rows`, `vecs`, `part` (the last vector may be partial; in the panel it is filled
 * with zeros), and what the tile does beside its sums: `asking` for rows of its panel ahead of
 * their use, `copying` B into its panel, `feeding` the panel of the next columns. */
CNN_INLINE void K(run_tile)(const K(tile) *t, const int rows, const int vecs, const int part,
                            const int asking, const int copying, const int feeding)
{
    VECTOR        sum[16][16], column[16];
    const int64_t row = t->a_row, step = t->a_step;
    const real   *a[4], *b = t->b;
    real         *c = t->c, *panel = t->panel;

    /* -0 + C is C in every bit, +0 + C is not where C is -0. */
    const VECTOR nothing = V_FILL(t->accumulate ? (real)-0.0 : (real)0);
    EACH_COLUMN {
        const VECTOR start = t->bias ? LOAD_COLUMNS(t->bias, j) : nothing;
        EACH_ROW sum[r][j] = start;
    }
    if (t->accumulate)
        EACH_ROW EACH_COLUMN sum[r][j] = V_ADD(sum[r][j], LOAD_COLUMNS(c + r * t->c_row, j));

    /* Four rows share a pointer: sixteen rows then still fit the address registers. */
    CNN_UNROLL for (int r = 0; r < rows; r += 4)
        a[r / 4] = t->a + r * row;
    const real *next_b = t->next_b;
    real       *next_panel = t->next_panel;
    for (int64_t p = t->k, feed_at = p + 1 - t->every; p > 0; p--) {
        EACH_COLUMN column[j] = LOAD_COLUMNS(b, j);
        if (asking)
            K(ask_panel)(b, vecs);
        if (copying) {
            K(ask_b)(b, t->b_step, vecs);
            EACH_COLUMN V_STORE(panel + j * LANES, column[j]);
            panel += vecs * LANES;
        }
        EACH_ROW {
            const VECTOR element = V_FILL(a[r / 4][(r % 4) * row]);
            EACH_COLUMN sum[r][j] = V_FMA(element, column[j], sum[r][j]);
        }
        CNN_UNROLL for (int r = 0; r < rows; r += 4)
            a[r / 4] += step;
        b += t->b_step;
        if (feeding && p == feed_at) {
            K(ask_b)(next_b, t->b_row, vecs);
            EACH_COLUMN V_STORE(next_panel + j * LANES, V_LOAD(next_b + j * LANES));
            next_b += t->b_row;
            next_panel += vecs * LANES;
            feed_at -= t->every;
        }
    }

    if (t->relu)
        EACH_ROW EACH_COLUMN sum[r][j] = V_RELU(sum[r][j]);
    EACH_ROW CNN_UNROLL for (int j = 0; j < vecs - part; j++)
        V_STORE(c + r * t->c_row + j * LANES, sum[r][j]);
    if (part && t->whole)
        EACH_ROW V_STORE(c + r * t->c_row + (vecs - 1) * LANES, sum[r][vecs - 1]);
    else if (part)
        EACH_ROW V_STORE_PART(c + r * t->c_row + (vecs - 1) * LANES, t->part, sum[r][vecs - 1]);
}
#undef LOAD_COLUMNS

#ifdef HALF
/* HALF_ROWS rows by the last columns, where these are at most half a vector: some processors make
 * two of its multiply-adds in the time of one of a whole. */
static void K(half_tile)(const K(tile) *t)
{
    const int     rows = HALF_ROWS;
    HALF          sum[HALF_ROWS];
    const int64_t row = t->a_row;
    const real   *a[4], *b = t->b;
    const PART    part = t->part;
    const HALF    start = t->bias ? H(maskz_loadu)(part, t->bias)
                                  : H(set1)(t->accumulate ? (real)-0.0 : (real)0);

    EACH_ROW sum[r] = start;
    if (t->accumulate)
        EACH_ROW sum[r] = H(add)(start, H(maskz_loadu)(part, t->c + r * t->c_row));
    CNN_UNROLL for (int r = 0; r < rows; r += 4)
        a[r / 4] = t->a + r * row;
    for (int64_t p = t->k; p > 0; p--, b += t->b_step) {
        const HALF column = H(maskz_loadu)(part, b);
        EACH_ROW sum[r] = H(fmadd)(H(set1)(a[r / 4][(r % 4) * row]), column, sum[r]);
        CNN_UNROLL for (int r = 0; r < rows; r += 4)
            a[r / 4] += t->a_step;
    }
    if (t->relu)
        EACH_ROW sum[r] = H(max)(H(setzero)(), sum[r]);
    EACH_ROW H(mask_storeu)(t->c + r * t->c_row, part, sum[r]);
}
#else
static const K(tile_kernel) K(half_tile) = NULL;
#endif
#undef EACH_ROW
#undef EACH_COLUMN
#undef EACH_LINE

#define DEFINE_TILE_AS(name, rows, vecs, asking, copying)                 \
    static void K(name##_##rows##x##vecs)(const K(tile) *t)               \
    {                                                                     \
        K(run_tile)(t, rows, vecs, PART_IS_FREE, asking, copying, 0);     \
    }                                                                     \
    static void K(name##_part_##rows##x##vecs)(const K(tile) *t)          \
    {                                                                     \
        K(run_tile)(t, rows, vecs, 1, asking, copying, 0);                \
    }
#define DEFINE_TILE(rows, vecs)         DEFINE_TILE_AS(tile, rows, vecs, 0, 0)
#define DEFINE_ASKING_TILE(rows, vecs)  DEFINE_TILE_AS(asking, rows, vecs, 1, 0)
#define DEFINE_COPYING_TILE(rows, vecs) DEFINE_TILE_AS(copying, rows, vecs, 0, 1)
#define LIST_TILE(rows, vecs)           [vecs][rows] = K(tile_##rows##x##vecs),
#define LIST_TILE_PART(rows, vecs)      [vecs][rows] = K(tile_part_##rows##x##vecs),
#define LIST_ASKING(rows, vecs)         [vecs] = K(asking_##rows##x##vecs),
#define LIST_ASKING_PART(rows, vecs)    [vecs] = K(asking_part_##rows##x##vecs),
#define LIST_COPYING(rows, vecs)        [vecs] = K(copying_##rows##x##vecs),
#define LIST_COPYING_PART(rows, vecs)   [vecs] = K(copying_part_##rows##x##vecs),

EACH_TILE(DEFINE_TILE)
EACH_PANEL_TILE(DEFINE_ASKING_TILE)
EACH_PANEL_TILE(DEFINE_COPYING_TILE)
/* The only size that feeds: PANEL_ROWS rows by MAX_VECS whole vectors of columns. */
static void K(feeding_tile)(const K(tile) *t)
{
    K(run_tile)(t, PANEL_ROWS, MAX_VECS, 0, 1, 0, 1);
}
/* [the last vector is partial][vectors of columns][rows] */
static const K(tile_kernel) K(tiles)[2][17][17] = {{EACH_TILE(LIST_TILE)},
                                                   {EACH_TILE(LIST_TILE_PART)}};
/* Of PANEL_ROWS rows: [the last vector is partial][vectors of columns] */
static const K(tile_kernel) K(asking_tiles)[2][MAX_VECS + 1] = {
    {EACH_PANEL_TILE(LIST_ASKING)}, {EACH_PANEL_TILE(LIST_ASKING_PART)}};
static const K(tile_kernel) K(copying_tiles)[2][MAX_VECS + 1] = {
    {EACH_PANEL_TILE(LIST_COPYING)}, {EACH_PANEL_TILE(LIST_COPYING_PART)}};
#undef DEFINE_TILE_AS
#undef DEFINE_TILE
#undef DEFINE_ASKING_TILE
#undef DEFINE_COPYING_TILE
#undef LIST_TILE
#undef LIST_TILE_PART
#undef LIST_ASKING
#undef LIST_ASKING_PART
#undef LIST_COPYING
#undef LIST_COPYING_PART
