/* cnn_reduce.h - sums in double, in an order that depends on the length alone. */
#include "cnn_wide.h"

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
