/* weight_grad - y = sum_t x_t^T dy_t, the gradient of a weight that several dense nodes share.
 *
 *   x_t (..., I)   dy_t (..., O)   y (I, O); nothing is batched
 *   saved: all x_t one after the other, and all dy_t
 *   forward operands: x_0, dy_0, x_1, dy_1, ..., saved x, saved dy, y
 *   It adds to y where the step says so.  One product over all rows passes over y once, where the
 *   products one by one would pass over it once each: in a network unrolled over time, y is larger
 *   than all of them.  The sums have the order that they would have one by one, to the bit.
 *   NaN:    propagates within its row and column.
 */
#include "cnn_op.h"
#include "gemm/cnn_gemm.h"

#ifdef real

/* Every second operand, from `first` on, one after the other. */
static const real *K(pack)(const cnn_call *c, int first, int target)
{
    real *to = OPERAND(c, target)->data;
    for (int i = first; i < c->step->n_operand - 3; i += 2) {
        memcpy(to, OPERAND(c, i)->data, (size_t)OPERAND(c, i)->size * sizeof(real));
        to += OPERAND(c, i)->size;
    }
    return OPERAND(c, target)->data;
}

static cnn_status K(weight_grad_forward)(const cnn_call *c)
{
    const int     n = c->step->n_operand;
    const int64_t n_in = OPERAND(c, n - 1)->dim[0], n_out = OPERAND(c, n - 1)->dim[1];
    cnn_product   p = {.m = n_in, .n = n_out, .k = OPERAND(c, n - 3)->size / n_in,
                       .lda = n_in, .trans_a = 1, .ldb = n_out,
                       .c = OPERAND(c, n - 1)->data, .ldc = n_out,
                       .accumulate = c->step->accumulate};
    if (!c->scratch.need) {
        p.a = K(pack)(c, 0, n - 3);
        p.b = K(pack)(c, 1, n - 2);
    }
    return K(cnn_gemm)(&p, c->scratch);
}

#else
#define CNN_SELF "ops/weight_grad.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(weight_grad, .products = 1, .forward = CNN_TYPED(weight_grad_forward));
#endif
