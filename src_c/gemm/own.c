/* own - a product out of register tiles (tile.h), and what is copied on the way to them.
 *
 * Where A and B fit the caches they are read where they are.  Beyond, B is copied into panels
 * as wide as a tile and K_BLOCK deep, so that a tile reads one stream of memory.  A transposed
 * B is always copied, for its columns must lie side by side; A is read element by element, so
 * either orientation serves.
 * Nothing outside the matrices is read or written, and nothing here depends on m but the order
 * in which elements of C are made, not their values: threads may split the rows anywhere.
 */
#include <stddef.h>
#include <string.h>
#include "own.h"
#include "vector.h"

#ifdef real
#include "tile.h"
#include "transpose.h"

#define K_BLOCK  (K_BLOCK_BYTES / (int)sizeof(real))
#define N_BLOCK  (N_BLOCK_BYTES / (int)sizeof(real))
#define MIN(a, b) ((a) < (b) ? (a) : (b))

/* Vectors of the next tile when so many columns are left: never a lone last one after MAX_VECS. */
static int K(next_vecs)(int64_t columns)
{
    const int64_t left = (columns + LANES - 1) / LANES;
    return (int)(left == MAX_VECS + 1 ? (left + 1) / 2 : MIN(left, MAX_VECS));
}

static void K(set_width)(K(tile) *t, int64_t columns, int vecs)
{
    const int64_t last = columns - (vecs - 1) * LANES;
    t->whole = last >= LANES;
    t->part = V_PART(MIN(last, LANES));
}

/* C[m, n] from t->a, b and c: a panel of columns after the other, down all the rows.
 * in_panels: B was copied by copy_b, and A, if its a_step is PANEL_ROWS, by copy_a. */
static void K(sweep)(K(tile) *t, int64_t m, int64_t n, int a_in_panels, int b_in_panels)
{
    const K(tile) at = *t;
    int vecs;
    for (int64_t j = 0; j < n; j += vecs * LANES) {
        vecs = K(next_vecs)(n - j);
        K(set_width)(t, n - j, vecs);
        const K(tile_kernel) *kernel = K(tiles)[!t->whole][vecs];
        const int64_t max_rows = a_in_panels ? PANEL_ROWS : MAX_ROWS[vecs];
        t->b = b_in_panels ? at.b + j * at.k : at.b + j;
        t->b_step = b_in_panels ? vecs * LANES : at.b_step;
        t->bias = at.bias ? at.bias + j : NULL;
        for (int64_t i = 0, rows; i < m; i += rows) {
            rows = MIN(m - i, max_rows);
            if (!a_in_panels && m - i > max_rows && m - i < 2 * max_rows)
                rows = (m - i + 1) / 2;
            t->a = a_in_panels ? at.a + i * at.k : at.a + i * at.a_row;
            t->c = at.c + i * at.c_row + j;
            kernel[rows](t);
        }
    }
    *t = at;
}

/* B[k, n], or its transpose stored as [n, k], in panels as sweep reads them. */
static void K(copy_b)(int64_t k, int64_t n, const real *b, int64_t b_row, int transposed,
                      real *panel)
{
    for (int64_t j = 0, width; j < n; j += width, panel += width * k) {
        width = K(next_vecs)(n - j) * LANES;
        const int64_t columns = MIN(width, n - j);
        if (transposed) {
            K(transpose)(columns, k, b + j * b_row, b_row, panel, width, 1);
            continue;
        }
        for (int64_t p = 0; p < k; p++) {
            const real *from = b + p * b_row + j;
            for (int64_t v = 0; v < width; v += LANES)
                if (columns - v >= LANES)
                    V_STORE(panel + p * width + v, V_LOAD(from + v));
                else
                    V_STORE(panel + p * width + v, V_LOAD_PART(from + v, V_PART(columns - v)));
        }
    }
}

/* A(m, k) in panels of PANEL_ROWS rows: the elements of one step side by side. */
static void K(copy_a)(int64_t m, int64_t k, const real *a, int64_t a_row, int64_t a_step,
                      real *panel)
{
    for (int64_t i = 0; i < m; i += PANEL_ROWS, panel += PANEL_ROWS * k) {
        const int64_t rows = MIN(m - i, PANEL_ROWS);
        const real   *from = a + i * a_row;
        if (rows == PANEL_ROWS && a_row == 1)
            for (int64_t p = 0; p < k; p++)
                memcpy(panel + p * PANEL_ROWS, from + p * a_step, PANEL_ROWS * sizeof(real));
        else
            for (int64_t p = 0; p < k; p++)
                for (int64_t r = 0; r < rows; r++)
                    panel[p * PANEL_ROWS + r] = from[r * a_row + p * a_step];
    }
}

static void K(by_blocks)(const cnn_product *p, real *scratch)
{
    const int64_t a_row = p->trans_a ? 1 : p->lda, a_step = p->trans_a ? p->lda : 1;
    const size_t  bytes_b = (size_t)p->k * (size_t)p->n * sizeof(real);
    const int     big = bytes_b > DIRECT_BYTES && p->m >= DIRECT_ROWS;
    const int     copy_b = p->trans_b || big;
    const int     copy_a = COPY_A;
    real         *panel_b = scratch, *panel_a = scratch + K_BLOCK * (N_BLOCK + MAX_VECS * LANES);

    for (int64_t j = 0, nc; j < p->n; j += nc) {
        nc = copy_b ? MIN(p->n - j, N_BLOCK) : p->n;
        int64_t q = 0;
        do {
            const int64_t left = p->k - q;
            int64_t       kc = left;
            if (copy_b && left > K_BLOCK)
                kc = left >= 2 * K_BLOCK ? K_BLOCK : (left + 1) / 2;
            const real *b = (const real *)p->b + (p->trans_b ? j * p->ldb + q : q * p->ldb + j);
            if (copy_b)
                K(copy_b)(kc, nc, b, p->ldb, p->trans_b, panel_b);
            for (int64_t i = 0; i < p->m; i += M_BLOCK) {
                const int64_t mc = MIN(p->m - i, M_BLOCK);
                const real   *a = (const real *)p->a + i * a_row + q * a_step;
                K(tile) t = {.k = kc, .a = a, .a_row = a_row, .a_step = a_step,
                             .b = copy_b ? panel_b : b, .b_step = p->ldb,
                             .c = (real *)p->c + i * p->ldc + j, .c_row = p->ldc,
                             .bias = p->bias && q == 0 ? (const real *)p->bias + j : NULL,
                             .accumulate = p->accumulate || q > 0,
                             .relu = p->relu && q + kc == p->k};
                if (copy_a) {
                    K(copy_a)(mc, kc, a, a_row, a_step, panel_a);
                    t.a = panel_a;
                    t.a_row = 1;
                    t.a_step = PANEL_ROWS;
                }
                K(sweep)(&t, mc, nc, copy_a, copy_b);
            }
            q += kc;
        } while (q < p->k);
    }
}

/* m = 1: B is read once, so it is not worth a copy; many sums hide the latency of one. */
static void K(one_row)(const cnn_product *p)
{
    K(tile) t = {.k = p->k, .a_step = p->trans_a ? p->lda : 1, .a = p->a, .b_step = p->ldb,
                 .accumulate = p->accumulate, .relu = p->relu};
    int vecs;
    for (int64_t j = 0; j < p->n; j += vecs * LANES) {
        const int64_t left = (p->n - j + LANES - 1) / LANES;
        vecs = (int)(left >= MAX_VECS_ONE_ROW ? MAX_VECS_ONE_ROW : MIN(left, 8));
        K(set_width)(&t, p->n - j, vecs);
        t.b = (const real *)p->b + j;
        t.c = (real *)p->c + j;
        t.bias = p->bias ? (const real *)p->bias + j : NULL;
        K(tiles)[!t.whole][vecs][1](&t);
    }
}

/* A^T B with less than a vector of columns: B^T A, whose rows fill vectors, and back. */
static void K(narrow)(const cnn_product *p, real *scratch)
{
    for (int64_t i = 0; i < p->m; i += NARROW_BLOCK) {
        const int64_t rows = MIN(p->m - i, NARROW_BLOCK);
        K(tile) t = {.k = p->k, .a = p->b, .a_row = 1, .a_step = p->ldb,
                     .b = (const real *)p->a + i, .b_step = p->lda, .c = scratch,
                     .c_row = NARROW_BLOCK};
        K(sweep)(&t, p->n, rows, 0, 0);
        K(transpose)(p->n, rows, scratch, NARROW_BLOCK, (real *)p->c + i * p->ldc, p->ldc, 0);
    }
}

void K(cnn_own_gemm)(const cnn_product *p, void *scratch)
{
    if (p->m == 1 && !p->trans_b)
        K(one_row)(p);
    else if (p->trans_a && !p->trans_b && p->n < LANES && p->m >= LANES && !p->accumulate &&
             !p->bias && !p->relu)
        K(narrow)(p, scratch);
    else
        K(by_blocks)(p, scratch);
}

#else
#include "tile_list.h"

/* Blocks: a panel of B 48 floats wide fills a part of the second-level cache, a block of A the
 * rest of it, and the copy of B stays within CNN_SCRATCH_BYTES. */
enum {
    K_BLOCK_BYTES = 512 * 4,
    N_BLOCK_BYTES = 1536 * 4,
    M_BLOCK = 192,
    NARROW_BLOCK = 1024
};
#ifndef DIRECT_BYTES
#define DIRECT_BYTES (512 << 10)
#endif
#ifndef DIRECT_ROWS
#define DIRECT_ROWS 32
#endif
#ifndef COPY_A
#define COPY_A 0
#endif

#define CNN_SELF "gemm/own.c"
#include "cnn_instantiate.h"
#endif
