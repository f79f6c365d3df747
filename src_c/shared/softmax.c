/* softmax - maxima and sums of powers, for groups of many classes or along other axes than the
 * last (cnn_softmax.h).  Compiled once, and not into every operation.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_softmax.h"

static real K(group_max)(int64_t n_class, const real *restrict x)
{
    real    lane[CNN_GROUPS], max;
    int64_t i = 0;

    for (int l = 0; l < CNN_GROUPS; l++)
        lane[l] = -INFINITY;
    for (; i + CNN_GROUPS <= n_class; i += CNN_GROUPS)
        for (int l = 0; l < CNN_GROUPS; l++)
            lane[l] = x[i + l] > lane[l] ? x[i + l] : lane[l];
    for (int l = 0; i + l < n_class; l++)
        lane[l] = x[i + l] > lane[l] ? x[i + l] : lane[l];
    max = lane[0];
    for (int l = 1; l < CNN_GROUPS; l++)
        max = lane[l] > max ? lane[l] : max;
    return max;
}

void K(cnn_group_exp)(int64_t n_class, const real *restrict x, real *restrict e, real *max,
                      real *sum, real *log_sum)
{
    const real m = K(group_max)(n_class, x);
    real       power[CNN_PART];
    double     rest = 0;
    int64_t    top = 0;

    for (int64_t i = 0; i < n_class; i += CNN_PART) {
        const int64_t n = n_class - i < CNN_PART ? n_class - i : CNN_PART;
        for (int64_t j = 0; j < n; j++)
            power[j] = K(cnn_exp)(x[i + j] - m);
        if (e)
            memcpy(e + i, power, (size_t)n * sizeof(real));
        for (int64_t j = 0; j < n; j++) {
            top += x[i + j] - m == 0;     /* not x == m: inf - inf must stay NaN */
            power[j] = x[i + j] - m == 0 ? 0 : power[j];
        }
        rest += K(cnn_sum)(n, power);
    }
    *max = m;
    *sum = (real)((double)top + rest);
    *log_sum = K(cnn_log1p)((real)((double)(top - 1) + rest));
}

void K(cnn_columns_exp)(int64_t n, const cnn_along *s, const real *x, real *max, real *sum,
                        real *log_sum)
{
    real rest[CNN_NEIGHBOURS], top[CNN_NEIGHBOURS];

    for (int64_t l = 0; l < n; l++) {
        max[l] = x[l];
        rest[l] = top[l] = 0;
    }
    for (int64_t i = 1; i < s->n_class; i++)
        for (int64_t l = 0; l < n; l++)
            max[l] = x[i * s->inner + l] > max[l] ? x[i * s->inner + l] : max[l];
    for (int64_t i = 0; i < s->n_class; i++)
        for (int64_t l = 0; l < n; l++) {
            const real d = x[i * s->inner + l] - max[l], power = K(cnn_exp)(d);
            top[l] += d == 0 ? (real)1 : (real)0;
            rest[l] += d == 0 ? (real)0 : power;
        }
    for (int64_t l = 0; l < n; l++) {
        sum[l] = top[l] + rest[l];
        log_sum[l] = K(cnn_log1p)(rest[l] + (top[l] - 1));
    }
}

#else
#define CNN_SELF "shared/softmax.c"
#include "cnn_instantiate.h"
#endif
