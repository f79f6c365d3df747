/* row_mean - y = sum_r w_r l_r / sum_r w_r over the rows of the batch; NaN where sum w is 0.
 *
 *   B is the batch, or a fixed number of rows where l has no batch axis.
 *
 *   attributes: 1 for y = sum_r w_r l_r / B
 *   forward  operands: l (B,), [w (B,)], total (2,) float64, y ()
 *   gradient operands: l, [w], total, y, dy (), dl or dw (B,)
 *   total:     sum w l, sum w (or B), added up in double; without w every weight is 1
 *   gradient:  dl_r = w_r dy / sum w,  dw_r = (l_r - mean) dy / sum w;  0 where sum w is 0
 *              (or dl_r = w_r dy / B,  dw_r = l_r dy / B)
 *   NaN:       propagates, but not from a row of weight 0: it adds nothing, whatever l holds.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_reduce.h"

static int64_t K(row_mean_rows)(const cnn_call *c)
{
    return OPERAND(c, 0)->stride ? c->n_row : OPERAND(c, 0)->size;
}

static cnn_status K(row_mean_forward)(const cnn_call *c)
{
    const int64_t n_row = K(row_mean_rows)(c);
    const int     weighted = c->step->n_operand == 4;
    const real   *l = OPERAND(c, 0)->data, *w = weighted ? OPERAND(c, 1)->data : NULL;
    double       *total = OPERAND(c, 1 + weighted)->data;
    real         *y = OPERAND(c, 2 + weighted)->data;

    total[0] = w ? K(cnn_weighted_sum)(n_row, l, w) : K(cnn_sum)(n_row, l);
    total[1] = w && !ATTR_I(c, 0) ? K(cnn_sum)(n_row, w) : (double)n_row;
    y[0] = total[1] != 0 ? (real)(total[0] / total[1]) : (real)NAN;
    return CNN_OK;
}

static cnn_status K(row_mean_grad_l)(const cnn_call *c)
{
    const int     weighted = c->step->n_operand == 6;
    const real   *w = weighted ? OPERAND(c, 1)->data : NULL;
    const double *total = OPERAND(c, 1 + weighted)->data;
    const double  dy = *(const real *)OPERAND(c, 3 + weighted)->data;
    real         *dl = OPERAND(c, 4 + weighted)->data;
    const real    k = total[1] != 0 ? (real)cnn_flow_f64(dy, dy / total[1]) : 0;
    const int     add = c->step->accumulate;
    const int64_t n_row = K(row_mean_rows)(c);

    CNN_IVDEP
    for (int64_t r = 0; r < n_row; r++)
        dl[r] = (add ? dl[r] : 0) + (w ? CNN_FLOW(k, CNN_FLOW(w[r], k * w[r])) : k);
    return CNN_OK;
}

static cnn_status K(row_mean_grad_w)(const cnn_call *c)
{
    const real   *l = OPERAND(c, 0)->data;
    const double *total = OPERAND(c, 2)->data;
    const double  dy = *(const real *)OPERAND(c, 4)->data;
    real         *dw = OPERAND(c, 5)->data;
    const double  k = total[1] != 0 ? cnn_flow_f64(dy, dy / total[1]) : 0;
    const double  mean = total[1] != 0 && !ATTR_I(c, 0) ? total[0] / total[1] : 0;
    const int     add = c->step->accumulate;
    const int64_t n_row = K(row_mean_rows)(c);

    CNN_IVDEP
    for (int64_t r = 0; r < n_row; r++)
        dw[r] = (add ? dw[r] : 0) + (real)cnn_flow_f64(k, k * ((double)l[r] - mean));
    return CNN_OK;
}

#else
#define CNN_SELF "ops/row_mean.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(row_mean, .forward = CNN_TYPED(row_mean_forward),
              .grad = {CNN_TYPED(row_mean_grad_l), CNN_TYPED(row_mean_grad_w)});
#endif
