/* tile.h - a block of C that stays in registers while the whole of k passes by.
 *
 *   C[r, j] = (C[r, j] or 0) + bias[j] + sum over p of A(r, p) B[p, j],   then relu
 *
 * `rows` rows by `vecs` vectors of columns: rows x vecs accumulators.  Every element of C is
 * one chain of multiply-adds over ascending p, whatever the tile: its bits depend on k alone,
 * not on the other rows and columns, nor on how k is cut into blocks (C keeps a chain exactly).
 */
typedef struct {
    int64_t     k;
    const real *a;              /* A(r, p) = a[r a_row + p a_step]                         */
    int64_t     a_row, a_step;
    const real *b;              /* B[p, j] = b[p b_step + j]                               */
    int64_t     b_step;
    real       *panel;          /* where a copying tile leaves B, row after row            */
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

/* Ask for the row of B that lies AHEAD of b: some 50 cycles, in which the second-level cache
 * has time to answer. */
CNN_INLINE void K(ask_ahead)(const K(tile) *t, const real *b, const int vecs)
{
    enum { AHEAD = 8, LINE = 64 / sizeof(real) };
    const uintptr_t row = (uintptr_t)b + (uintptr_t)(AHEAD * t->b_step) * sizeof(real);
    CNN_UNROLL for (int j = 0; j < vecs * LANES; j += LINE)
        PREFETCH_L1(row + j * sizeof(real));
}

/* Constants are `rows`, `vecs`, `part` (the last vector may be partial; in the panel it is filled
 * with zeros), `asking` for rows of B ahead of their use, and `copying`. */
CNN_INLINE void K(run_tile)(const K(tile) *t, const int rows, const int vecs, const int part,
                            const int asking, const int copying)
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
    for (int64_t p = t->k; p > 0; p--) {
        EACH_COLUMN column[j] = LOAD_COLUMNS(b, j);
        if (asking)
            K(ask_ahead)(t, b, vecs);
        if (copying) {
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
#undef EACH_ROW
#undef EACH_COLUMN

#define DEFINE_TILE_AS(name, rows, vecs, asking, copying)                 \
    static void K(name##_##rows##x##vecs)(const K(tile) *t)               \
    {                                                                     \
        K(run_tile)(t, rows, vecs, PART_IS_FREE, asking, copying);        \
    }                                                                     \
    static void K(name##_part_##rows##x##vecs)(const K(tile) *t)          \
    {                                                                     \
        K(run_tile)(t, rows, vecs, 1, asking, copying);                   \
    }
#define DEFINE_TILE(rows, vecs)         DEFINE_TILE_AS(tile, rows, vecs, 0, 0)
#define DEFINE_ASKING_TILE(rows, vecs)  DEFINE_TILE_AS(asking, rows, vecs, 1, 0)
#define DEFINE_COPYING_TILE(rows, vecs) DEFINE_TILE_AS(copying, rows, vecs, 1, 1)
#define LIST_TILE(rows, vecs)           [vecs][rows] = K(tile_##rows##x##vecs),
#define LIST_TILE_PART(rows, vecs)      [vecs][rows] = K(tile_part_##rows##x##vecs),
#define LIST_ASKING(rows, vecs)         [vecs] = K(asking_##rows##x##vecs),
#define LIST_ASKING_PART(rows, vecs)    [vecs] = K(asking_part_##rows##x##vecs),
#define LIST_COPYING(rows, vecs)        [vecs] = K(copying_##rows##x##vecs),
#define LIST_COPYING_PART(rows, vecs)   [vecs] = K(copying_part_##rows##x##vecs),

EACH_TILE(DEFINE_TILE)
EACH_PANEL_TILE(DEFINE_ASKING_TILE)
EACH_PANEL_TILE(DEFINE_COPYING_TILE)
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
