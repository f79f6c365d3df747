/* log_softmax - y = x - log(sum exp(x)) over one axis.
 *
 *   attributes: the length C of the axis, the elements between two of its entries (1)
 *   forward  operands: x, y (..., C)
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = dy - exp(y) sum dy
 *   NaN:       a group with NaN, +inf or only -inf becomes NaN; a single -inf stays -inf.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_softmax.h"

static void K(log_softmax_lanes)(int64_t n, int64_t n_class, const real *x, real *y)
{
    K(cnn_lane) u[CNN_LANE_CLASSES], e[CNN_LANE_CLASSES];
    real sum[CNN_LANES], log_sum[CNN_LANES];

    K(cnn_load_lanes)(n, n_class, x, u);
    K(cnn_lanes_exp)(n_class, u, e, sum, log_sum);
    for (int64_t i = 0; i < n_class; i++)
        for (int l = 0; l < CNN_LANES; l++)
            u[i][l] -= log_sum[l];
    K(cnn_store_lanes)(n, n_class, (const K(cnn_lane) *)u, y, 0);
}

static void K(log_softmax_group)(int64_t n_class, const real *x, real *y)
{
    real max, sum, log_sum;
    K(cnn_group_exp)(n_class, x, &max, &sum, &log_sum);
    CNN_IVDEP
    for (int64_t i = 0; i < n_class; i++)
        y[i] = (x[i] - max) - log_sum;
}

static cnn_status K(log_softmax_forward)(const cnn_call *c)
{
    const int64_t n_class = ATTR_I(c, 0), n = cnn_count(c, 1) / n_class;
    const real   *x = ROWS(c, 0);
    real         *y = ROWS(c, 1);

    if (n_class <= CNN_LANE_CLASSES)
        for (int64_t r = 0; r < n; r += CNN_LANES)
            K(log_softmax_lanes)(n - r < CNN_LANES ? n - r : CNN_LANES, n_class, x + r * n_class,
                                 y + r * n_class);
    else
        for (int64_t r = 0; r < n; r++)
            K(log_softmax_group)(n_class, x + r * n_class, y + r * n_class);
    return CNN_OK;
}

static cnn_status K(log_softmax_grad)(const cnn_call *c)
{
    const int64_t n_class = ATTR_I(c, 0), n = cnn_count(c, 1) / n_class;
    const real   *y = ROWS(c, 1), *dy = ROWS(c, 2);
    real         *dx = ROWS(c, 3);
    const int     add = c->step->accumulate;

    for (int64_t r = 0; r < n; r++, y += n_class, dy += n_class, dx += n_class) {
        const real sum = (real)K(cnn_sum)(n_class, dy);
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
