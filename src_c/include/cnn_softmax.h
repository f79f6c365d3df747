/* cnn_softmax.h - the parts that softmax, log_softmax and softmax_cross_entropy share.
 *
 * A group is what one softmax normalises: n_class numbers in a row.  With few classes a
 * vector along a group would be mostly empty, so CNN_LANES groups are transposed into a local
 * block u[class][lane] and share the vectors; the lanes past the last group hold copies of it,
 * and a group's bits do not depend on its lane.  With more classes the vectors run along the
 * group.  The maximum is subtracted first.  log(sum exp) is log1p of the sum without the
 * maximum, so it keeps its digits where one class takes nearly all.
 *
 * NaN, +inf or nothing but -inf in a group make all of it NaN; single -inf count as exp = 0.
 */
#include "math/cnn_math.h"

#define CNN_LANES        16
#define CNN_LANE_CLASSES 24      /* above: along the group */

typedef real K(cnn_lane)[CNN_LANES];

static inline void K(cnn_load_lanes)(int64_t n, int64_t n_class, const real *restrict x,
                                     K(cnn_lane) *restrict u)
{
    for (int64_t l = 0; l < CNN_LANES; l++) {
        const real *restrict row = x + (l < n ? l : n - 1) * n_class;
        for (int64_t i = 0; i < n_class; i++)
            u[i][l] = row[i];
    }
}

static inline void K(cnn_store_lanes)(int64_t n, int64_t n_class, const K(cnn_lane) *restrict u,
                                      real *restrict y, int add)
{
    for (int64_t l = 0; l < n; l++)
        for (int64_t i = 0; i < n_class; i++)
            y[l * n_class + i] = (add ? y[l * n_class + i] : 0) + u[i][l];
}

/* In: u holds x.  Out: u = x - max, e = exp(u), sum = sum e, log_sum = log(sum). */
static inline void K(cnn_lanes_exp)(int64_t n_class, K(cnn_lane) *restrict u,
                                    K(cnn_lane) *restrict e, real *restrict sum,
                                    real *restrict log_sum)
{
    real max[CNN_LANES], rest[CNN_LANES], top[CNN_LANES];

    for (int l = 0; l < CNN_LANES; l++) {
        max[l] = u[0][l];
        rest[l] = top[l] = 0;
    }
    for (int64_t i = 1; i < n_class; i++)
        for (int l = 0; l < CNN_LANES; l++)
            max[l] = u[i][l] > max[l] ? u[i][l] : max[l];
    for (int64_t i = 0; i < n_class; i++)
        for (int l = 0; l < CNN_LANES; l++) {
            const real d = u[i][l] - max[l], power = K(cnn_exp)(d);
            u[i][l] = d;
            e[i][l] = power;
            top[l] += d == 0 ? (real)1 : (real)0;
            rest[l] += d == 0 ? (real)0 : power;
        }
    for (int l = 0; l < CNN_LANES; l++) {
        sum[l] = top[l] + rest[l];
        log_sum[l] = K(cnn_log1p)(rest[l] + (top[l] - 1));
    }
}

/* The same for one group: its maximum, sum exp(x - max) and the logarithm of that. */
static inline void K(cnn_group_exp)(int64_t n_class, const real *x, real *max, real *sum,
                                    real *log_sum)
{
    real    lane[CNN_LANES], rest[CNN_LANES] = {0}, top[CNN_LANES] = {0};
    int64_t i = 0;

    for (int l = 0; l < CNN_LANES; l++)
        lane[l] = x[l < n_class ? l : 0];
    for (; i + CNN_LANES <= n_class; i += CNN_LANES)
        for (int l = 0; l < CNN_LANES; l++)
            lane[l] = x[i + l] > lane[l] ? x[i + l] : lane[l];
    for (; i < n_class; i++)
        lane[0] = x[i] > lane[0] ? x[i] : lane[0];
    real m = lane[0];
    for (int l = 1; l < CNN_LANES; l++)
        m = lane[l] > m ? lane[l] : m;

    for (i = 0; i < n_class; i += CNN_LANES) {
        real d[CNN_LANES];
        for (int l = 0; l < CNN_LANES; l++)
            d[l] = i + l < n_class ? x[i + l] - m : -INFINITY;
        for (int l = 0; l < CNN_LANES; l++) {
            const real power = K(cnn_exp)(d[l]);
            top[l] += d[l] == 0 ? (real)1 : (real)0;
            rest[l] += d[l] == 0 ? (real)0 : power;
        }
    }
    for (int width = CNN_LANES / 2; width > 0; width /= 2)
        for (int l = 0; l < width; l++) {
            top[l] += top[l + width];
            rest[l] += rest[l + width];
        }
    *max = m;
    *sum = top[0] + rest[0];
    *log_sum = K(cnn_log1p)(rest[0] + (top[0] - 1));
}
