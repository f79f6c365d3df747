/* label_weight - y_r = 0 where the label t_r is the ignored one, else w_r, or 1 without w.
 *
 *   attributes: the label to ignore
 *   forward  operands: t (B,) int32, [w (B,)], y (B,)
 *   gradient operands: t, w, y, dy (B,), dw (B,)
 *   gradient:  dw_r = 0 where t_r is ignored, else dy_r
 *   NaN:       propagates, but not from the weight of an ignored row.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_labels.h"

static cnn_status K(label_weight_forward)(const cnn_call *c)
{
    const int      weighted = c->step->n_operand == 3;
    const int32_t *restrict t = LABELS(c, 0);
    const real    *restrict w = weighted ? ROWS(c, 1) : NULL;
    real          *restrict y = ROWS(c, 1 + weighted);
    const int64_t  ignored = ATTR_I(c, 0);

    for (int64_t r = 0; r < c->end - c->begin; r++)
        y[r] = t[r] == ignored ? 0 : w ? w[r] : 1;
    return CNN_OK;
}

static cnn_status K(label_weight_grad)(const cnn_call *c)
{
    const int32_t *t = LABELS(c, 0);
    const real    *dy = ROWS(c, 3);
    real          *dw = ROWS(c, 4);
    const int64_t  ignored = ATTR_I(c, 0);
    const int      add = c->step->accumulate;

    CNN_IVDEP
    for (int64_t r = 0; r < c->end - c->begin; r++)
        dw[r] = (add ? dw[r] : 0) + (t[r] == ignored ? 0 : dy[r]);
    return CNN_OK;
}

#else
#define CNN_SELF "ops/label_weight.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(label_weight, .forward = CNN_TYPED(label_weight_forward),
              .grad = {CNN_TYPED(label_weight_grad)});
#endif
