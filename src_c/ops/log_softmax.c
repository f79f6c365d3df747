/* log_softmax - y = x - log(sum exp(x)) over one axis.
 *
 *   attributes: the length C of the axis (0: the batch axis), the elements from one of its
 *               entries to the next
 *   forward  operands: x, y (..., C, ...)
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = dy - exp(y) sum dy, dy where the sum is 0
 *   NaN:       a group with NaN, +inf or only -inf becomes NaN; a single -inf stays -inf.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_softmax.h"

static void K(log_softmax_lanes)(int64_t n, int64_t n_class, const real *x, real *y)
{
    K(cnn_lane) u[CNN_LANE_CLASSES], e[CNN_LANE_CLASSES];
    real sum[CNN_GROUPS], log_sum[CNN_GROUPS];

    K(cnn_load_lanes)(n, n_class, x, u);
    K(cnn_lanes_exp)(n_class, u, e, sum, log_sum);
    for (int64_t i = 0; i < n_class; i++)
        for (int l = 0; l < CNN_GROUPS; l++)
            u[i][l] -= log_sum[l];
    K(cnn_store_lanes)(n, n_class, (const K(cnn_lane) *)u, y, 0);
}

static void K(log_softmax_group)(int64_t n_class, const real *x, real *y)
{
    real max, sum, log_sum;
    K(cnn_group_exp)(n_class, x, NULL, &max, &sum, &log_sum);
    CNN_IVDEP
    for (int64_t i = 0; i < n_class; i++)
        y[i] = (x[i] - max) - log_sum;
}

/* Groups along another axis than the last. */
static void K(log_softmax_columns)(const cnn_along *s, const real *x, real *y)
{
    real max[CNN_NEIGHBOURS], sum[CNN_NEIGHBOURS], log_sum[CNN_NEIGHBOURS];

    CNN_FOR_COLUMNS(*s, at, n) {
        K(cnn_columns_exp)(n, s, x + at, max, sum, log_sum);
        for (int64_t i = at; i < at + s->n_class * s->inner; i += s->inner) {
            CNN_IVDEP
            for (int64_t l = 0; l < n; l++)
                y[i + l] = (x[i + l] - max[l]) - log_sum[l];
        }
    }
}

static void K(log_softmax_grad_columns)(const cnn_along *s, const real *y, const real *dy,
                                        real *dx, int add)
{
    double sum[CNN_NEIGHBOURS];

    CNN_FOR_COLUMNS(*s, at, n) {
        for (int64_t l = 0; l < n; l++)
            sum[l] = 0;
        for (int64_t i = at; i < at + s->n_class * s->inner; i += s->inner)
            for (int64_t l = 0; l < n; l++)
                sum[l] += (double)dy[i + l];
        for (int64_t i = at; i < at + s->n_class * s->inner; i += s->inner) {
            CNN_IVDEP
            for (int64_t l = 0; l < n; l++) {
                const real all = (real)sum[l];
                dx[i + l] = (add ? dx[i + l] : 0) +
                            (dy[i + l] - CNN_FLOW(all, K(cnn_exp)(y[i + l]) * all));
            }
        }
    }
}

static cnn_status K(log_softmax_forward)(const cnn_call *c)
{
    const cnn_along s = cnn_read_along(c);
    const int64_t n_class = s.n_class, n = s.n_outer;
    const real   *x = ROWS(c, 0);
    real         *y = ROWS(c, 1);

    if (s.inner > 1)
        K(log_softmax_columns)(&s, x, y);
    else if (n_class <= CNN_LANE_CLASSES)
        for (int64_t r = 0; r < n; r += CNN_GROUPS)
            K(log_softmax_lanes)(n - r < CNN_GROUPS ? n - r : CNN_GROUPS, n_class, x + r * n_class,
                                 y + r * n_class);
    else
        for (int64_t r = 0; r < n; r++)
            K(log_softmax_group)(n_class, x + r * n_class, y + r * n_class);
    return CNN_OK;
}

static cnn_status K(log_softmax_grad)(const cnn_call *c)
{
    const cnn_along s = cnn_read_along(c);
    const int64_t n_class = s.n_class, n = s.n_outer;
    const real   *y = ROWS(c, 1), *dy = ROWS(c, 2);
    real         *dx = ROWS(c, 3);
    const int     add = c->step->accumulate;

    if (s.inner > 1) {
        K(log_softmax_grad_columns)(&s, y, dy, dx, add);
        return CNN_OK;
    }
    for (int64_t r = 0; r < n; r++, y += n_class, dy += n_class, dx += n_class) {
        const real sum = (real)K(cnn_sum)(n_class, dy);
        if (sum == 0) {
            for (int64_t i = 0; i < n_class; i++)
                dx[i] = (add ? dx[i] : 0) + dy[i];
            continue;
        }
        CNN_IVDEP
        for (int64_t i = 0; i < n_class; i++)
            dx[i] = (add ? dx[i] : 0) + (dy[i] - K(cnn_exp)(y[i]) * sum);
    }
    return CNN_OK;
}

#else
#define CNN_SELF "ops/log_softmax.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(log_softmax, .forward = CNN_TYPED(log_softmax_forward),
              .grad = {CNN_TYPED(log_softmax_grad)});
#endif
