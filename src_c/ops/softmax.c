/* softmax - y = exp(x) / sum exp(x) over one axis.
 *
 *   attributes: the length C of the axis, the elements between two of its entries (1)
 *   forward  operands: x, y (..., C)
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = y (dy - sum y dy)
 *   NaN:       a group with NaN, +inf or only -inf becomes NaN; a single -inf gives 0.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_softmax.h"

static void K(softmax_lanes)(int64_t n, int64_t n_class, const real *x, real *y)
{
    K(cnn_lane) u[CNN_LANE_CLASSES], e[CNN_LANE_CLASSES];
    real sum[CNN_LANES], log_sum[CNN_LANES];

    K(cnn_load_lanes)(n, n_class, x, u);
    K(cnn_lanes_exp)(n_class, u, e, sum, log_sum);
    for (int64_t i = 0; i < n_class; i++)
        for (int l = 0; l < CNN_LANES; l++)
            e[i][l] /= sum[l];
    K(cnn_store_lanes)(n, n_class, (const K(cnn_lane) *)e, y, 0);
}

static void K(softmax_group)(int64_t n_class, const real *x, real *y)
{
    real max, sum, log_sum;
    K(cnn_group_exp)(n_class, x, &max, &sum, &log_sum);
    CNN_IVDEP
    for (int64_t i = 0; i < n_class; i++)
        y[i] = K(cnn_exp)(x[i] - max) / sum;
}

static cnn_status K(softmax_forward)(const cnn_call *c)
{
    const int64_t n_class = ATTR_I(c, 0), n = cnn_count(c, 1) / n_class;
    const real   *x = ROWS(c, 0);
    real         *y = ROWS(c, 1);

    if (n_class <= CNN_LANE_CLASSES)
        for (int64_t r = 0; r < n; r += CNN_LANES)
            K(softmax_lanes)(n - r < CNN_LANES ? n - r : CNN_LANES, n_class, x + r * n_class,
                             y + r * n_class);
    else
        for (int64_t r = 0; r < n; r++)
            K(softmax_group)(n_class, x + r * n_class, y + r * n_class);
    return CNN_OK;
}

static cnn_status K(softmax_grad)(const cnn_call *c)
{
    const int64_t n_class = ATTR_I(c, 0), n = cnn_count(c, 1) / n_class;
    const real   *y = ROWS(c, 1), *dy = ROWS(c, 2);
    real         *dx = ROWS(c, 3);
    const int     add = c->step->accumulate;

    for (int64_t r = 0; r < n; r++, y += n_class, dy += n_class, dx += n_class) {
        const real dot = (real)K(cnn_dot)(n_class, y, dy);
        CNN_IVDEP
        for (int64_t i = 0; i < n_class; i++)
            dx[i] = (add ? dx[i] : 0) + y[i] * (dy[i] - dot);
    }
    return CNN_OK;
}

#else
#define CNN_SELF "ops/softmax.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(softmax, .forward = CNN_TYPED(softmax_forward), .grad = {CNN_TYPED(softmax_grad)});
#endif
