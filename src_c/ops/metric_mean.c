/* metric_mean - y += (sum_r w_r x_r, sum_r w_r) over the rows of the batch.
 *
 *   operands:  x (B,), [w (B,)], y (2,) float64; without w every weight is 1
 *   gradient:  none.  NaN: propagates, but not from a row of weight 0, whatever x holds.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_reduce.h"

static cnn_status K(metric_mean_forward)(const cnn_call *c)
{
    const int   weighted = c->step->n_operand == 3;
    const real *x = OPERAND(c, 0)->data, *w = weighted ? OPERAND(c, 1)->data : NULL;
    double     *y = OPERAND(c, 1 + weighted)->data;

    y[0] += w ? K(cnn_weighted_sum)(c->n_row, x, w) : K(cnn_sum)(c->n_row, x);
    y[1] += w ? K(cnn_sum)(c->n_row, w) : (double)c->n_row;
    return CNN_OK;
}

#else
#define CNN_SELF "ops/metric_mean.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(metric_mean, .forward = CNN_TYPED(metric_mean_forward));
#endif
