/* sparse - rows of a matrix picked by number, summed with factors or added to: see cnn_sparse.h.
 *
 * Eight vectors of columns stay in registers while all picked rows pass by; rows lie anywhere, so
 * they are asked for some time before, those of the next call too: in a burst at its start they
 * would hold up the rest.
 */
#include "cnn_sparse.h"
#include "gemm/vector.h"

#ifdef real

/* The lines of columns [0, vecs LANES) of the row that comes some time after at[p]. */
CNN_INLINE void K(ask)(int64_t p, int64_t n, const int32_t *at, const int32_t *next, const real *m,
                       int64_t width, const int vecs)
{
    p += CNN_SPARSE_AHEAD;
    if (p < n || next) {
        const real *row = m + (p < n ? at[p] : next[p - n]) * width;
        CNN_UNROLL for (int k = 0; k < vecs * LANES; k += 64 / (int)sizeof(real))
            PREFETCH_L1((uintptr_t)(row + k));
    }
}

#define LOAD(p, k) (part ? V_LOAD_PART((p) + (k) * LANES, lanes) : V_LOAD((p) + (k) * LANES))
#define EACH       CNN_UNROLL for (int k = 0; k < vecs; k++)

CNN_INLINE void K(times_block)(int64_t n, const int32_t *restrict at, const real *restrict v,
                               const int32_t *next, const real *m, int64_t width,
                               const real *start, int relu, real *y, const int vecs,
                               const int part, PART lanes)
{
    VECTOR sum[8];
    EACH sum[k] = start ? LOAD(start, k) : V_ZERO();
    for (int64_t p = 0; p < n; p++) {
        const real  *row = m + at[p] * width;
        const VECTOR x = V_FILL(v[p]);
        K(ask)(p, n, at, next, m, width, vecs);
        EACH sum[k] = V_FMA(x, LOAD(row, k), sum[k]);
    }
    if (relu)
        EACH sum[k] = V_RELU(sum[k]);
    if (part)
        V_STORE_PART(y, lanes, sum[0]);
    else
        EACH V_STORE(y + k * LANES, sum[k]);
}

CNN_INLINE void K(add_block)(int64_t n, const int32_t *restrict at, const real *restrict v,
                             const int32_t *next, real factor, const real *d, int64_t width,
                             real *m, const int vecs, const int part, PART lanes)
{
    VECTOR add[8];
    EACH add[k] = LOAD(d, k);
    for (int64_t p = 0; p < n; p++) {
        real        *row = m + at[p] * width;
        const VECTOR x = V_FILL(factor * v[p]);
        K(ask)(p, n, at, next, m, width, vecs);
        if (part)
            V_STORE_PART(row, lanes, V_FMA(x, add[0], V_LOAD_PART(row, lanes)));
        else
            EACH V_STORE(row + k * LANES, V_FMA(x, add[k], V_LOAD(row + k * LANES)));
    }
}

/* Blocks of 8, 4 and 1 vectors of columns, then what is left, less than one. */
void K(cnn_sparse_times)(int64_t n, const int32_t *at, const real *v, const int32_t *next,
                         const real *m, int64_t width, int64_t n_col, const real *start, int relu,
                         real *y)
{
    int64_t j = 0;
#define START (start ? start + j : NULL)
    for (; j + 8 * LANES <= n_col; j += 8 * LANES)
        K(times_block)(n, at, v, next, m + j, width, START, relu, y + j, 8, 0, V_PART(LANES));
    for (; j + 4 * LANES <= n_col; j += 4 * LANES)
        K(times_block)(n, at, v, next, m + j, width, START, relu, y + j, 4, 0, V_PART(LANES));
    for (; j + LANES <= n_col; j += LANES)
        K(times_block)(n, at, v, next, m + j, width, START, relu, y + j, 1, 0, V_PART(LANES));
    if (j < n_col)
        K(times_block)(n, at, v, next, m + j, width, START, relu, y + j, 1, 1, V_PART((int)(n_col - j)));
#undef START
}

void K(cnn_sparse_add)(int64_t n, const int32_t *at, const real *v, const int32_t *next,
                       real factor, const real *d, int64_t n_col, int64_t width, real *m)
{
    int64_t j = 0;
    for (; j + 8 * LANES <= n_col; j += 8 * LANES)
        K(add_block)(n, at, v, next, factor, d + j, width, m + j, 8, 0, V_PART(LANES));
    for (; j + 4 * LANES <= n_col; j += 4 * LANES)
        K(add_block)(n, at, v, next, factor, d + j, width, m + j, 4, 0, V_PART(LANES));
    for (; j + LANES <= n_col; j += LANES)
        K(add_block)(n, at, v, next, factor, d + j, width, m + j, 1, 0, V_PART(LANES));
    if (j < n_col)
        K(add_block)(n, at, v, next, factor, d + j, width, m + j, 1, 1, V_PART((int)(n_col - j)));
}
#undef LOAD
#undef EACH

#else
#include <stddef.h>

#define CNN_SELF "shared/sparse.c"
#include "cnn_instantiate.h"
#endif
