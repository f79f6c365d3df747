/* values.h - gradients looked through, measured and clipped; for the typed half of a file. */
#ifndef CNN_VALUES_H
#define CNN_VALUES_H
#include "gemm/vector.h"
#endif

/* Sum of squares of n elements, in double; eight running sums so that it vectorises. */
static double K(sum_of_squares)(int64_t n, const real *g)
{
    double lane[8] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int l = 0; l < 8; l++)
            lane[l] += (double)g[i + l] * (double)g[i + l];
    for (; i < n; i++)
        sum += (double)g[i] * (double)g[i];
    for (int l = 0; l < 8; l++)
        sum += lane[l];
    return sum;
}

/* Whether none is NaN or infinite, for sure: then their sum is neither.  One addition a vector. */
static int K(all_finite)(int64_t n, const real *g)
{
    VECTOR  sum[4] = {V_ZERO(), V_ZERO(), V_ZERO(), V_ZERO()};
    int64_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES)
        CNN_UNROLL for (int k = 0; k < 4; k++)
            sum[k] = V_ADD(sum[k], V_LOAD(g + i + k * LANES));
    for (; i + LANES <= n; i += LANES)
        sum[0] = V_ADD(sum[0], V_LOAD(g + i));
    if (i < n)
        sum[1] = V_ADD(sum[1], V_LOAD_PART(g + i, V_PART((int)(n - i))));
    const real all = V_SUM(V_ADD(V_ADD(sum[0], sum[1]), V_ADD(sum[2], sum[3])));
    return all - all == 0;
}

static void K(clip_values)(int64_t n, real limit, real *g)
{
    for (int64_t i = 0; i < n; i++) {
        g[i] = g[i] > limit ? limit : g[i];
        g[i] = g[i] < -limit ? -limit : g[i];
    }
}
