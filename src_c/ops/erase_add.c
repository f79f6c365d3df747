/* erase_add - y_ij = x_ij (1 - w_i e_j) + w_i a_j, how a Neural Turing Machine writes.
 *
 *   x (..., N, M)   w (..., N)   e (..., M)   a (..., M)   y (..., N, M); leading axes are alike
 *   attributes: N, M
 *   forward  operands: x, w, e, a, y
 *   gradient operands: x, w, e, a, y, dy, d(input)
 *   gradient:  dx_ij = dy_ij (1 - w_i e_j)      dw_i = sum_j dy_ij (a_j - x_ij e_j)
 *              de_j = -sum_i dy_ij x_ij w_i     da_j = sum_i dy_ij w_i
 *   NaN:       propagates.
 *   source:    Graves, Wayne, Danihelka 2014, equations 3 and 4
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_lanes.h"

/* The matrices of one call and what goes with them. */
typedef struct {
    int64_t     count, n, m;
    const real *x, *w, *e, *a, *dy;
} K(memory);

static K(memory) K(read_memory)(const cnn_call *c)
{
    const int64_t n = ATTR_I(c, 0), m = ATTR_I(c, 1);
    const int     gradient = c->step->n_operand > 5;
    const int64_t rows = OPERAND(c, 4)->stride ? c->end - c->begin : 1;
    return (K(memory)){.count = rows * (OPERAND(c, 4)->size / (n * m)), .n = n, .m = m,
                       .x = ROWS(c, 0), .w = ROWS(c, 1), .e = ROWS(c, 2), .a = ROWS(c, 3),
                       .dy = gradient ? ROWS(c, 5) : NULL};
}

static int K(next)(K(memory) *t)
{
    t->x += t->n * t->m, t->w += t->n, t->e += t->m, t->a += t->m;
    if (t->dy)
        t->dy += t->n * t->m;
    return --t->count > 0;
}

static cnn_status K(erase_add_forward)(const cnn_call *c)
{
    K(memory) t = K(read_memory)(c);
    real     *y = ROWS(c, 4);
    do
        for (int64_t i = 0; i < t.n; i++, y += t.m) {
            const real *x = t.x + i * t.m, *e = t.e, *a = t.a, w = t.w[i];
            CNN_IVDEP
            for (int64_t j = 0; j < t.m; j++)
                y[j] = x[j] + w * (a[j] - x[j] * e[j]);
        }
    while (K(next)(&t));
    return CNN_OK;
}

static cnn_status K(erase_add_grad_x)(const cnn_call *c)
{
    K(memory) t = K(read_memory)(c);
    real     *dx = ROWS(c, 6);
    do
        for (int64_t i = 0; i < t.n; i++, dx += t.m) {
            const real *dy = t.dy + i * t.m, *e = t.e, w = t.w[i];
            if (c->step->accumulate) {
                CNN_IVDEP
                for (int64_t j = 0; j < t.m; j++)
                    dx[j] += CNN_FLOW(dy[j], dy[j] * (1 - w * e[j]));
            } else {
                CNN_IVDEP
                for (int64_t j = 0; j < t.m; j++)
                    dx[j] = CNN_FLOW(dy[j], dy[j] * (1 - w * e[j]));
            }
        }
    while (K(next)(&t));
    return CNN_OK;
}

/* Some rows of slopes at a time, which are then added up. */
static cnn_status K(erase_add_grad_w)(const cnn_call *c)
{
    K(memory) t = K(read_memory)(c);
    real     *dw = ROWS(c, 6), slope[PLACES];
    double    sum[PLACES], part[PLACES];
    const int64_t width = t.m < PLACES ? t.m : PLACES, n_row = PLACES / width;

    do
        for (int64_t i = 0; i < t.n; i += n_row) {
            const int64_t rows = t.n - i < n_row ? t.n - i : n_row;
            for (int64_t r = 0; r < rows; r++)
                sum[r] = 0;
            for (int64_t j = 0; j < t.m; j += width) {
                const int64_t n = t.m - j < width ? t.m - j : width;
                for (int64_t r = 0; r < rows; r++) {
                    const int64_t  at = (i + r) * t.m + j;
                    const real    *dy = t.dy + at, *x = t.x + at, *a = t.a + j, *e = t.e + j;
                    real *restrict to = slope + r * width;
                    for (int64_t k = 0; k < n; k++)
                        to[k] = CNN_FLOW(dy[k], dy[k] * (a[k] - x[k] * e[k]));
                }
                K(cnn_lane_dots)(rows, n, slope, width, NULL, 0, part);
                for (int64_t r = 0; r < rows; r++)
                    sum[r] += part[r];
            }
            for (int64_t r = 0; r < rows; r++, dw++)
                *dw = (real)((c->step->accumulate ? *dw : 0) + sum[r]);
        }
    while (K(next)(&t));
    return CNN_OK;
}

/* d_j (+)= sign sum_i w_i dy_ij x_ij, without x where that is NULL: PLACES columns at a time, in
 * blocks of rows that are added up in double. */
static void K(add_columns)(const K(memory) *t, const real *x, double sign, real *d, int add)
{
    for (int64_t j = 0; j < t->m; j += PLACES) {
        const int64_t n = t->m - j < PLACES ? t->m - j : PLACES;
        double        sum[PLACES] = {0};
        for (int64_t i = 0; i < t->n; i += BLOCK) {
            real          block[PLACES] = {0};
            const int64_t end = t->n - i < BLOCK ? t->n : i + BLOCK;
            for (int64_t r = i; r < end; r++) {
                const real *dy = t->dy + r * t->m + j, w = t->w[r];
                const real *from = x ? x + r * t->m + j : NULL;
                if (x)
                    for (int64_t k = 0; k < n; k++)
                        block[k] += CNN_FLOW(dy[k], w * (dy[k] * from[k]));
                else
                    for (int64_t k = 0; k < n; k++)
                        block[k] += CNN_FLOW(dy[k], w * dy[k]);
            }
            for (int64_t k = 0; k < n; k++)
                sum[k] += (double)block[k];
        }
        for (int64_t k = 0; k < n; k++)
            d[j + k] = (real)((add ? d[j + k] : 0) + sign * sum[k]);
    }
}

static cnn_status K(erase_add_grad_e)(const cnn_call *c)
{
    K(memory) t = K(read_memory)(c);
    real     *de = ROWS(c, 6);
    do {
        K(add_columns)(&t, t.x, -1, de, c->step->accumulate);
        de += t.m;
    } while (K(next)(&t));
    return CNN_OK;
}

static cnn_status K(erase_add_grad_a)(const cnn_call *c)
{
    K(memory) t = K(read_memory)(c);
    real     *da = ROWS(c, 6);
    do {
        K(add_columns)(&t, NULL, 1, da, c->step->accumulate);
        da += t.m;
    } while (K(next)(&t));
    return CNN_OK;
}

#else
#define PLACES 64        /* columns, or slopes, that are worked on at a time */
#define BLOCK  16        /* rows that are added up before they go to double  */

#define CNN_SELF "ops/erase_add.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(erase_add, .forward = CNN_TYPED(erase_add_forward),
              .grad = {CNN_TYPED(erase_add_grad_x), CNN_TYPED(erase_add_grad_w),
                       CNN_TYPED(erase_add_grad_e), CNN_TYPED(erase_add_grad_a)});
#endif
