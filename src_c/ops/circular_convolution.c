/* circular_convolution - y_i = sum_j k_j x_{(i - j + center) mod N} over the last axis.
 *
 *   x (..., N)   k (..., S)   y (..., N); the axes before are broadcast together
 *   attributes: the axes of a row, see cnn_pairs.h; then N, S, center
 *   forward  operands: x, k, y
 *   gradient operands: x, k, y, dy, dx or dk
 *   gradient:  dx_i = sum_j k_j dy_{(i + j - center) mod N},
 *              dk_j = sum_i dy_i x_{(i - j + center) mod N},
 *              added up over the axes where the operand is repeated
 *   NaN:       propagates.
 *   source:    Graves, Wayne, Danihelka 2014, equation 8
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_pairs.h"
#include "cnn_reduce.h"

/* to_{(i + by) mod n} (+)= k from_i */
static inline void K(add_turned)(int64_t n, int64_t by, real k, const real *from, real *to, int add)
{
    CNN_IVDEP
    for (int64_t i = 0; i < n - by; i++)
        to[i + by] = (add ? to[i + by] : 0) + k * from[i];
    CNN_IVDEP
    for (int64_t i = n - by; i < n; i++)
        to[i + by - n] = (add ? to[i + by - n] : 0) + k * from[i];
}

static cnn_status K(circular_convolution_forward)(const cnn_call *c)
{
    const int64_t n = CNN_PAIR_ATTR(c, 0).i, size = CNN_PAIR_ATTR(c, 1).i;
    const int64_t center = CNN_PAIR_ATTR(c, 2).i;
    cnn_point      at = {0};
    cnn_axes      s;

    cnn_read_pairs(c, 0, &s);
    do {
        const real *x = ROWS(c, 0) + at.a, *k = ROWS(c, 1) + at.b;
        real       *y = ROWS(c, 2) + at.dense * n;
        for (int64_t j = 0; j < size; j++)
            K(add_turned)(n, turn(j - center, n), k[j], x, y, j > 0);
    } while (cnn_next(s.n, s.axis, &at));
    return CNN_OK;
}

static cnn_status K(circular_convolution_grad_x)(const cnn_call *c)
{
    const int64_t n = CNN_PAIR_ATTR(c, 0).i, size = CNN_PAIR_ATTR(c, 1).i;
    const int64_t center = CNN_PAIR_ATTR(c, 2).i;
    cnn_point      at = {0};
    cnn_axes      s;

    cnn_read_pairs(c, 1, &s);
    do {
        const real *k = ROWS(c, 1) + at.b, *dy = ROWS(c, 3) + at.dense * n;
        real       *dx = ROWS(c, 4) + at.a;
        const int   add = c->step->accumulate || cnn_is_repeated(&s, &at, 0);
        for (int64_t j = 0; j < size; j++)
            K(add_turned)(n, turn(center - j, n), k[j], dy, dx, add || j > 0);
    } while (cnn_next(s.n, s.axis, &at));
    return CNN_OK;
}

static cnn_status K(circular_convolution_grad_k)(const cnn_call *c)
{
    const int64_t n = CNN_PAIR_ATTR(c, 0).i, size = CNN_PAIR_ATTR(c, 1).i;
    const int64_t center = CNN_PAIR_ATTR(c, 2).i;
    cnn_point      at = {0};
    cnn_axes      s;

    cnn_read_pairs(c, 1, &s);
    do {
        const real *x = ROWS(c, 0) + at.a, *dy = ROWS(c, 3) + at.dense * n;
        real       *dk = ROWS(c, 4) + at.b;
        const int   add = c->step->accumulate || cnn_is_repeated(&s, &at, 1);
        for (int64_t j = 0; j < size; j++) {
            const int64_t by = turn(j - center, n);
            const double  sum = K(cnn_dot)(n - by, x, dy + by) + K(cnn_dot)(by, x + n - by, dy);
            dk[j] = (real)((add ? dk[j] : 0) + sum);
        }
    } while (cnn_next(s.n, s.axis, &at));
    return CNN_OK;
}

#else
/* i mod n, from 0 to n - 1 for negative i as well. */
static inline int64_t turn(int64_t i, int64_t n)
{
    const int64_t rest = i % n;
    return rest < 0 ? rest + n : rest;
}

#define CNN_SELF "ops/circular_convolution.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(circular_convolution, .forward = CNN_TYPED(circular_convolution_forward),
              .grad = {CNN_TYPED(circular_convolution_grad_x),
                       CNN_TYPED(circular_convolution_grad_k)});
#endif
