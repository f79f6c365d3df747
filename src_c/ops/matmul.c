/* matmul - y = a b, products of matrices; the axes before the last two are broadcast together.
 *
 *   a (..., N, K)   b (..., K, M)   y (..., N, M); a vector a has N = 1, a vector b M = 1
 *   attributes: the axes of a row, see cnn_pairs.h; then N, K, M
 *   forward  operands: a, b, y
 *   gradient operands: a, b, y, dy, da or db
 *   gradient:  da = dy b^T and db = a^T dy, added up over the axes where the operand is repeated
 *   NaN:       propagates within its row and column.
 *   Where b is repeated along the axis before N, that axis and N count as one: one product.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_pairs.h"
#include "gemm/cnn_gemm.h"

/* The axes, with one of them taken into the rows of a if possible; returns these rows. */
static int64_t K(read_products)(const cnn_call *c, int is_gradient, cnn_axes *s)
{
    const int64_t n = CNN_PAIR_ATTR(c, 0).i, k = CNN_PAIR_ATTR(c, 1).i;
    cnn_read_pairs(c, is_gradient, s);
    const cnn_axis in = s->axis[s->n - 1];
    if (in.b != 0 || in.a != n * k)
        return n;
    s->n--;
    return in.n * n;
}

static cnn_status K(matmul_forward)(const cnn_call *c)
{
    const int64_t k = CNN_PAIR_ATTR(c, 1).i, m = CNN_PAIR_ATTR(c, 2).i;
    const int64_t y_size = CNN_PAIR_ATTR(c, 0).i * m;
    const real   *a = ROWS(c, 0), *b = ROWS(c, 1);
    real         *y = ROWS(c, 2);
    cnn_point      at = {0};
    cnn_axes      s;
    cnn_status    status;
    const int64_t rows = K(read_products)(c, 0, &s);

    do {
        const cnn_product p = {.m = rows, .n = m, .k = k, .a = a + at.a, .lda = k,
                               .b = b + at.b, .ldb = m, .c = y + at.dense * y_size, .ldc = m};
        status = K(cnn_gemm)(&p, c->scratch);
    } while (status == CNN_OK && cnn_next(s.n, s.axis, &at));
    return status;
}

static cnn_status K(matmul_grad_a)(const cnn_call *c)
{
    const int64_t k = CNN_PAIR_ATTR(c, 1).i, m = CNN_PAIR_ATTR(c, 2).i;
    const int64_t y_size = CNN_PAIR_ATTR(c, 0).i * m;
    const real   *b = ROWS(c, 1), *dy = ROWS(c, 3);
    real         *da = ROWS(c, 4);
    cnn_point      at = {0};
    cnn_axes      s;
    cnn_status    status;
    const int64_t rows = K(read_products)(c, 1, &s);

    do {
        const cnn_product p = {.m = rows, .n = k, .k = m, .a = dy + at.dense * y_size, .lda = m,
                               .b = b + at.b, .ldb = m, .trans_b = 1, .c = da + at.a, .ldc = k,
                               .lone = rows == 1 && cnn_n_row(c, 3) == 1,
                               .accumulate = c->step->accumulate || cnn_is_repeated(&s, &at, 0)};
        status = K(cnn_gemm)(&p, c->scratch);
    } while (status == CNN_OK && cnn_next(s.n, s.axis, &at));
    return status;
}

static cnn_status K(matmul_grad_b)(const cnn_call *c)
{
    const int64_t k = CNN_PAIR_ATTR(c, 1).i, m = CNN_PAIR_ATTR(c, 2).i;
    const int64_t y_size = CNN_PAIR_ATTR(c, 0).i * m;
    const real   *a = ROWS(c, 0), *dy = ROWS(c, 3);
    real         *db = ROWS(c, 4);
    cnn_point      at = {0};
    cnn_axes      s;
    cnn_status    status;
    const int64_t rows = K(read_products)(c, 1, &s);

    do {
        const cnn_product p = {.m = k, .n = m, .k = rows, .a = a + at.a, .lda = k, .trans_a = 1,
                               .b = dy + at.dense * y_size, .ldb = m, .c = db + at.b, .ldc = m,
                               .accumulate = c->step->accumulate || cnn_is_repeated(&s, &at, 1)};
        status = K(cnn_gemm)(&p, c->scratch);
    } while (status == CNN_OK && cnn_next(s.n, s.axis, &at));
    return status;
}

#else
#define CNN_SELF "ops/matmul.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(matmul, .products = 1, .forward = CNN_TYPED(matmul_forward),
              .grad = {CNN_TYPED(matmul_grad_a), CNN_TYPED(matmul_grad_b)});
#endif
