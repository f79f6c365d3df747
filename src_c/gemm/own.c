/* own - a product out of register tiles (tile.h), and what is copied on the way to them.
 *
 * A small B is read where it is, unless it is a slice of long rows.  Beyond, it lands in panels as
 * wide as a tile, so that a tile reads one stream of memory.  A copy of its own would take a
 * twentieth of a product of 128 rows, but a few loads and stores are free beside multiply-adds:
 * while the tiles of a column run, each copies its share of the next column, which was asked for
 * in time, wherever it lies.  The first column has none before it: there the first tile stores
 * what it reads.
 * A transposed B is always copied, for the columns of a tile must lie side by side; A is read
 * element by element, so that either orientation serves, and is copied only where its steps
 * are far apart and many.
 *
 * No byte outside the matrices is read or written.  The value of an element of C depends on its
 * row of A, its column of B and k; m and the blocks decide only when it is computed, so threads
 * may split the rows of C anywhere.
 */
#include <stddef.h>
#include <string.h>
#include "own.h"
#include "transpose.h"
#include "vector.h"

#ifdef real
#include "blocks.h"
#include "tile.h"

/* Whether half tiles take the columns that are left. */
static int K(is_half)(int64_t columns) { return HALF_ROWS && columns > 0 && columns <= LANES / 2; }

/* Vectors of columns of the next tile, when so many columns are left: as many as possible, but
 * no lone vector at the end, unless the rest is for half tiles. */
static int K(next_vecs)(int64_t columns, int halves)
{
    const int64_t left = (columns + LANES - 1) / LANES;
    if (halves && left > 1 && left <= MAX_VECS + 1 && K(is_half)(columns % LANES))
        return (int)left - 1;
    return (int)(left == MAX_VECS + 1 ? (left + 1) / 2 : MIN(left, MAX_VECS));
}

static void K(set_width)(K(tile) *t, int64_t columns, int vecs)
{
    const int64_t last = columns - (vecs - 1) * LANES;
    t->whole = last >= LANES;
    t->part = V_PART((int)MIN(last, LANES));
}

/* Where the panels of a block of B come from and lie. */
typedef struct {
    int32_t  transposed;        /* B is stored as [n, k]                                   */
    int32_t  filled;            /* by an earlier block of rows                             */
    real    *panels;            /* one after the other, k rows each ...                    */
    int64_t  step;              /* ... that is k a column; or 0, all in the place of two   */
} K(panels);

/* The panel of the columns from j on. */
static real *K(panel_at)(const K(panels) *p, int64_t j, int64_t k)
{
    const int64_t width = MAX_VECS * LANES;
    return p->panels + (p->step ? j * p->step : j / width % 2 * width * k);
}

/* Let `full` tiles of a column, each PANEL_ROWS high, fill the `panel` of the next one with rows
 * of `b`, if there is one as wide among the `rest` of the columns; return whether they do. */
static int K(start_feeding)(K(tile) *t, int64_t full, int64_t rest, const real *b, int64_t b_row,
                            real *panel)
{
    if (full < 2 || rest < MAX_VECS * LANES || K(next_vecs)(rest, 0) != MAX_VECS)
        return 0;
    t->next_b = b;
    t->b_row = b_row;
    t->next_panel = panel;
    t->every = full;
    return 1;
}

/* A tile has copied its share. */
CNN_INLINE void K(advance_feeding)(K(tile) *t)
{
    const int64_t share = t->k / t->every;
    t->next_b += share * t->b_row;
    t->next_panel += share * MAX_VECS * LANES;
}

/* The steps that the shares of all tiles leave over. */
static void K(finish_feeding)(const K(tile) *t)
{
    enum { WIDTH = MAX_VECS * CNN_VECTOR_BYTES / sizeof(real) };
    for (int64_t p = 0; p < t->k % t->every; p++)
        memcpy(t->next_panel + p * WIDTH, t->next_b + p * t->b_row, WIDTH * sizeof(real));
}

/* C[m, n], where t holds the corners of A, B and C: one column of tiles after the other.
 * a_panels: A lies as copy_a wrote it.  panels: NULL if B is read where it is.
 * The corners are put back at the end; a copy of t, read in other pieces than it was written
 * in, would cost a small product a tenth of its time. */
CNN_INLINE void K(sweep)(K(tile) *t, int64_t m, int64_t n, int a_panels, const K(panels) *panels)
{
    const real   *a = t->a, *b = t->b, *bias = t->bias;
    real         *c = t->c;
    const int64_t a_row = a_panels ? t->k : t->a_row, b_step = t->b_step;
    const int     copying = panels && !panels->filled && !panels->transposed;
    /* Blocks of rows that share panels must share this too. */
    const int     halves = !a_panels && t->a_row % ALIASING != 0 &&
                       (m >= HALF_ROWS || (panels && panels->step)) &&
                       (!panels || panels->transposed);
    int           vecs, fed = 0;

    for (int64_t j = 0; j < n; j += vecs * LANES) {
        const int half = halves && K(is_half)(n - j);
        vecs = K(next_vecs)(n - j, halves);
        K(set_width)(t, n - j, vecs);
        t->a = a;
        t->b = b + j;
        t->b_step = b_step;
        t->c = c + j;
        t->bias = bias ? bias + j : NULL;

        const int     width = vecs * LANES;
        const int64_t max_rows = a_panels                  ? PANEL_ROWS
                                 : t->a_row % ALIASING == 0 ? MIN(MAX_ROWS[vecs], ALIASED_ROWS)
                                                            : MAX_ROWS[vecs];
        int64_t left = m, rows;
        if (panels) {
            t->panel = K(panel_at)(panels, j, t->k);
            if (copying && !fed) {
                K(copying_tiles)[!t->whole][vecs](t);
                t->a += PANEL_ROWS * a_row;
                t->c += PANEL_ROWS * t->c_row;
                left -= PANEL_ROWS;
            } else if (!panels->filled && panels->transposed)
                K(cnn_transpose)(MIN(n - j, width), t->k, b + j * b_step, b_step, t->panel, width, 1);
            t->b = t->panel;
            t->b_step = width;
        }
        /* Two tiles share the last rows evenly: those before them are sure to be whole ones. */
        const int even = !a_panels && !half;
        int64_t   feeders = left / PANEL_ROWS - (even && left % PANEL_ROWS != 0);
        fed = copying && K(start_feeding)(t, feeders, n - j - width, b + j + width, b_step,
                                          K(panel_at)(panels, j + width, t->k));
        const K(tile_kernel) *kernel = K(tiles)[!t->whole][vecs];
        const K(tile_kernel)  tall = panels ? K(asking_tiles)[!t->whole][vecs] : kernel[PANEL_ROWS];
        for (; left > 0; left -= rows, t->a += rows * a_row, t->c += rows * t->c_row) {
            rows = MIN(left, max_rows);
            if (even && left > max_rows && left < 2 * max_rows)
                rows = (left + 1) / 2;
            if (fed && feeders-- > 0) {
                K(feeding_tile)(t);
                K(advance_feeding)(t);
            } else
                (half && rows == HALF_ROWS ? K(half_tile)
                 : rows == PANEL_ROWS      ? tall
                                           : kernel[rows])(t);
        }
        if (fed)
            K(finish_feeding)(t);
    }
    t->b = b;
    t->b_step = b_step;
    t->bias = bias;
}

/* A, stored transposed as [k, m], into panels of PANEL_ROWS rows: one step side by side.
 * A few steps of all panels at a time, since a line of A holds a step of several panels, while
 * steps far apart may share so few places of a cache that none waits there for the next panel. */
static void K(copy_a)(int64_t m, int64_t k, const real *a, int64_t a_step, real *panel)
{
    enum { STEPS = 8 };
    for (int64_t q = 0; q < k; q += STEPS) {
        const int64_t end = MIN(q + STEPS, k), asked = MIN(end + STEPS, k);
        for (int64_t p = end; p < asked; p++)
            for (int64_t i = 0; i < m; i += LINE)
                PREFETCH_L1((uintptr_t)(a + p * a_step + i));
        for (int64_t i = 0; i < m; i += PANEL_ROWS) {
            real *to = panel + i * k;
            if (m - i >= PANEL_ROWS)
                for (int64_t p = q; p < end; p++)
                    memcpy(to + p * PANEL_ROWS, a + p * a_step + i, PANEL_ROWS * sizeof(real));
            else
                for (int64_t p = q; p < end; p++)
                    memcpy(to + p * PANEL_ROWS, a + p * a_step + i,
                           (size_t)(m - i) * sizeof(real));
        }
    }
}

/* All rows of a block of C, some at a time; t holds the corners for row 0. */
static void K(run_block)(const cnn_product *p, const K(blocks) *cut, K(tile) *t, int64_t n,
                         K(panels) *panels, real *panel_a)
{
    const real   *a = t->a;
    real         *c = t->c;
    const int64_t a_step = t->a_step;

    if (panels)
        panels->step = p->m > cut->m ? t->k : 0;
    for (int64_t i = 0; i < p->m; i += cut->m) {
        const int64_t m = MIN(p->m - i, cut->m);
        t->a = a + i * t->a_row;
        t->c = c + i * t->c_row;
        if (cut->a_panels) {
            CNN_NEED(K(a_elements)(m, t->k) <= cut->a_size);
            K(copy_a)(m, t->k, t->a, a_step, panel_a);
            t->a = panel_a;
            t->a_step = PANEL_ROWS;
        }
        K(sweep)(t, m, n, cut->a_panels, panels);
        if (panels)
            panels->filled = 1;
    }
}

CNN_APART static void K(by_blocks)(const cnn_product *p, cnn_scratch scratch)
{
    const int64_t   a_row = p->trans_a ? 1 : p->lda, a_step = p->trans_a ? p->lda : 1;
    const K(blocks) cut = K(cut)(p);
    real           *memory = (real *)scratch.memory;
    CNN_NEED((cut.b_size + cut.a_size) * (int64_t)sizeof(real) <= scratch.bytes);

    for (int64_t j = 0; j < p->n; j += cut.n) {
        const int64_t n = MIN(p->n - j, cut.n);
        int64_t       q = 0;
        do {        /* once even for k = 0 */
            const int64_t k = MIN(p->k - q, cut.k);
            K(panels) panels = {.transposed = p->trans_b, .panels = memory};
            K(tile) t = {.k = k, .a = (const real *)p->a + q * a_step, .a_row = a_row,
                         .a_step = a_step, .b_step = p->ldb,
                         .b = (const real *)p->b + (p->trans_b ? j * p->ldb + q : q * p->ldb + j),
                         .c = (real *)p->c + j, .c_row = p->ldc,
                         .bias = p->bias && q == 0 ? (const real *)p->bias + j : NULL,
                         .accumulate = p->accumulate || q > 0,
                         .relu = p->relu && q + k == p->k};
            CNN_NEED(!cut.b_panels || K(b_elements)(n, k, p->m > cut.m) <= cut.b_size);
            K(run_block)(p, &cut, &t, n, cut.b_panels ? &panels : NULL, memory + cut.b_size);
            q += k;
        } while (q < p->k);
    }
}

/* A product of one block, such as those of small networks: the tiles run over the operands as they
 * lie, but for a transposed B, which is turned as a whole. */
CNN_APART static void K(by_tiles)(const cnn_product *p, cnn_scratch scratch)
{
    K(tile) t = {.k = p->k, .a = p->a, .a_row = p->trans_a ? 1 : p->lda,
                 .a_step = p->trans_a ? p->lda : 1, .b = p->b, .b_step = p->ldb,
                 .c = p->c, .c_row = p->ldc, .bias = p->bias, .accumulate = p->accumulate,
                 .relu = p->relu};
    if (p->trans_b) {
        CNN_NEED(K(b_elements)(p->n, p->k, 1) * (int64_t)sizeof(real) <= scratch.bytes);
        t.b = (const real *)scratch.memory;
        t.b_step = cnn_round_up(p->n, LANES);
        K(cnn_transpose)(p->n, p->k, p->b, p->ldb, (real *)scratch.memory, t.b_step, 1);
    }
    K(sweep)(&t, p->m, p->n, 0, NULL);
}

static void K(by_size)(const cnn_product *p, cnn_scratch scratch)
{
    if (K(is_one_block)(p))
        K(by_tiles)(p, scratch);
    else
        K(by_blocks)(p, scratch);
}

/* m = 1: B is read once, so that a copy cannot pay; many sums hide the latency of one. */
CNN_APART static void K(one_row)(const cnn_product *p)
{
    K(tile) t = {.k = p->k, .a = p->a, .a_step = p->trans_a ? p->lda : 1, .b_step = p->ldb,
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

/* Few columns leave much of a vector empty, but the rows of the transposed product fill it:
 * C^T = B^T A^T in scratch, starting from what the chains of C start from, and then turned. */
CNN_APART static void K(narrow)(const cnn_product *p, cnn_scratch scratch)
{
    real             *turned = (real *)scratch.memory;
    const int64_t     turned_row = K(turned_row)(p->m);
    const int64_t     taken = cnn_round_up(p->n * turned_row, LINE) * (int64_t)sizeof(real);
    const cnn_scratch rest = {.memory = scratch.memory + taken, .bytes = scratch.bytes - taken};
    CNN_NEED(taken <= scratch.bytes);

    for (int64_t i = 0; i < p->m; i += NARROW_BLOCK) {
        const int64_t rows = MIN(p->m - i, NARROW_BLOCK);
        real         *c = (real *)p->c + i * p->ldc;
        const real   *bias = p->bias;
        if (p->accumulate)
            K(cnn_transpose)(rows, p->n, c, p->ldc, turned, turned_row, 0);
        for (int64_t j = 0; bias && j < p->n; j++)
            for (int64_t r = 0; r < rows; r++)
                turned[j * turned_row + r] =
                    p->accumulate ? bias[j] + turned[j * turned_row + r] : bias[j];
        const cnn_product t = {.m = p->n, .n = rows, .k = p->k,
                               .a = p->b, .lda = p->ldb, .trans_a = !p->trans_b,
                               .b = (const real *)p->a + i * (p->trans_a ? 1 : p->lda),
                               .ldb = p->lda, .trans_b = !p->trans_a,
                               .c = turned, .ldc = turned_row,
                               .accumulate = p->accumulate || p->bias, .relu = p->relu};
        K(by_size)(&t, rest);
        K(cnn_transpose)(p->n, rows, turned, turned_row, c, p->ldc, 0);
    }
}

/* Worth it where the turning of A, if any, costs less than the empty lanes. */
static int K(is_narrow)(const cnn_product *p)
{
    const int64_t last = p->n % LANES;
    if (p->n >= 2 * LANES || !last)
        return 0;
    if (p->trans_a)
        return p->m >= LANES;
    if (p->n <= LANES / 2)
        return p->m >= (p->trans_b ? 1 : 2) * LANES;
    return sizeof(real) == 4 && LANES >= 8 && last <= LANES * 5 / 8 && p->k <= NARROW_K &&
           p->m >= 2 * LANES;
}

/* Of a transposed A alone, the last few columns apart: their turned product turns no operand. */
CNN_APART static void K(in_two)(const cnn_product *p, int64_t rest, cnn_scratch scratch)
{
    cnn_product   part = *p;
    const int64_t whole = p->n - rest;
    part.n = whole;
    K(by_size)(&part, scratch);
    part.n = rest;
    part.b = (const real *)p->b + whole;
    part.c = (real *)p->c + whole;
    part.bias = p->bias ? (const real *)p->bias + whole : NULL;
    K(narrow)(&part, scratch);
}

void K(cnn_own_gemm)(const cnn_product *p, cnn_scratch scratch)
{
    const int64_t rest = p->n % LANES, b_bytes = p->k * p->n * (int64_t)sizeof(real);
    if (p->m == 1 && !p->trans_b && p->n < WIDE_ROW) {
        K(one_row)(p);
        return;
    }
    if ((p->m < PANEL_ROWS || p->k == 1) &&
        K(cnn_thin_gemm)(p, b_bytes > HUGE_BYTES ? PANEL_ROWS - 1 : 1))
        return;
    if (K(is_narrow)(p))
        K(narrow)(p, scratch);
    else if (p->trans_a && !p->trans_b && p->n > LANES && rest && rest <= LANES / 4 &&
             p->m >= 2 * LANES)
        K(in_two)(p, rest, scratch);
    else
        K(by_size)(p, scratch);
}

int64_t K(cnn_own_scratch)(const cnn_product *p) { return K(most_bytes)(p); }

#else
#include "blocks.h"

#define CNN_SELF "gemm/own.c"
#include "cnn_instantiate.h"
#endif
