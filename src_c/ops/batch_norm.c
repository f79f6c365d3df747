/* batch_norm - y = (x - mean) / sqrt(var + eps) scale + shift, each column over the whole batch.
 *
 *   x, y (..., C)   scale, shift (C,)   mean, variance (C,), the running ones, may be absent
 *   All axes but the last count as rows: M of them.  u = (x - mean) r with r = 1 / sqrt(var + eps)
 *   attributes: C, the rows of a row of the batch, eps, momentum, 1 if the statistics are those of
 *               the batch, 0 if the running ones
 *   statistics operands: [x], scale, shift, [mean, variance], moments, saved
 *   forward    operands: x, scale, shift, [mean, variance], moments, saved, y
 *   sums       operands: the same, sums, y, dy
 *   grad[0]    operands: the same, and dx
 *   grad[1]    operands: sums, d(scale) or d(shift)
 *   update     operands: mean, variance, moments, saved
 *   moments:   the batch's mean and its unbiased variance, a row of C each
 *   saved:     m, a, b, r, e: y = (x - m) a + b and u = (x - m) r + e
 *   sums:      sum dy u, sum dy, and what dx = dy a + (x - m) p + q takes: a, p, q
 *   gradients: dscale = sum dy u, dshift = sum dy, dx = scale r (dy - (sum dy + u sum dy u) / M),
 *              without what is in brackets where the statistics are the running ones.  0 in a
 *              column whose dy are all 0
 *   update:    running += momentum (batch - running), with PyTorch's momentum
 *   numerics:  means and squares of BLOCK rows about their own mean, merged in double: one pass, and
 *              a large mean costs no digits
 *   errors:    CNN_ERR_FEW_ROWS, M, where the batch has one row
 *   NaN:       propagates within its column.  A column of equal numbers gives shift.
 *   source:    Ioffe, Szegedy 2015; merging: Chan, Golub, LeVeque 1983
 */
#include "cnn_op.h"

#ifdef real

/* Rows of x, of the whole batch. */
static int64_t K(n_rows)(const cnn_call *c)
{
    return cnn_n_row(c, 0) * ATTR_I(c, 1);
}

/* Means, in `mean`, and sums of squares about them, in `square`, of n columns of m rows. */
static void K(moments)(int64_t m, int64_t n, int64_t width, const real *x, double *mean,
                       double *square)
{
    for (int64_t i = 0; i < m; i += BLOCK, x += BLOCK * width) {
        const int64_t rows = m - i < BLOCK ? m - i : BLOCK;
        const real    part = 1 / (real)rows;
        const double  all = (double)(i + rows), old = (double)i / all;
        real          about[COLUMNS] = {0}, sum[COLUMNS] = {0}, squares[COLUMNS] = {0};

        for (int64_t r = 0; r < rows; r++) {
            CNN_IVDEP
            for (int64_t l = 0; l < n; l++)
                about[l] += x[r * width + l];
        }
        for (int64_t l = 0; l < n; l++)
            about[l] *= part;
        for (int64_t r = 0; r < rows; r++) {
            CNN_IVDEP
            for (int64_t l = 0; l < n; l++) {
                const real d = x[r * width + l] - about[l];
                sum[l] += d;
                squares[l] += d * d;
            }
        }
        CNN_IVDEP
        for (int64_t l = 0; l < n; l++) {
            const double rest = (double)sum[l] / (double)rows;
            const double off = (double)about[l] + rest - mean[l];
            square[l] += (double)squares[l] + (double)rows * (off * off * old - rest * rest);
            mean[l] += off * ((double)rows / all);
        }
    }
}

/* What is saved of column j, from its mean and its biased variance. */
CNN_COLD
static void K(save)(const cnn_call *c, int64_t j, double mean, double variance, const real *scale,
                    const real *shift, real *saved)
{
    const int64_t width = ATTR_I(c, 0);
    const real    m = (real)mean;
    const double  rest = mean - (double)m;
    const double  r = 1 / sqrt((variance < 0 ? 0 : variance) + ATTR_F(c, 2));
    const double  a = r * (double)scale[j];
    saved[j] = m;
    saved[width + j] = (real)a;
    saved[2 * width + j] = (real)((double)shift[j] - rest * a);
    saved[3 * width + j] = (real)r;
    saved[4 * width + j] = (real)(-rest * r);
}

static cnn_status K(batch_norm_statistics)(const cnn_call *c)
{
    const int     of_batch = (int)ATTR_I(c, 4), last = c->step->n_operand - 1;
    const int64_t width = ATTR_I(c, 0), m = of_batch ? K(n_rows)(c) : 1;
    const real   *scale = OPERAND(c, of_batch)->data, *shift = OPERAND(c, of_batch + 1)->data;
    real         *moment = OPERAND(c, last - 1)->data, *saved = OPERAND(c, last)->data;

    if (!of_batch) {
        const real *mean = OPERAND(c, 2)->data, *variance = OPERAND(c, 3)->data;
        for (int64_t j = c->begin; j < c->end; j++)
            K(save)(c, j, (double)mean[j], (double)variance[j], scale, shift, saved);
        return CNN_OK;
    }
    if (m < 2) {
        c->fault->index = m;
        return CNN_ERR_FEW_ROWS;
    }
    for (int64_t j = c->begin; j < c->end; j += COLUMNS) {
        const int64_t n = c->end - j < COLUMNS ? c->end - j : COLUMNS;
        double        mean[COLUMNS] = {0}, square[COLUMNS] = {0};
        K(moments)(m, n, width, (const real *)OPERAND(c, 0)->data + j, mean, square);
        for (int64_t l = 0; l < n; l++) {
            K(save)(c, j + l, mean[l], square[l] / (double)m, scale, shift, saved);
            moment[j + l] = (real)mean[l];
            moment[width + j + l] = (real)(square[l] / (double)(m - 1));
        }
    }
    return CNN_OK;
}

static cnn_status K(batch_norm_forward)(const cnn_call *c)
{
    const int     last = c->step->n_operand - 1;
    const int64_t width = ATTR_I(c, 0), m = (c->end - c->begin) * ATTR_I(c, 1);
    const real   *x = ROWS(c, 0), *mean = OPERAND(c, last - 1)->data;
    const real   *a = mean + width, *b = a + width;
    real         *y = ROWS(c, last);

    for (int64_t r = 0; r < m; r++, x += width, y += width) {
        CNN_IVDEP
        for (int64_t j = 0; j < width; j++)
            y[j] = (x[j] - mean[j]) * a[j] + b[j];
    }
    return CNN_OK;
}

/* The sums of dy and of dy (x - mean), of n columns of m rows. */
static void K(dy_sums)(int64_t m, int64_t n, int64_t width, const real *x, const real *mean,
                       const real *dy, double *of_dy, double *of_dyx)
{
    for (int64_t i = 0; i < m; i += BLOCK) {
        const int64_t end = m - i < BLOCK ? m : i + BLOCK;
        real          sum[COLUMNS] = {0}, along[COLUMNS] = {0};
        for (int64_t r = i; r < end; r++) {
            CNN_IVDEP
            for (int64_t l = 0; l < n; l++) {
                const real d = dy[r * width + l];
                sum[l] += d;
                along[l] += CNN_FLOW(d, d * (x[r * width + l] - mean[l]));
            }
        }
        CNN_IVDEP
        for (int64_t l = 0; l < n; l++) {
            of_dy[l] += (double)sum[l];
            of_dyx[l] += (double)along[l];
        }
    }
}

CNN_COLD
static int K(is_zero)(int64_t m, int64_t width, const real *dy)
{
    int some = 0;
    for (int64_t r = 0; r < m; r++)
        some |= dy[r * width] != 0;
    return !some;
}

static cnn_status K(batch_norm_sums)(const cnn_call *c)
{
    const int     last = c->step->n_operand - 1, of_batch = (int)ATTR_I(c, 4);
    const int64_t width = ATTR_I(c, 0), m = K(n_rows)(c);
    const real   *x = OPERAND(c, 0)->data, *dy = OPERAND(c, last)->data;
    const real   *mean = OPERAND(c, last - 3)->data;
    const real   *scaled = mean + width, *inverse = mean + 3 * width, *rest = mean + 4 * width;
    real         *to = OPERAND(c, last - 2)->data;

    for (int64_t j = c->begin; j < c->end; j += COLUMNS) {
        const int64_t n = c->end - j < COLUMNS ? c->end - j : COLUMNS;
        double        of_dy[COLUMNS] = {0}, of_dyx[COLUMNS] = {0};
        K(dy_sums)(m, n, width, x + j, mean + j, dy + j, of_dy, of_dyx);
        for (int64_t l = 0; l < n; l++) {
            const int64_t k = j + l;
            double        a = (double)scaled[k], along;
            along = of_dyx[l] * (double)inverse[k] + of_dy[l] * (double)rest[k];
            if (!isfinite(along + a) && K(is_zero)(m, width, dy + k))
                a = along = 0;
            const double each = of_batch ? a / (double)m : 0;
            to[k] = (real)along;
            to[width + k] = (real)of_dy[l];
            to[2 * width + k] = (real)a;
            to[3 * width + k] = (real)(-each * (double)inverse[k] * along);
            to[4 * width + k] = (real)(-each * (of_dy[l] + (double)rest[k] * along));
            if (a == 0)
                to[3 * width + k] = to[4 * width + k] = 0;
        }
    }
    return CNN_OK;
}

static cnn_status K(batch_norm_grad_x)(const cnn_call *c)
{
    const int     last = c->step->n_operand - 1, add = c->step->accumulate;
    const int64_t width = ATTR_I(c, 0), m = (c->end - c->begin) * ATTR_I(c, 1);
    const real   *x = ROWS(c, 0), *dy = ROWS(c, last - 1), *mean = OPERAND(c, last - 4)->data;
    const real   *a = (const real *)OPERAND(c, last - 3)->data + 2 * width, *p = a + width;
    const real   *q = p + width;
    real         *dx = ROWS(c, last);

    for (int64_t r = 0; r < m; r++, x += width, dy += width, dx += width) {
        CNN_IVDEP
        for (int64_t j = 0; j < width; j++)
            dx[j] = (add ? dx[j] : 0) + CNN_FLOW(a[j], dy[j] * a[j] + ((x[j] - mean[j]) * p[j] + q[j]));
    }
    return CNN_OK;
}

/* dscale, or dshift. */
CNN_COLD
static cnn_status K(batch_norm_grad_vector)(const cnn_call *c)
{
    const int64_t width = ATTR_I(c, 0);
    const real   *sum = (const real *)OPERAND(c, 0)->data + (c->step->wrt - 1) * width;
    real         *d = OPERAND(c, 1)->data;
    for (int64_t j = 0; j < width; j++)
        d[j] = (c->step->accumulate ? d[j] : 0) + sum[j];
    return CNN_OK;
}

CNN_COLD
static cnn_status K(batch_norm_update)(const cnn_call *c)
{
    const int64_t width = ATTR_I(c, 0);
    const real    momentum = (real)ATTR_F(c, 3);
    for (int i = 0; i < 2; i++) {
        const real *moment = (const real *)OPERAND(c, 2)->data + i * width;
        real       *running = OPERAND(c, i)->data;
        for (int64_t j = 0; j < width; j++)
            running[j] = (1 - momentum) * running[j] + momentum * moment[j];
    }
    return CNN_OK;
}

#else
#define BLOCK   32      /* rows that are added up before they go to double */
#define COLUMNS 64      /* that are worked on together */

#define CNN_SELF "ops/batch_norm.c"
#include "cnn_instantiate.h"

static const cnn_more more = {.statistics = CNN_TYPED(batch_norm_statistics),
                              .sums = CNN_TYPED(batch_norm_sums),
                              .update = CNN_TYPED(batch_norm_update)};
CNN_DEFINE_OP(batch_norm, .forward = CNN_TYPED(batch_norm_forward), .more = &more,
              .grad = {CNN_TYPED(batch_norm_grad_x), CNN_TYPED(batch_norm_grad_vector)});
#endif
