/* row_coef - y_r = w_r / sum_r w_r over the rows of the batch; all 0 where sum w is 0.
 *
 *   attributes: 1 for y_r = w_r / B
 *   operands:  [w (B,)], y (B,); without w every weight is 1
 *   It is the gradient of row_mean with dy = 1, made before the loss is known, so that a loss
 *   and the gradient of its mean take one pass (cnn_op.fused_loss).
 *   gradient:  none; it stands in for one
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_reduce.h"

static cnn_status K(row_coef_forward)(const cnn_call *c)
{
    const int    weighted = c->step->n_operand == 2;
    const real  *w = weighted ? OPERAND(c, 0)->data : NULL;
    real        *y = OPERAND(c, weighted)->data;
    const double total = w && !ATTR_I(c, 0) ? K(cnn_sum)(c->n_row, w) : (double)c->n_row;
    const real   k = total != 0 ? (real)(1 / total) : 0;

    CNN_IVDEP
    for (int64_t r = 0; r < c->n_row; r++)
        y[r] = w ? k * w[r] : k;
    return CNN_OK;
}

#else
#define CNN_SELF "ops/row_coef.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(row_coef, .forward = CNN_TYPED(row_coef_forward));
#endif
