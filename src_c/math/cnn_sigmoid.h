/* cnn_sigmoid.h - sigmoid, silu, their gradient, softplus, tanh.
 *
 * All build on e^r 2^n = e^-x of cnn_exp.h and take one division.  To reach
 * the far negative tail without overflow, E = e^-x (up to 2^161 f32) is
 * built as E c with a small power of two c, which is exact:
 *     1 / (1 + E) = c / (c + E c).
 */
#ifndef CNN_SIGMOID_H
#define CNN_SIGMOID_H

#include "cnn_exp.h"
#include "cnn_log.h"

/* sigmoid(x) = 1 / (1 + e^-x); 0 at -inf, 1 at inf, 1/2 at 0 exactly.
 * The quotient itself underflows, so subnormal results are rounded once.
 * Derivative from the value y: y (1 - y).  Max error: @sigmoid@ */
static CNN_INLINE float cnn_sigmoid_f32(float x)
{
    const float c = 5.42101086e-20f; /* 2^-64 */
    uint32_t n;
    x = x < -104.5f ? -104.5f : x;
    x = x > 40.0f ? 40.0f : x;
    float p = cnn_exp_parts_f32(-x, &n);
    return c / cnn_fma_f32(p, cnn_pow2_f32(n - 64u), c);
}
static CNN_INLINE double cnn_sigmoid_f64(double x)
{
    const double c = 5.4210108624275222e-20;
    uint64_t n;
    x = x < -746.0 ? -746.0 : x;
    x = x > 40.0 ? 40.0 : x;
    double p = cnn_exp_parts_f64(-x, &n);
    return c / cnn_fma_f64(p, cnn_pow2_f64(n - 64u), c);
}

/* silu(x) = x sigmoid(x) = (x / (c + E c)) c: only the last product can be
 * subnormal, hence full accuracy where sigmoid alone has none left.  -0 at -0
 * and at -inf.  Above 40 (f32: 30) the sigmoid is 1.  Max error: @silu@ */
static CNN_INLINE float cnn_silu_f32(float x)
{
    const float c = 1.45519152e-11f; /* 2^-36 */
    uint32_t n;
    float t = x < -112.0f ? -112.0f : x;
    t = t > 30.0f ? 30.0f : t;
    float p = cnn_exp_parts_f32(-t, &n);
    float y = t / cnn_fma_f32(p, cnn_pow2_f32(n - 36u), c) * c;
    return x > 30.0f ? x : y;
}
static CNN_INLINE double cnn_silu_f64(double x)
{
    const double c = 5.4210108624275222e-20; /* 2^-64 */
    uint64_t n;
    double t = x < -752.0 ? -752.0 : x;
    t = t > 40.0 ? 40.0 : t;
    double p = cnn_exp_parts_f64(-t, &n);
    double y = t / cnn_fma_f64(p, cnn_pow2_f64(n - 64u), c) * c;
    return x > 40.0 ? x : y;
}

/* silu'(x) = s (1 + x (1 - s)),  s = sigmoid(x).  1 - s = E s has no
 * cancellation; the bracket crosses 0 at x = -1.27846 and only there loses
 * relative accuracy.  0 at -inf, 1 at inf.  Max error: @silu_grad@ */
static CNN_INLINE float cnn_silu_grad_f32(float x)
{
    const float c = 1.45519152e-11f;
    uint32_t n;
    x = x < -112.0f ? -112.0f : x;
    x = x > 30.0f ? 30.0f : x;
    float p = cnn_exp_parts_f32(-x, &n);
    float e = p * cnn_pow2_f32(n - 36u), d = e + c;
    return cnn_fma_f32(x, e / d, 1.0f) / d * c;
}
static CNN_INLINE double cnn_silu_grad_f64(double x)
{
    const double c = 5.4210108624275222e-20;
    uint64_t n;
    x = x < -752.0 ? -752.0 : x;
    x = x > 45.0 ? 45.0 : x;
    double p = cnn_exp_parts_f64(-x, &n);
    double e = p * cnn_pow2_f64(n - 64u), d = e + c;
    return cnn_fma_f64(x, e / d, 1.0) / d * c;
}

/* softplus(x) = log(1 + e^x) = max(x, 0) + log(1 + E),  E = e^-|x| in (0, 1].
 * log(1 + E): E itself is the f of cnn_log.h up to sqrt(2) - 1; above, one
 * ln2 is taken out, f = (E - 1) / 2.  0 at -inf, inf at inf.  The derivative is
 * sigmoid(x).  Max error: @softplus@ */
static CNN_INLINE float cnn_softplus_f32(float x)
{
    float e = cnn_exp_f32(-cnn_abs_f32(x));
    float f = e > 0.4142f ? 0.5f * (e - 1.0f) : e;
    float y = f + cnn_log_tail_f32(f, e > 0.4142f ? CNN_LN2_LO_F32 : 0.0f);
    y = (e > 0.4142f ? CNN_LN2_HI_F32 : 0.0f) + y;
    return (x > 0.0f ? x : 0.0f) + y;
}
static CNN_INLINE double cnn_softplus_f64(double x)
{
    double e = cnn_exp_f64(-cnn_abs_f64(x));
    double f = e > 0.4142 ? 0.5 * (e - 1.0) : e;
    double y = f + cnn_log_tail_f64(f, e > 0.4142 ? CNN_LN2_LO_F64 : 0.0);
    y = (e > 0.4142 ? CNN_LN2_HI_F64 : 0.0) + y;
    return (x > 0.0 ? x : 0.0) + y;
}

/* tanh(x) = m / (m + 2),  m = e^(2|x|) - 1 = w / h in the terms of
 * cnn_expm1_parts, so tanh = w / (w + 2h), which has no cancellation at 0.
 * From |x| = 9.1 (f32), 20 (f64) the result is 1 to the last bit.  -0 at -0.
 * Derivative from the value y: 1 - y^2.  Max error: @tanh@ */
static CNN_INLINE float cnn_tanh_f32(float x)
{
    uint32_t n;
    float h, a = cnn_abs_f32(x);
    a = a > 9.1f ? 9.1f : a;
    float w = cnn_expm1_parts_f32(a + a, &n, &h);
    return cnn_copysign_f32(w / cnn_fma_f32(2.0f, h, w), x);
}
static CNN_INLINE double cnn_tanh_f64(double x)
{
    uint64_t n;
    double h, a = cnn_abs_f64(x);
    a = a > 20.0 ? 20.0 : a;
    double w = cnn_expm1_parts_f64(a + a, &n, &h);
    return cnn_copysign_f64(w / cnn_fma_f64(2.0, h, w), x);
}

#endif
