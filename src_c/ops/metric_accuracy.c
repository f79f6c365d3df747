/* metric_accuracy - y += (sum_r w_r right_r, sum_r w_r), where right_r is the part of row r's
 * elements whose score z falls on the same side as the target t: (z > at) == (t > middle).
 * With k of at least 1, right_r is 1 where the first largest element of t is at the place of one
 * of the k largest of z.
 *
 *   attributes: k, or 0 for sides; at; middle
 *   operands:   z (B, ...), t (as many elements to a row) real, or int32 (B,) for rows of one
 *               element, [w (B,)], y (2,) float64; without w every weight is 1
 *   int32 targets are compared with 1/2; other ones than 0 and 1 are an error, found before anything is written.
 *   gradient:   none.  NaN: z is at no side and never right; a NaN target counts as 0.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_labels.h"
#include "cnn_rank.h"

static double K(right_sides)(int64_t n, const real *z, const real *t, real at, real middle)
{
    int64_t right = 0;
    for (int64_t i = 0; i < n; i++)
        right += t[i] > middle ? z[i] > at : z[i] <= at;
    return (double)right / (double)n;
}

static double K(right_largest)(int64_t n, const real *z, const real *t, int64_t k)
{
    int64_t largest = 0;
    for (int64_t i = 1; i < n; i++)
        largest = t[i] > t[largest] ? i : largest;
    return K(cnn_rank)(n, z, largest) < k;
}

static cnn_status K(metric_accuracy_forward)(const cnn_call *c)
{
    const int      weighted = c->step->n_operand == 4, labels = OPERAND(c, 1)->dtype == CNN_I32;
    const int64_t  size = OPERAND(c, 0)->size, k = ATTR_I(c, 0);
    const real    *z = OPERAND(c, 0)->data, *w = weighted ? OPERAND(c, 2)->data : NULL;
    const real    *t = labels ? NULL : OPERAND(c, 1)->data;
    const int32_t *label = labels ? OPERAND(c, 1)->data : NULL;
    const real     at = (real)ATTR_F(c, 1), middle = labels ? (real)0.5 : (real)ATTR_F(c, 2);
    double        *y = OPERAND(c, 2 + weighted)->data, sum = 0, total = 0;
    const cnn_status status =
        labels ? cnn_check_labels(c, c->n_row, label, 2, CNN_NO_LABEL) : CNN_OK;

    if (status != CNN_OK)
        return status;
    for (int64_t r = 0; r < c->n_row; r++) {
        const double weight = w ? (double)w[r] : 1;
        const real   own = labels ? (real)label[r] : 0, *target = labels ? &own : t + r * size;
        sum += weight * (k ? K(right_largest)(size, z + r * size, target, k)
                           : K(right_sides)(size, z + r * size, target, at, middle));
        total += weight;
    }
    y[0] += sum;
    y[1] += total;
    return CNN_OK;
}

#else
#define CNN_SELF "ops/metric_accuracy.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(metric_accuracy, .forward = CNN_TYPED(metric_accuracy_forward));
#endif
