/* grouped_dense - y_go = sum_i x_gi w_gio: a layer without bias for each group of numbers.
 *
 *   x (..., G, I)   w (G, I, O)   y (..., G, O); every axis of x before these counts as rows
 *   forward  operands: x, w, y
 *   gradient operands: x, w, y, dy, dx or dw
 *   gradient:  dx_g = dy_g w_g^T,  dw_g = x_g^T dy_g, summed over the rows
 *   units of dw: groups
 *   NaN:       propagates within its group: in y and dx within its row, in dw to all rows of w.
 *   A group is one product over all rows, whose rows lie as far apart as those of x.
 */
#include "cnn_op.h"

#ifdef real
#include "gemm/cnn_gemm.h"

/* Rows of x in n batch rows. */
static int64_t K(n_rows)(const cnn_call *c, int64_t n)
{
    const cnn_tensor *w = OPERAND(c, 1);
    return n * (OPERAND(c, 0)->size / (w->dim[0] * w->dim[1]));
}

/* The products of the groups [begin, end): one group on, the operands begin so many elements on. */
static cnn_status K(each_group)(const cnn_call *c, cnn_product p, int64_t begin, int64_t end,
                                int64_t step_a, int64_t step_b, int64_t step_c)
{
    const real *a = p.a, *b = p.b;
    real       *to = p.c;
    cnn_status  status = CNN_OK;
    for (int64_t g = begin; g < end && status == CNN_OK; g++) {
        p.a = a + g * step_a, p.b = b + g * step_b, p.c = to + g * step_c;
        status = K(cnn_gemm)(&p, c->scratch);
    }
    return status;
}

static cnn_status K(grouped_dense_forward)(const cnn_call *c)
{
    const int64_t *w = OPERAND(c, 1)->dim, n_group = w[0], n_in = w[1], n_out = w[2];
    const cnn_product p = {.m = K(n_rows)(c, c->end - c->begin), .n = n_out, .k = n_in,
                           .a = ROWS(c, 0), .lda = n_group * n_in,
                           .b = OPERAND(c, 1)->data, .ldb = n_out,
                           .c = ROWS(c, 2), .ldc = n_group * n_out};
    return K(each_group)(c, p, 0, n_group, n_in, n_in * n_out, n_out);
}

static cnn_status K(grouped_dense_grad_x)(const cnn_call *c)
{
    const int64_t *w = OPERAND(c, 1)->dim, n_group = w[0], n_in = w[1], n_out = w[2];
    const cnn_product p = {.m = K(n_rows)(c, c->end - c->begin), .n = n_in, .k = n_out,
                           .a = ROWS(c, 3), .lda = n_group * n_out,
                           .b = OPERAND(c, 1)->data, .ldb = n_out, .trans_b = 1,
                           .c = ROWS(c, 4), .ldc = n_group * n_in,
                           .accumulate = c->step->accumulate};
    return K(each_group)(c, p, 0, n_group, n_out, n_in * n_out, n_in);
}

static cnn_status K(grouped_dense_grad_w)(const cnn_call *c)
{
    const int64_t *w = OPERAND(c, 1)->dim, n_group = w[0], n_in = w[1], n_out = w[2];
    const int64_t at = K(n_rows)(c, cnn_first_row(c));
    const cnn_product p = {.m = n_in, .n = n_out, .k = K(n_rows)(c, cnn_n_summed(c, 0)),
                           .a = (const real *)OPERAND(c, 0)->data + at * n_group * n_in,
                           .lda = n_group * n_in, .trans_a = 1,
                           .b = (const real *)OPERAND(c, 3)->data + at * n_group * n_out,
                           .ldb = n_group * n_out,
                           .c = OPERAND(c, 4)->data, .ldc = n_out,
                           .accumulate = c->step->accumulate || at > 0};
    return K(each_group)(c, p, c->begin, c->end, n_in, n_out, n_in * n_out);
}

#else
#define CNN_SELF "ops/grouped_dense.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(grouped_dense, .products = 1, .forward = CNN_TYPED(grouped_dense_forward),
              .grad = {CNN_TYPED(grouped_dense_grad_x), CNN_TYPED(grouped_dense_grad_w)});
#endif
