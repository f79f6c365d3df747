/* metric_top_k - y += (sum_r w_r hit_r, sum_r w_r), where hit_r is 1 if fewer than k classes
 * come before the label when the scores of row r are sorted from the largest, equals in order.
 *
 *   attributes: k, the label to ignore (CNN_NO_LABEL: none)
 *   operands:   z (B, C), t (B,) int32, [w (B,)], y (2,) float64; without w every weight is 1
 *   An ignored row counts nothing.  Any other label outside [0, C) is an error, found before
 *   anything is written.
 *   gradient:   none.  NaN: comes before every number, so a row of NaN has no hit for k < C.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_labels.h"
#include "cnn_rank.h"

static cnn_status K(metric_top_k_forward)(const cnn_call *c)
{
    const int      weighted = c->step->n_operand == 4;
    const int64_t  n_class = OPERAND(c, 0)->size, k = ATTR_I(c, 0), ignored = ATTR_I(c, 1);
    const real    *z = OPERAND(c, 0)->data, *w = weighted ? OPERAND(c, 2)->data : NULL;
    const int32_t *t = OPERAND(c, 1)->data;
    double        *y = OPERAND(c, 2 + weighted)->data, hits = 0, total = 0;
    const cnn_status status = cnn_check_labels(c, c->n_row, t, n_class, ignored);

    if (status != CNN_OK)
        return status;
    for (int64_t r = 0; r < c->n_row; r++, z += n_class) {
        if (t[r] == ignored)
            continue;
        const double weight = w ? (double)w[r] : 1;
        hits += K(cnn_rank)(n_class, z, t[r]) < k ? weight : 0;
        total += weight;
    }
    y[0] += hits;
    y[1] += total;
    return CNN_OK;
}

#else
#define CNN_SELF "ops/metric_top_k.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(metric_top_k, .forward = CNN_TYPED(metric_top_k_forward));
#endif
