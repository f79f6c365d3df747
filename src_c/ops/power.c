/* power - y = x^p, for a number p or for one broadcast together with x, up to 6 axes.
 *
 *   attributes: p (one operand), or the axes of a row, see cnn_broadcast.h (two operands)
 *   forward  operands: x, y              or x, p, y
 *   gradient operands: x, y, dy, dx      or x, p, y, dy, dx or dp
 *   gradient:  dx = p x^(p-1) dy, 0 for p = 0;  dp = y log(x) dy, 0 at x = 0 for p >= 0 (at
 *              p = 0 as in PyTorch: y is 1 there and 0 beside it); both 0 where dy is 0
 *   value:     that of C's pow: x^0 = 1 and 1^p = 1 also for NaN; NaN for x < 0 unless p is a
 *              whole number; 0^p is 0, 1 or inf.  A number p that is whole and at most MAX_WHOLE
 *              in size is multiplied out, and 1/2 is the square root, as in NumPy.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_broadcast.h"
#include "cnn_elementwise.h"
#include "math/cnn_math.h"

CNN_APART static real K(power_one)(real x, real p)
{
    return K(cnn_pow)(x, p);
}

/* z = x^p, for n elements; x may be z. */
CNN_APART static void K(power_each)(int64_t n, const real *x, const real *p, real *z)
{
    CNN_IVDEP
    for (int64_t i = 0; i < n; i++)
        z[i] = K(cnn_pow)(x[i], p[i]);
}

/* z = x^p, or dy times its slope for x or for p, for n <= CHUNK elements. */
CNN_APART static void K(power_block)(int what, int64_t n, const real *restrict x,
                                     const real *restrict p, const real *restrict dy,
                                     real *restrict z)
{
    real        less[CHUNK];
    const real *e = p;

    if (what == SLOPE_X) {
        for (int64_t i = 0; i < n; i++)
            less[i] = p[i] - 1;
        e = less;
    }
    if (n == 1)      /* a graph of scalars: not through the ends of a vector loop */
        z[0] = K(power_one)(x[0], e[0]);
    else
        K(power_each)(n, x, e, z);
    for (int64_t i = 0; what == SLOPE_X && i < n; i++)
        z[i] = CNN_FLOW(p[i] == 0 ? 0 : dy[i], p[i] * z[i] * dy[i]);
    for (int64_t i = 0; what == SLOPE_P && i < n; i++)
        z[i] = CNN_FLOW(x[i] == 0 && p[i] >= 0 ? 0 : dy[i], z[i] * K(cnn_log)(x[i]) * dy[i]);
}

/* n_row times n numbers to a block, from rows `row` apart; step 0: a row repeats one number. */
CNN_APART static void K(power_gather)(int64_t n_row, int64_t n, const real *restrict from,
                                      int64_t row, int64_t step, real *restrict to)
{
    for (; n_row > 0; n_row--, from += row, to += n)
        for (int64_t i = 0; i < n; i++)
            to[i] = from[step ? i : 0];
}

/* What a cnn_inner_fn does, by way of blocks of operands that lie together. */
static void K(power_pass)(const cnn_axis *row, const cnn_axis *in, const real *a, const real *b,
                          const real *dy, real *to, int64_t to_row, double *sum, int what, int how)
{
    const int64_t width = in->n < CHUNK ? in->n : CHUNK, n_row = CHUNK / width;
    real          x[CHUNK], p[CHUNK], d[CHUNK], z[CHUNK];

    for (int64_t r = 0; r < row->n; r += n_row)
        for (int64_t j = 0; j < in->n; j += width) {
            const int64_t n = in->n - j < width ? in->n - j : width;
            const int64_t m = row->n - r < n_row ? row->n - r : n_row;
            K(power_gather)(m, n, a + r * row->a + j * in->a, row->a, in->a, x);
            K(power_gather)(m, n, b + r * row->b + j * in->b, row->b, in->b, p);
            if (what != VALUE)
                K(power_gather)(m, n, dy + r * row->dense + j, row->dense, 1, d);
            K(power_block)(what, m * n, x, p, d, z);
            for (int64_t k = 0; k < m; k++) {
                const real *made = z + k * n;
                real       *at = to + (r + k) * to_row + j;
                for (int64_t i = 0; how == ADD_UP && i < n; i++)
                    sum[j + i] += (double)made[i];
                for (int64_t i = 0; how != ADD_UP && i < n; i++)
                    at[i] = how == ADD ? at[i] + made[i] : made[i];
            }
        }
}

#define POWER_INNER(name, what, how)                                                         \
    static void K(name)(const cnn_axis *row, const cnn_axis *in, const real *a,              \
                        const real *b, const real *dy, real *dx, int64_t dx_row,             \
                        double *sum)                                                         \
    {                                                                                        \
        K(power_pass)(row, in, a, b, dy, dx, dx_row, sum, what, how);                        \
    }
POWER_INNER(slope_x_write, SLOPE_X, WRITE)
POWER_INNER(slope_x_add, SLOPE_X, ADD)
POWER_INNER(slope_x_add_up, SLOPE_X, ADD_UP)
POWER_INNER(slope_p_write, SLOPE_P, WRITE)
POWER_INNER(slope_p_add, SLOPE_P, ADD)
POWER_INNER(slope_p_add_up, SLOPE_P, ADD_UP)

static cnn_status K(power_of_forward)(const cnn_call *c)
{
    const real *x = ROWS(c, 0), *p = ROWS(c, 1);
    real       *y = ROWS(c, 2);
    cnn_point   at = {0};
    cnn_axes    s;

    cnn_read_pair_axes(c, c->end - c->begin, &s);
    int            n_outer = s.n - 1;
    const cnn_axis in = s.axis[n_outer], row = cnn_pop(&n_outer, s.axis);
    do
        K(power_pass)(&row, &in, x + at.a, p + at.b, NULL, y + at.dense, row.dense, NULL, VALUE,
                      WRITE);
    while (cnn_next(n_outer, s.axis, &at));
    return CNN_OK;
}

static cnn_status K(power_of_grad)(const cnn_call *c, int wrt)
{
    static const K(cnn_slope) slope[] = {
        {K(slope_x_write), K(slope_x_add), K(slope_x_add_up)},
        {K(slope_p_write), K(slope_p_add), K(slope_p_add_up)},
    };
    return K(cnn_grad_binary)(c, wrt, slope + wrt);
}

/* y = x^p for n <= CHUNK elements and a whole number p. */
static void K(power_whole)(int64_t n, const real *x, int64_t p, real *y)
{
    real    base[CHUNK], power[CHUNK];
    int64_t left = p < 0 ? -p : p;

    for (int64_t i = 0; i < n; i++) {
        base[i] = x[i];
        power[i] = left & 1 ? x[i] : 1;
    }
    for (left >>= 1; left; left >>= 1) {
        for (int64_t i = 0; i < n; i++)
            base[i] *= base[i];
        for (int64_t i = 0; left & 1 && i < n; i++)
            power[i] *= base[i];
    }
    for (int64_t i = 0; i < n; i++)
        y[i] = p < 0 ? 1 / power[i] : power[i];
}

/* y = x^p for n <= CHUNK elements; x may be y. */
static void K(power_part)(int64_t n, const real *x, double p, real *y)
{
    if (p >= -MAX_WHOLE && p <= MAX_WHOLE && p == (double)(int64_t)p) {
        K(power_whole)(n, x, (int64_t)p, y);
    } else if (p == 0.5) {
        CNN_IVDEP
        for (int64_t i = 0; i < n; i++)
            y[i] = K(cnn_sqrt)(x[i]);
    } else {
        real same[CHUNK];
        for (int64_t i = 0; i < n; i++)
            same[i] = (real)p;
        K(power_each)(n, x, same, y);
    }
}

static void K(power_map)(int64_t n, const void *from, void *to, const cnn_attr *attr)
{
    const real *x = from;
    real       *y = to;
    for (int64_t i = 0; i < n; i += CHUNK)
        K(power_part)(n - i < CHUNK ? n - i : CHUNK, x + i, attr[0].f, y + i);
}

static cnn_status K(power_forward)(const cnn_call *c)
{
    if (c->step->n_operand == 3)
        return K(power_of_forward)(c);
    K(power_map)(cnn_count(c, 1), ROWS(c, 0), ROWS(c, 1), c->step->attr);
    return CNN_OK;
}

static cnn_status K(power_grad_x)(const cnn_call *c)
{
    if (c->step->n_operand == 5)
        return K(power_of_grad)(c, 0);
    const int64_t count = cnn_count(c, 1);
    const real   *x = ROWS(c, 0), *dy = ROWS(c, 2);
    real         *dx = ROWS(c, 3), slope[CHUNK];
    const double  p = ATTR_F(c, 0);
    const int     add = c->step->accumulate;

    for (int64_t j = 0; j < count; j += CHUNK, x += CHUNK, dy += CHUNK, dx += CHUNK) {
        const int64_t n = count - j < CHUNK ? count - j : CHUNK;
        K(power_part)(n, x, p - 1, slope);
        CNN_IVDEP
        for (int64_t i = 0; i < n; i++)
            dx[i] = (add ? dx[i] : 0) + CNN_FLOW(p == 0 ? 0 : dy[i], (real)p * slope[i] * dy[i]);
    }
    return CNN_OK;
}

static cnn_status K(power_grad_p)(const cnn_call *c)
{
    return K(power_of_grad)(c, 1);
}

#else
#include "math/cnn_math.h"

#define CHUNK     128    /* elements that are worked on at a time          */
#define MAX_WHOLE 32     /* the product loses less than half as many ulps   */

enum { VALUE, SLOPE_X, SLOPE_P };       /* what a block makes          */
enum { WRITE, ADD, ADD_UP };            /* and what becomes of it      */

static inline double cnn_pow_f64(double x, double p)
{
    return pow(x, p);
}

/* In double x^p = exp(p log|x|) has digits to spare for float, and it vectorises. */
static inline float cnn_pow_f32(float x, float p)
{
    const double a = cnn_abs_f64((double)x), e = (double)p, half = e * 0.5;
    const int    whole = cnn_round_f64(e) == e, odd = whole && cnn_round_f64(half) != half;
    double       y = cnn_exp_f64(e * cnn_log_f64(a));

    y = cnn_to_bits_f32(x) >> 31 && odd ? -y : y;
    y = x < 0 && !whole && a < (double)INFINITY ? (double)NAN : y;
    y = a == 1 && (whole || x > 0) ? (odd ? (double)x : 1) : y;
    return p == 0 ? 1 : (float)y;
}

#define CNN_SELF "ops/power.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(power, .forward = CNN_TYPED(power_forward),
              .grad = {CNN_TYPED(power_grad_x), CNN_TYPED(power_grad_p)},
              .map = CNN_TYPED(power_map));
#endif
