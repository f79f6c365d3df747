/* cumsum - y_i = x_0 + ... + x_i along one axis.
 *
 *   attributes: the length of the axis (0: the batch axis), the elements from one of its entries
 *               to the next
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx_i = dy_i + ... + dy_last
 *   NaN:       propagates to all that follow.  Sums are formed in double.
 */
#include "cnn_op.h"

#ifdef real

/* to (+)= the running sums of from, from the first entry or backwards from the last. */
static void K(run)(const cnn_call *c, const real *from, real *to, int backwards, int add)
{
    const int64_t n = ATTR_I(c, 0) ? ATTR_I(c, 0) : c->n_row, inner = ATTR_I(c, 1);
    const int64_t n_outer = cnn_count(c, 1) / (n * inner), step = backwards ? -inner : inner;
    double        sum[WIDTH];

    for (int64_t o = 0; o < n_outer; o++)
        for (int64_t j = 0; j < inner; j += WIDTH) {
            const int64_t width = inner - j < WIDTH ? inner - j : WIDTH;
            int64_t       at = (o * n + (backwards ? n - 1 : 0)) * inner + j;
            for (int64_t l = 0; l < width; l++)
                sum[l] = 0;
            for (int64_t i = 0; i < n; i++, at += step) {
                CNN_IVDEP
                for (int64_t l = 0; l < width; l++) {
                    sum[l] += (double)from[at + l];
                    to[at + l] = (real)((add ? to[at + l] : 0) + sum[l]);
                }
            }
        }
}

static cnn_status K(cumsum_forward)(const cnn_call *c)
{
    K(run)(c, ROWS(c, 0), ROWS(c, 1), 0, 0);
    return CNN_OK;
}

static cnn_status K(cumsum_grad)(const cnn_call *c)
{
    K(run)(c, ROWS(c, 2), ROWS(c, 3), 1, c->step->accumulate);
    return CNN_OK;
}

#else
#define WIDTH 64     /* neighbouring sums that are formed together */

#define CNN_SELF "ops/cumsum.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(cumsum, .forward = CNN_TYPED(cumsum_forward), .grad = {CNN_TYPED(cumsum_grad)});
#endif
