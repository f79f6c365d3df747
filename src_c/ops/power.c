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

#define POWER(x, p)             K(cnn_pow)((x), (p))
#define POWER_SLOPE_X(x, p, dy) \
    CNN_FLOW((p) == 0 ? 0 : (dy), (p) * K(cnn_pow)((x), (p) - 1) * (dy))
#define POWER_SLOPE_P(x, p, dy) \
    CNN_FLOW((x) == 0 && (p) >= 0 ? 0 : (dy), K(cnn_pow)((x), (p)) * K(cnn_log)(x) * (dy))

CNN_BINARY(power_of, POWER, POWER_SLOPE_X, POWER_SLOPE_P)

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
        CNN_IVDEP
        for (int64_t i = 0; i < n; i++)
            y[i] = K(cnn_pow)(x[i], (real)p);
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
        return K(power_of_grad_a)(c);
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
    return K(power_of_grad_b)(c);
}

#else
#include "math/cnn_math.h"

#define CHUNK     64     /* elements that are worked on at a time          */
#define MAX_WHOLE 32     /* the product loses less than half as many ulps   */

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
