/* blocks.h - how a product is cut into blocks, and which parts of it are copied into working memory.
 *
 * The one place that decides this: what declares working memory (most_bytes), what lays it out and
 * what writes there (own.c) all go by it.
 */
#ifndef CNN_BLOCKS_H
#define CNN_BLOCKS_H
#include "own.h"
#include "tile_list.h"
#include "vector.h"

/* How much of each operand meets the others at a time: as measured on cores with such vectors,
 * flat within 10 % around each. */
#if CNN_VECTOR_BYTES == 64          /* Zen 4 and 5: 32 and 48 KB, 1 MB of cache per core         */
enum {
    FAR_K = 512,                    /* beyond, the steps of a transposed A fill the cache        */
    DIRECT_BYTES = 512 << 10,       /* B up to this size is read where it is, ...                */
    DIRECT_SPAN = 1 << 20,          /* ... unless its rows are parts of longer ones, ...         */
    COPY_ROWS = 32,                 /* ... as is one that fewer rows of C share, ...             */
    FAR_BYTES = 512 << 10,          /* ... or, beyond what the second-level cache keeps, ...     */
    FAR_COPY_ROWS = 32,             /* ... fewer than these                                      */
    HUGE_BYTES = 6 << 20,           /* beyond this even a tile's rows do, and fewer stream it    */
    A_BYTES = 512 << 10,            /* what the second-level cache keeps of A besides B          */
    FEW_ROWS = 0                    /* that many rows do not make up for a B of FAR_B            */
};
#else                               /* Zen 3: 32 KB and 512 KB                                   */
enum { FAR_K = 100, DIRECT_BYTES = 24 << 10, DIRECT_SPAN = 48 << 10, COPY_ROWS = 24,
       FAR_BYTES = 256 << 10, FAR_COPY_ROWS = 12, HUGE_BYTES = 2 << 20, A_BYTES = 256 << 10,
       FEW_ROWS = 256 };
#endif
enum {
    M_BLOCK = 96,                   /* rows of A that meet B, or half; multiples of every tile   */
    N_BLOCK = 768,                  /* columns of B in panels at a time ...                      */
    K_BLOCK_BYTES = 4096,           /* ... and bytes of a column: C is passed over once for each */
    FLAT_K = 64, FLAT_N = 256,      /* at most this k and more columns: writing C takes longest, */
    FLAT_M_BLOCK = 16,              /* which should then happen along its rows                   */
    ALIASED_K = 64,                 /* FAR_K of steps that are aliased (see ALIASING) ...        */
    ALIASED_ROWS = 8,               /* ... and the rows of a tile of such rows of A              */
    NARROW_BLOCK = 1024,
    NARROW_K = 128,                 /* of this many steps, A is near when it is turned            */
    SMALL_BYTES = 16 << 10,         /* B up to this size, which the first-level cache keeps, ... */
    TURNED_BYTES = 8 << 10          /* ... and up to this size its copy besides                  */
};
#define K_BLOCK  (K_BLOCK_BYTES / (int)sizeof(real))
#define LINE     (CNN_LINE / (int)sizeof(real))
/* Elements this far apart share the few places of the first-level cache that suit them. */
#define ALIASING (4096 / (int)sizeof(real))
/* Rows of B so far apart do that in the second: a column of many would not wait there. */
#define FAR_B    (8192 / (int)sizeof(real))

_Static_assert((int)COPY_ROWS >= PANEL_ROWS && (int)FAR_COPY_ROWS >= PANEL_ROWS &&
                   (int)FLAT_M_BLOCK >= PANEL_ROWS, "a copying tile needs all of its rows");

/* Blocks of nearly equal size, at most `most` and multiples of `unit`, which divides `most`. */
static int64_t cnn_even_block(int64_t n, int64_t most, int64_t unit)
{
    const int64_t n_blocks = (n + most - 1) / most;
    const int64_t even = n_blocks > 1 ? (n + n_blocks - 1) / n_blocks : most;
    return (even + unit - 1) / unit * unit;
}

/* The least multiple of `unit` that is not below n. */
static inline int64_t cnn_round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }
#endif

#ifdef real

/* The blocks of a product; a block is at most m rows by n columns by k steps.  Panels of B lie at
 * the start of the working memory, b_size elements, those of A behind them, a_size elements. */
typedef struct {
    int64_t m, n, k, b_size, a_size;
    int32_t b_panels, a_panels;         /* whether B, and A, are copied               */
} K(blocks);

/* From how many rows of C on panels of B pay. */
static int64_t K(rows_worth_copying)(const cnn_product *p)
{
    const int64_t b_bytes = p->k * p->n * (int64_t)sizeof(real);
    const int64_t span = p->k * p->ldb * (int64_t)sizeof(real);
    return b_bytes > HUGE_BYTES                           ? PANEL_ROWS
           : b_bytes > FAR_BYTES                          ? FAR_COPY_ROWS
           : b_bytes > DIRECT_BYTES || span > DIRECT_SPAN ? COPY_ROWS
                                                          : INT64_MAX;
}

/* Elements of the panels of at most n columns of B, k steps of each: all of them, or two. */
static int64_t K(b_elements)(int64_t n, int64_t k, int all)
{
    const int64_t columns = cnn_round_up(n, LANES);
    return cnn_round_up((all ? columns : MIN(columns, 2 * MAX_VECS * LANES)) * k, LINE);
}

/* Elements of the panels of m rows of A. */
static int64_t K(a_elements)(int64_t m, int64_t k)
{
    return cnn_round_up(cnn_round_up(m, PANEL_ROWS) * k, LINE);
}

static K(blocks) K(cut)(const cnn_product *p)
{
    const int far_b = !p->trans_b && p->m <= FEW_ROWS && p->ldb % FAR_B == 0;
    const int far_k = p->lda % ALIASING == 0 ? ALIASED_K : FAR_K;
    K(blocks) s = {.n = p->n, .k = p->k};

    s.b_panels = p->trans_b || p->m >= K(rows_worth_copying)(p);
    if (s.b_panels) {
        s.n = MIN(p->n, cnn_even_block(p->n, N_BLOCK, MAX_VECS * LANES));
        s.k = MIN(p->k, cnn_even_block(p->k, far_b ? K_BLOCK / 2 : K_BLOCK, 1));
    }
    s.a_panels = p->trans_a && s.k > far_k;
    if (s.a_panels)
        s.k = MIN(s.k, cnn_even_block(p->k, K_BLOCK, 1));

    const int long_a = M_BLOCK * s.k > A_BYTES / (int)sizeof(real);
    s.m = s.k <= FLAT_K && s.n > FLAT_N ? FLAT_M_BLOCK
          : long_a && p->m > M_BLOCK    ? M_BLOCK / 2
                                        : M_BLOCK;
    s.b_size = s.b_panels ? K(b_elements)(s.n, s.k, p->m > s.m) : 0;
    s.a_size = s.a_panels ? K(a_elements)(MIN(p->m, s.m), s.k) : 0;
    return s;
}

/* Whether a product is a single block, of which nothing is copied but a transposed B: what
 * follows from `cut`, where it would be made of any one block, and is known at once. */
static int K(is_one_block)(const cnn_product *p)
{
    return p->m <= M_BLOCK && p->k <= FLAT_K && p->n <= FLAT_N &&
           p->k * p->n * (int64_t)sizeof(real) <= (p->trans_b ? TURNED_BYTES : SMALL_BYTES) &&
           (p->trans_b || p->k * p->ldb * (int64_t)sizeof(real) <= DIRECT_SPAN);
}

/* Elements of a row of the transposed result of a narrow product of m rows. */
static int64_t K(turned_row)(int64_t m) { return MIN(cnn_round_up(m, LANES), NARROW_BLOCK); }

/* The most elements that blocks of m by n by k take, or of any part of them. */
static int64_t K(most_blocks)(int64_t m, int64_t n, int64_t k, int trans_a, int trans_b)
{
    const int64_t steps = MIN(k, K_BLOCK);
    const int     b_panels = trans_b || m >= PANEL_ROWS;
    return (b_panels ? K(b_elements)(MIN(n, N_BLOCK), steps, 1) : 0) +
           (trans_a ? K(a_elements)(MIN(m, M_BLOCK), steps) : 0);
}

/* Bytes that this product takes at most, however threads divide its rows and columns, and any
 * product of the same kind and no more rows, columns and steps. */
static int64_t K(most_bytes)(const cnn_product *p)
{
    const int64_t n = MIN(p->n, 2 * LANES), m = MIN(p->m, NARROW_BLOCK);
    const int64_t direct = K(most_blocks)(p->m, p->n, p->k, p->trans_a, p->trans_b);
    const int64_t narrow = p->m < LANES ? 0
                                        : cnn_round_up(n * K(turned_row)(m), LINE) +
                                              K(most_blocks)(n, m, p->k, !p->trans_b, !p->trans_a);
    return MAX(direct, narrow) * (int64_t)sizeof(real);
}
#endif
