/* row_norm - the kernels of layer_norm and rms_norm, compiled once for both. */
#include "cnn_row_norm.h"

#ifdef real
#include "cnn_reduce.h"

/* sum[0] = the sum of x - m, sum[1] = that of its squares, in double */
static void K(sums_about)(int64_t n, const real *x, real m, double *sum)
{
    const WIDE minus = W_FILL(-(double)m);
    WIDE       one = W_ZERO(), two = W_ZERO();
    for (int64_t i = 0; i < n; i += CNN_WIDE_LANES) {
        real part[CNN_WIDE_LANES];
        if (n - i < CNN_WIDE_LANES) {
            for (int l = 0; l < CNN_WIDE_LANES; l++)
                part[l] = i + l < n ? x[i + l] : m;
        }
        const WIDE d = W_ADD(W_LOAD(n - i < CNN_WIDE_LANES ? part : x + i), minus);
        one = W_ADD(one, d);
        two = W_FMA(d, d, two);
    }
    sum[0] = W_SUM(one);
    sum[1] = W_SUM(two);
}

/* The sums of g = dy scale and of g (x - m), in double. */
static void K(gradient_sums)(int64_t n, const real *x, real m, const real *scale, const real *dy,
                             double *of_g, double *of_gx)
{
    const WIDE minus = W_FILL(-(double)m);
    WIDE       one = W_ZERO(), two = W_ZERO();
    int64_t    i = 0;
    for (; i + CNN_WIDE_LANES <= n; i += CNN_WIDE_LANES) {
        const WIDE g = W_FMA(W_LOAD(dy + i), W_LOAD(scale + i), W_ZERO());
        one = W_ADD(one, g);
        two = W_FMA(g, W_ADD(W_LOAD(x + i), minus), two);
    }
    if (i < n) {
        const WIDE g = W_FMA(W_LOAD_PART(dy + i, n - i), W_LOAD_PART(scale + i, n - i), W_ZERO());
        one = W_ADD(one, g);
        two = W_FMA(g, W_ADD(W_LOAD_PART(x + i, n - i), minus), two);
    }
    *of_g = W_SUM(one);
    *of_gx = W_SUM(two);
}

CNN_COLD
static int K(is_zero)(int64_t n, const real *dy)
{
    int some = 0;
    for (int64_t j = 0; j < n; j++)
        some |= dy[j] != 0;
    return !some;
}

/* m, r and b of a row.  What rounding the mean to m has lost comes back with b. */
static void K(measure)(const cnn_call *c, int64_t n, const real *x, real *saved)
{
    const double least = ATTR_F(c, 2) < 0 ? sizeof(real) == 8 ? DBL_EPSILON : FLT_EPSILON
                                          : ATTR_F(c, 2);
    const real   m = CENTERED(c) ? (real)(K(cnn_sum)(n, x) / (double)n) : 0;
    double       sum[2];

    K(sums_about)(n, x, m, sum);
    const double rest = CENTERED(c) ? sum[0] / (double)n : 0;
    const double variance = sum[1] / (double)n - rest * rest;
    const double r = 1 / sqrt((variance < 0 ? 0 : variance) + least);
    saved[0] = m, saved[1] = (real)r, saved[2] = (real)(-rest * r);
}

cnn_status K(cnn_row_norm_forward)(const cnn_call *c)
{
    const int64_t n = ATTR_I(c, 0), end = (c->end - c->begin) * ATTR_I(c, 1);
    const int     at = 2 + CENTERED(c);
    const real   *x = ROWS(c, 0), *scale = OPERAND(c, 1)->data;
    const real   *shift = CENTERED(c) ? OPERAND(c, 2)->data : NULL;
    real         *saved = ROWS(c, at), *y = ROWS(c, at + 1);

    for (int64_t i = 0; i < end; i++, x += n, y += n, saved += 3) {
        K(measure)(c, n, x, saved);
        const real m = saved[0], r = saved[1], b = saved[2];
        if (shift) {
            CNN_IVDEP
            for (int64_t j = 0; j < n; j++)
                y[j] = ((x[j] - m) * r + b) * scale[j] + shift[j];
        } else {
            CNN_IVDEP
            for (int64_t j = 0; j < n; j++)
                y[j] = x[j] * r * scale[j];
        }
    }
    return CNN_OK;
}

/* dx (+)= r (g - mean g - u mean(g u)) of one row, and the sums (+)= dy u and dy; both may be NULL.
 * A row whose dy are all 0 gives nothing, whatever it holds. */
static void K(row_grad)(const cnn_call *c, int64_t n, const real *x, const real *scale,
                        const real *saved, const real *dy, real *dx, real *sum)
{
    const real m = saved[0], r = saved[1], b = saved[2];
    const int  add = c->step->accumulate;
    double     mean = 0, along = 0;

    if (dx)
        K(gradient_sums)(n, x, m, scale, dy, &mean, &along);
    along = (along * (double)r + mean * (double)b) / (double)n;
    mean = CENTERED(c) ? mean / (double)n : 0;
    if (!(isfinite(along + mean) && isfinite(m + b) && r > 0) && K(is_zero)(n, dy)) {
        for (int64_t j = 0; dx && !add && j < n; j++)
            dx[j] = 0;
        return;
    }
    if (dx) {
        const real q = (real)mean, k = (real)along;     /* exactly g - q = 0 where n is 1 */
        CNN_IVDEP
        for (int64_t j = 0; j < n; j++)
            dx[j] = (add ? dx[j] : 0) +
                    r * (dy[j] * scale[j] - q - ((x[j] - m) * r + b) * k);
    }
    if (sum) {
        CNN_IVDEP
        for (int64_t j = 0; j < n; j++)
            sum[j] += dy[j] * ((x[j] - m) * r + b);
        if (CENTERED(c)) {
            CNN_IVDEP
            for (int64_t j = 0; j < n; j++)
                sum[n + j] += dy[j];
        }
    }
}

/* The sums of block k among those of the batch. */
static real *K(block)(const cnn_call *c, const cnn_tensor *blocks, int64_t k)
{
    const int64_t t = ATTR_I(c, 1), length = ATTR_I(c, 0) * (1 + CENTERED(c));
    return (real *)blocks->data + cnn_row_block(k, t, blocks->size, length);
}

cnn_status K(cnn_row_norm_grad)(const cnn_call *c)
{
    const int64_t n = ATTR_I(c, 0), t = ATTR_I(c, 1), n_row = cnn_n_row(c, 0) * t;
    const int     at = 2 + CENTERED(c), more = c->step->n_operand - at - 3;
    const int     with_dx = more & 1, with_sums = more & 2;
    const int     dy_at = c->step->n_operand - 1 - with_dx;
    const real   *x = ROWS(c, 0), *scale = OPERAND(c, 1)->data, *saved = ROWS(c, at);
    const real   *dy = ROWS(c, dy_at);
    real         *dx = with_dx ? ROWS(c, dy_at + 1) : NULL, *sum = NULL;

    CNN_NEED(c->begin % BLOCK == 0);
    for (int64_t i = c->begin * t; i < c->end * t; i++) {
        if (with_sums && i % BLOCK == 0) {
            sum = i + BLOCK <= n_row ? K(block)(c, OPERAND(c, at + 2), i / BLOCK)
                                     : OPERAND(c, at + 1)->data;
            memset(sum, 0, (size_t)(n * (1 + CENTERED(c))) * sizeof(real));
        }
        K(row_grad)(c, n, x, scale, saved, dy, dx, sum);
        x += n, saved += 3, dy += n, dx = dx ? dx + n : dx;
    }
    return CNN_OK;
}

/* Columns [begin, end) of dscale or dshift: the blocks, added up in double. */
cnn_status K(cnn_row_norm_sum)(const cnn_call *c)
{
    const int64_t n_row = cnn_n_row(c, 1) * ATTR_I(c, 1);
    const int64_t first = c->step->wrt == 1 ? 0 : ATTR_I(c, 0);     /* dy u, or dy */
    real         *d = OPERAND(c, 2)->data;

    for (int64_t j = c->begin; j < c->end; j += COLUMNS) {
        const int64_t n = c->end - j < COLUMNS ? c->end - j : COLUMNS;
        double        sum[COLUMNS] = {0};
        for (int64_t i = 0; i < n_row; i += BLOCK) {
            const real *part = i + BLOCK <= n_row ? K(block)(c, OPERAND(c, 1), i / BLOCK)
                                                  : OPERAND(c, 0)->data;
            CNN_IVDEP
            for (int64_t l = 0; l < n; l++)
                sum[l] += (double)part[first + j + l];
        }
        for (int64_t l = 0; l < n; l++)
            d[j + l] = (real)((c->step->accumulate ? d[j + l] : 0) + sum[l]);
    }
    return CNN_OK;
}

#else
#include <float.h>

#define BLOCK       CNN_ROW_BLOCK
#define COLUMNS     64                    /* that are added up together */
#define CENTERED(c) ((int)ATTR_I(c, 3))   /* layer_norm: 1, rms_norm: 0 */

#define CNN_SELF "shared/row_norm.c"
#include "cnn_instantiate.h"
#endif
