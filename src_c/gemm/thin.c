/* thin - products with few rows of C, or a single step of k: no tiles, B or C in one pass.
 *
 * Elements of C are chains over ascending k as in tile.h, but for a `lone` row.
 */
#include <stddef.h>
#include "own.h"
#include "vector.h"

#ifdef real

/* C[i, from ... to) += the `rows` rows of B from q on: chains over ascending k, as in tile.h. */
CNN_INLINE void K(add_rows)(const cnn_product *p, int64_t i, int64_t q, int rows, int64_t from,
                            int64_t to)
{
    const int64_t step = p->trans_a ? p->lda : 1, whole = to - (to - from) % LANES;
    const real   *a = (const real *)p->a + i * (p->trans_a ? 1 : p->lda) + q * step;
    const real   *b = (const real *)p->b + q * p->ldb;
    real         *c = (real *)p->c + i * p->ldc;
    VECTOR        x[ROWS_AT_ONCE];

    for (int r = 0; r < rows; r++)
        x[r] = V_FILL(a[r * step]);
    if (rows == ROWS_AT_ONCE)
        for (int64_t j = from; j < whole; j += LANES) {
            VECTOR sum = V_LOAD(c + j);
            CNN_UNROLL for (int r = 0; r < ROWS_AT_ONCE; r++)
                sum = V_FMA(x[r], V_LOAD(b + r * p->ldb + j), sum);
            V_STORE(c + j, sum);
        }
    else
        for (int64_t j = from; j < whole; j += LANES) {
            VECTOR sum = V_LOAD(c + j);
            for (int r = 0; r < rows; r++)
                sum = V_FMA(x[r], V_LOAD(b + r * p->ldb + j), sum);
            V_STORE(c + j, sum);
        }
    if (whole < to) {
        const PART part = V_PART((int)(to - whole));
        VECTOR     sum = V_LOAD_PART(c + whole, part);
        for (int r = 0; r < rows; r++)
            sum = V_FMA(x[r], V_LOAD_PART(b + r * p->ldb + whole, part), sum);
        V_STORE_PART(c + whole, part, sum);
    }
}

/* Few rows and many columns: C, which stays in the near caches, is passed over once for each
 * ROWS_AT_ONCE rows of B, which so are read as they lie, as many streams of memory; several rows
 * of C share a piece of these rows while it is near. */
static void K(wide_rows)(const cnn_product *p)
{
    const real   *bias = p->bias;
    const int64_t piece = p->m > 1 ? PIECE_BYTES / (int)sizeof(real) : p->n;

    for (int64_t i = 0; i < p->m; i++) {    /* what the chains start from, as in tile.h */
        real *c = (real *)p->c + i * p->ldc;
        for (int64_t j = 0; j < p->n; j++)
            c[j] = p->accumulate ? (bias ? bias[j] : (real)-0.0) + c[j] : bias ? bias[j] : 0;
    }
    for (int64_t q = 0; q < p->k; q += ROWS_AT_ONCE)
        for (int64_t j = 0; j < p->n; j += piece)
            for (int64_t i = 0; i < p->m; i++)
                K(add_rows)(p, i, q, (int)MIN(p->k - q, ROWS_AT_ONCE), j, MIN(j + piece, p->n));
    for (int64_t i = 0; p->relu && i < p->m; i++) {
        real *c = (real *)p->c + i * p->ldc;
        for (int64_t j = 0; j < p->n; j++)
            c[j] = c[j] < 0 ? 0 : c[j];
    }
}

/* m = 1 and B transposed: each element is a dot product of two rows, so that nothing is turned.
 * The order of its sum is not that of the tiles. */
static void K(row_of_dots)(const cnn_product *p)
{
    const real *a = p->a, *bias = p->bias;
    real       *c = p->c;
    const int64_t whole = p->k / LANES * LANES;
    const PART    part = V_PART((int)(p->k - whole));

    const int     add = p->accumulate || bias;

    for (int64_t j = 0; bias && j < p->n; j++)
        c[j] = p->accumulate ? bias[j] + c[j] : bias[j];
    for (int64_t j = 0; j < p->n; j += DOTS) {
        VECTOR        sum[DOTS];
        const int64_t n = MIN(p->n - j, DOTS);
        const real   *b[DOTS];
        CNN_UNROLL for (int d = 0; d < DOTS; d++) {     /* past the end: the last row again */
            b[d] = (const real *)p->b + (j + MIN(d, n - 1)) * p->ldb;
            sum[d] = V_ZERO();
        }
        for (int64_t i = 0; i < whole; i += LANES) {
            const VECTOR x = V_LOAD(a + i);
            CNN_UNROLL for (int d = 0; d < DOTS; d++)
                sum[d] = V_FMA(x, V_LOAD(b[d] + i), sum[d]);
        }
        if (whole < p->k) {
            const VECTOR x = V_LOAD_PART(a + whole, part);
            CNN_UNROLL for (int d = 0; d < DOTS; d++)
                sum[d] = V_FMA(x, V_LOAD_PART(b[d] + whole, part), sum[d]);
        }
        for (int d = 0; d < n; d++)
            c[j + d] = add ? c[j + d] + V_SUM(sum[d]) : V_SUM(sum[d]);
    }
    for (int64_t j = 0; p->relu && j < p->n; j++)
        c[j] = c[j] < 0 ? 0 : c[j];
}

CNN_INLINE VECTOR K(outer_part)(VECTOR x, const real *b, const real *c, int accumulate)
{
    return V_FMA(x, V_LOAD(b), accumulate ? V_LOAD(c) : V_ZERO());
}

/* k = 1: an outer product passes over C once, along its rows.  The last vector of a row overlaps
 * the one before it, so it is made before anything is stored. */
CNN_INLINE void K(outer_rows)(const cnn_product *p, const int accumulate)
{
    const real   *a = p->a, *b = p->b;
    const int64_t a_row = p->trans_a ? 1 : p->lda, last = p->n - LANES;

    for (int64_t i = 0; i < p->m; i++) {
        const VECTOR x = V_FILL(a[i * a_row]);
        real        *c = (real *)p->c + i * p->ldc;
        if (last < 0) {
            const PART part = V_PART((int)p->n);
            V_STORE_PART(c, part, V_FMA(x, V_LOAD_PART(b, part),
                                        accumulate ? V_LOAD_PART(c, part) : V_ZERO()));
            continue;
        }
        const VECTOR end = K(outer_part)(x, b + last, c + last, accumulate);
        for (int64_t j = 0; j < last; j += LANES)
            V_STORE(c + j, K(outer_part)(x, b + j, c + j, accumulate));
        V_STORE(c + last, end);
    }
}

static void K(outer)(const cnn_product *p)
{
    if (p->accumulate)
        K(outer_rows)(p, 1);
    else
        K(outer_rows)(p, 0);
}

int K(cnn_thin_gemm)(const cnn_product *p, int64_t few)
{
    if (p->m <= few && !p->trans_b && p->n >= WIDE_ROW)
        K(wide_rows)(p);
    else if (p->m == 1 && p->lone && p->trans_b && !p->trans_a)
        K(row_of_dots)(p);
    else if (p->k == 1 && !p->bias && !p->relu && (!p->trans_b || p->ldb == 1))
        K(outer)(p);
    else
        return 0;
    return 1;
}

#else
enum {
    DOTS = 4,            /* dot products that run side by side         */
    ROWS_AT_ONCE = 8,    /* rows of B that a wide row of C meets, ...  */
    PIECE_BYTES = 2048   /* ... a piece of them after the other        */
};

#define CNN_SELF "gemm/thin.c"
#include "cnn_instantiate.h"
#endif
