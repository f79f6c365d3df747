/* cnn_softmax.h - the parts that softmax, log_softmax and softmax_cross_entropy share.
 *
 * A group is what one softmax normalises: n_class numbers in a row.  With few classes a
 * vector along a group would be mostly empty, so CNN_GROUPS groups are transposed into a local
 * block u[class][lane] and share the vectors; the lanes past the last group hold copies of it,
 * and a group's bits do not depend on its lane.  With more classes the vectors run along the
 * group.  The maximum is subtracted first.  log(sum exp) is log1p of the sum without the
 * maximum, so it keeps its digits where one class takes nearly all.
 *
 * NaN, +inf or nothing but -inf in a group make all of it NaN; single -inf count as exp = 0.
 *
 * What works on long groups, or on other axes than the last, is in shared/softmax.c, once.
 */
#include "cnn_reduce.h"
#include "gemm/transpose.h"
#include "math/cnn_math.h"

#define CNN_GROUPS        16
#define CNN_LANE_CLASSES 64      /* above: along the group */
#define CNN_FEW_CLASSES   3      /* the compiler knows how to turn these, where it sees the number */
#define CNN_PART         256     /* classes of a long group that are worked on at a time */

/* How operations along one axis see x: n_outer times n_class times inner numbers.  The
 * attributes are the length of the axis, 0 for the batch axis, and the numbers from one of its
 * entries to the next. */
#ifndef CNN_ALONG_DEFINED
#define CNN_ALONG_DEFINED
#define cnn_group_exp_f32   CNN_FOR_ISA(cnn_group_exp_f32)
#define cnn_group_exp_f64   CNN_FOR_ISA(cnn_group_exp_f64)
#define cnn_columns_exp_f32 CNN_FOR_ISA(cnn_columns_exp_f32)
#define cnn_columns_exp_f64 CNN_FOR_ISA(cnn_columns_exp_f64)
#define CNN_NEIGHBOURS 64    /* neighbouring groups of a strided axis that are worked on at a time */
typedef struct { int64_t n_class, inner, n_outer; } cnn_along;

static inline cnn_along cnn_read_along(const cnn_call *c)
{
    const int64_t n_class = ATTR_I(c, 0) ? ATTR_I(c, 0) : c->n_row, inner = ATTR_I(c, 1);
    return (cnn_along){n_class, inner, cnn_count(c, 1) / (n_class * inner)};
}
#endif

typedef real K(cnn_lane)[CNN_GROUPS];

static inline void K(cnn_load_lanes)(int64_t n, int64_t n_class, const real *restrict x,
                                     K(cnn_lane) *restrict u)
{
    if (n == CNN_GROUPS && n_class > CNN_FEW_CLASSES)
        K(cnn_transpose)(CNN_GROUPS, n_class, x, n_class, u[0], CNN_GROUPS, 0);
    else if (n == CNN_GROUPS)
        for (int64_t i = 0; i < n_class; i++)
            for (int64_t l = 0; l < CNN_GROUPS; l++)
                u[i][l] = x[l * n_class + i];
    else
        for (int64_t l = 0; l < CNN_GROUPS; l++)
            for (int64_t i = 0; i < n_class; i++)
                u[i][l] = x[(l < n ? l : n - 1) * n_class + i];
}

static inline void K(cnn_store_lanes)(int64_t n, int64_t n_class, const K(cnn_lane) *restrict u,
                                      real *restrict y, int add)
{
    if (n == CNN_GROUPS && !add && n_class > CNN_FEW_CLASSES)
        K(cnn_transpose)(n_class, CNN_GROUPS, u[0], CNN_GROUPS, y, n_class, 0);
    else if (n == CNN_GROUPS && !add)
        for (int64_t l = 0; l < CNN_GROUPS; l++)
            for (int64_t i = 0; i < n_class; i++)
                y[l * n_class + i] = u[i][l];
    else
        for (int64_t l = 0; l < n; l++)
            for (int64_t i = 0; i < n_class; i++)
                y[l * n_class + i] = (add ? y[l * n_class + i] : 0) + u[i][l];
}

/* In: u holds x.  Out: u = x - max, e = exp(u), sum = sum e, log_sum = log(sum). */
static inline void K(cnn_lanes_exp)(int64_t n_class, K(cnn_lane) *restrict u,
                                    K(cnn_lane) *restrict e, real *restrict sum,
                                    real *restrict log_sum)
{
    real max[CNN_GROUPS], rest[CNN_GROUPS], top[CNN_GROUPS];

    for (int l = 0; l < CNN_GROUPS; l++) {
        max[l] = u[0][l];
        rest[l] = top[l] = 0;
    }
    for (int64_t i = 1; i < n_class; i++)
        for (int l = 0; l < CNN_GROUPS; l++)
            max[l] = u[i][l] > max[l] ? u[i][l] : max[l];
    for (int64_t i = 0; i < n_class; i++)
        for (int l = 0; l < CNN_GROUPS; l++) {
            const real d = u[i][l] - max[l], power = K(cnn_exp)(d);
            u[i][l] = d;
            e[i][l] = power;
            top[l] += d == 0 ? (real)1 : (real)0;
            rest[l] += d == 0 ? (real)0 : power;
        }
    for (int l = 0; l < CNN_GROUPS; l++) {
        sum[l] = top[l] + rest[l];
        log_sum[l] = K(cnn_log1p)(rest[l] + (top[l] - 1));
    }
}

/* The same for one group: its maximum, sum exp(x - max) and the logarithm of that; the powers
 * themselves go to e, unless that is NULL. */
void K(cnn_group_exp)(int64_t n_class, const real *restrict x, real *restrict e, real *max,
                      real *sum, real *log_sum);

/* for every block of up to CNN_NEIGHBOURS groups: it starts at `at`, and has n groups */
#define CNN_FOR_COLUMNS(s, at, n)                                                            \
    for (int64_t o_ = 0; o_ < (s).n_outer; o_++)                                             \
        for (int64_t j_ = 0, n = 0, at = o_ * (s).n_class * (s).inner; j_ < (s).inner;       \
             j_ += n, at += n)                                                               \
            if ((n = (s).inner - j_ < CNN_NEIGHBOURS ? (s).inner - j_ : CNN_NEIGHBOURS) > 0)

/* Of n neighbouring groups: the maxima, sum exp(x - max) and the logarithms of these. */
void K(cnn_columns_exp)(int64_t n, const cnn_along *s, const real *x, real *max, real *sum,
                        real *log_sum);
