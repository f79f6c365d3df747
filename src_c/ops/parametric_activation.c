/* parametric_activation - y = x + a (f(x) - x), over the last axis; f selu or mish.
 *
 *   x (..., N)   a (N,)   y (..., N)
 *   attributes: N, rows of N in a batch row T, f: 0 selu, 1 mish; then 0 (see cnn_row_norm.h)
 *   forward  operands: x, a, y
 *   grad[0]  operands: x, a, [rest, blocks], y, dy, dx
 *   sums     operands: x, a, rest, blocks, y, dy
 *   grad[1]  operands: rest, blocks, da
 *   gradients:  dx = (1 + a (f'(x) - 1)) dy    da = sum dy (f(x) - x)    both 0 where dy is 0
 *               both in one pass; sums over blocks of rows: see cnn_row_norm.h
 *   NaN:        propagates.  Infinities give NaN.
 *   source:     Holzmueller, Grinsztajn, Steinwart 2024
 */
#include "cnn_row_norm.h"

#ifdef real
#include "math/cnn_math.h"
#include "math/cnn_mish.h"

#define PIECE              256      /* columns at a time */
#define SELU_S             ((real)1.0507009873554804934)
#define SELU_S_ALPHA       ((real)1.7580993408473768600)
#define SELU(x)            ((x) > 0 ? SELU_S * (x) : SELU_S_ALPHA * K(cnn_expm1)(x))
#define SELU_SLOPE(x, f)   ((x) > 0 ? SELU_S : (f) + SELU_S_ALPHA)
#define MISH(x)            K(cnn_mish)(x)
#define MISH_SLOPE(x, f)   ((void)(f), K(cnn_mish_grad)(x))

#define FORWARD(F)                                                                           \
    for (int64_t i = 0; i < end; i++, x += n, y += n) {                                      \
        CNN_IVDEP                                                                            \
        for (int64_t j = 0; j < n; j++)                                                      \
            y[j] = x[j] + a[j] * (F(x[j]) - x[j]);                                           \
    }

static cnn_status K(parametric_activation_forward)(const cnn_call *c)
{
    const int64_t n = ATTR_I(c, 0), end = (c->end - c->begin) * ATTR_I(c, 1);
    const real   *x = ROWS(c, 0), *a = OPERAND(c, 1)->data;
    real         *y = ROWS(c, 2);
    if (ATTR_I(c, 2))
        FORWARD(MISH)
    else
        FORWARD(SELU)
    return CNN_OK;
}

#define GRAD(F, SLOPE)                                                                       \
    CNN_IVDEP                                                                                \
    for (int64_t j = 0; j < n; j++) {                                                        \
        const real f = F(x[j]);                                                              \
        sum[j] += CNN_FLOW(dy[j], dy[j] * (f - x[j]));                                       \
        dx[j] = CNN_FLOW(dy[j], dy[j] * (1 + a[j] * (SLOPE(x[j], f) - 1)));                  \
    }

/* One row, of which dx or sum may be NULL: one loop in memory that is thrown away or added. */
static void K(row_grad)(const int64_t n_column, int mish, int add, const real *x, const real *a,
                        const real *dy, real *dx_row, real *sum_row)
{
    real made[PIECE], nowhere[PIECE];
    if (!sum_row)
        memset(nowhere, 0, sizeof(nowhere));
    for (int64_t at = 0; at < n_column; at += PIECE, x += PIECE, a += PIECE, dy += PIECE) {
        const int64_t n = n_column - at < PIECE ? n_column - at : PIECE;
        real         *dx = dx_row && !add ? dx_row + at : made;
        real         *sum = sum_row ? sum_row + at : nowhere;
        if (mish)
            GRAD(MISH, MISH_SLOPE)
        else
            GRAD(SELU, SELU_SLOPE)
        for (int64_t j = 0; dx_row && add && j < n; j++)
            dx_row[at + j] += made[j];
    }
}

static cnn_status K(parametric_activation_grad)(const cnn_call *c)
{
    const int64_t n = ATTR_I(c, 0), t = ATTR_I(c, 1), n_row = cnn_n_row(c, 0) * t;
    const int     more = c->step->n_operand - 4, add = c->step->accumulate;    /* x, a, y, dy */
    const int     dy_at = c->step->n_operand - 1 - (more & 1);
    const real   *x = ROWS(c, 0), *a = OPERAND(c, 1)->data, *dy = ROWS(c, dy_at);
    real         *dx = more & 1 ? ROWS(c, dy_at + 1) : NULL, *sum = NULL;

    for (int64_t i = c->begin * t; i < c->end * t; i++) {
        if (more & 2 && i % CNN_ROW_BLOCK == 0) {
            const int64_t k = i / CNN_ROW_BLOCK;
            sum = i + CNN_ROW_BLOCK > n_row ? OPERAND(c, 2)->data :
                  (real *)OPERAND(c, 3)->data + cnn_row_block(k, t, OPERAND(c, 3)->size, n);
            memset(sum, 0, (size_t)n * sizeof(real));
        }
        K(row_grad)(n, ATTR_I(c, 2) != 0, add, x, a, dy, dx, sum);
        x += n, dy += n, dx = dx ? dx + n : dx;
    }
    return CNN_OK;
}

#else
#define CNN_SELF "ops/parametric_activation.c"
#include "cnn_instantiate.h"
static const cnn_more more_parametric_activation = {.sums = CNN_TYPED(parametric_activation_grad)};
CNN_DEFINE_OP(parametric_activation, .forward = CNN_TYPED(parametric_activation_forward),
              .more = &more_parametric_activation,
              .grad = {CNN_TYPED(parametric_activation_grad), CNN_TYPED(cnn_row_norm_sum)});
#endif
