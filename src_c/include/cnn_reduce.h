/* cnn_reduce.h - sums in double, in an order that depends on the length alone. */
#include "cnn_op.h"
#include "cnn_wide.h"
#if !K(CNN_REDUCE_MADE)      /* once for each type, of which float comes first */
#ifndef CNN_REDUCE_MADE_f32
#define CNN_REDUCE_MADE_f32 1
#else
#define CNN_REDUCE_MADE_f64 1
#endif

static inline double K(cnn_sum)(int64_t n, const real *x)
{
    WIDE    sum = W_ZERO();
    int64_t i = 0;
    for (; i + CNN_WIDE_LANES <= n; i += CNN_WIDE_LANES)
        sum = W_ADD(sum, W_LOAD(x + i));
    if (i < n)
        sum = W_ADD(sum, W_LOAD_PART(x + i, n - i));
    return W_SUM(sum);
}

static inline double K(cnn_dot)(int64_t n, const real *x, const real *y)
{
    WIDE    sum = W_ZERO();
    int64_t i = 0;
    for (; i + CNN_WIDE_LANES <= n; i += CNN_WIDE_LANES)
        sum = W_FMA(W_LOAD(x + i), W_LOAD(y + i), sum);
    if (i < n)
        sum = W_FMA(W_LOAD_PART(x + i, n - i), W_LOAD_PART(y + i, n - i), sum);
    return W_SUM(sum);
}

/* sum w x over the places where w is not 0, whatever x holds elsewhere: cnn_dot is tried first,
 * which any NaN or infinity makes not finite.  To the bit what x = 0 gives at those places. */
static inline double K(cnn_weighted_sum)(int64_t n, const real *x, const real *w)
{
    const double all = K(cnn_dot)(n, x, w);
    WIDE         sum = W_ZERO();
    if (isfinite(all))
        return all;
    for (int64_t i = 0; i < n; i += CNN_WIDE_LANES) {
        const int64_t m = n - i < CNN_WIDE_LANES ? n - i : CNN_WIDE_LANES;
        real          some[CNN_WIDE_LANES] = {0};
        for (int64_t l = 0; l < m; l++)
            some[l] = w[i + l] != 0 ? x[i + l] : 0;
        sum = W_FMA(W_LOAD(some), W_LOAD_PART(w + i, m), sum);
    }
    return W_SUM(sum);
}
#endif
