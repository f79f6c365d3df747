/* metric_r2 - what R^2 = 1 - sum w (t - p)^2 / sum w (t - mean t)^2 needs, per column.
 *
 *   operands:  p (B, ...), t (as many elements to a row, N), [w (B,)], y (4, N) float64;
 *              without w every weight is 1
 *   y:         sum w, mean of t, sum w (t - mean)^2, sum w (t - p)^2.  The mean and the squares
 *              about it are taken of the batch and merged with those of the batches before:
 *              a difference of large sums is never formed
 *   gradient:  none.  NaN: propagates within its column, but not from a row of weight 0.
 *   source:    Chan, Golub, LeVeque 1983
 */
#include "cnn_op.h"

#ifdef real

static cnn_status K(metric_r2_forward)(const cnn_call *c)
{
    const int     weighted = c->step->n_operand == 4;
    const int64_t size = OPERAND(c, 0)->size;
    const real   *w = weighted ? OPERAND(c, 2)->data : NULL;
    double       *y = OPERAND(c, 2 + weighted)->data;

    for (int64_t j = 0; j < size; j++, y++) {
        const real *p = (const real *)OPERAND(c, 0)->data + j;
        const real *t = (const real *)OPERAND(c, 1)->data + j;
        double      weight = 0, sum = 0, squares = 0, residual = 0;
        for (int64_t r = 0; r < c->n_row; r++) {
            const double k = w ? (double)w[r] : 1;
            weight += k;
            sum += cnn_flow_f64(k, k * (double)t[r * size]);
        }
        if (weight == 0)
            continue;
        const double mean = sum / weight;
        for (int64_t r = 0; r < c->n_row; r++) {
            const double k = w ? (double)w[r] : 1, at = (double)t[r * size];
            const double off = at - (double)p[r * size];
            squares += cnn_flow_f64(k, k * (at - mean) * (at - mean));
            residual += cnn_flow_f64(k, k * off * off);
        }
        const double all = y[0] + weight, shift = mean - y[size];
        y[2 * size] += squares + shift * shift * (y[0] * weight / all);
        y[size] += shift * (weight / all);
        y[3 * size] += residual;
        y[0] = all;
    }
    return CNN_OK;
}

#else
#define CNN_SELF "ops/metric_r2.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(metric_r2, .forward = CNN_TYPED(metric_r2_forward));
#endif
