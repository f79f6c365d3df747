/* cnn_sigmoid.h - sigmoid, silu, their gradient, softplus, tanh.
 *
 * All but tanh in f32 build on e^x = p 2^n of cnn_exp.h and take one or two divisions.  Where a
 * tail would overflow or lose bits as a subnormal, the exponent is shifted by a
 * fixed amount, which is exact, and shifted back by the last operation.
 */
#ifndef CNN_SIGMOID_H
#define CNN_SIGMOID_H

#include "cnn_exp.h"
#include "cnn_log.h"

/* sigmoid(x) = 1 / (1 + e) for x >= 0, e / (1 + e) below,  e = e^-|x|.
 * (1 / (1 + e^-x) for all x is shorter, but the reciprocal doubles the error, in
 * ULP, of a divisor just above a power of two.)  The numerator carries a factor
 * 1/c, so the tail is rounded once.  0 at -inf, 1 at inf, 1/2 at 0 exactly.
 * Derivative from the value y: y (1 - y).  Max error: f32 2.41, f64 2.1 ULP */
CNN_INLINE float cnn_sigmoid_f32(float x)
{
    const float c = 2.32830644e-10f; /* 2^-32 */
    uint32_t n;
    float a = cnn_abs_f32(x);
    a = a > 104.5f ? 104.5f : a;
    float p = cnn_exp_parts_f32(-a, &n);
    float e = p * cnn_pow2_f32(n + 32u);
    return (x < 0.0f ? e : 4294967296.0f) / cnn_fma_f32(e, c, 1.0f) * c;
}
CNN_INLINE double cnn_sigmoid_f64(double x)
{
    const double c = 5.4210108624275222e-20; /* 2^-64 */
    uint64_t n;
    double a = cnn_abs_f64(x);
    a = a > 746.0 ? 746.0 : a;
    double p = cnn_exp_parts_f64(-a, &n);
    double e = p * cnn_pow2_f64(n + 64u);
    return (x < 0.0 ? e : 18446744073709551616.0) / cnn_fma_f64(e, c, 1.0) * c;
}

/* silu(x) = x sigmoid(x) = (x / (c + E c)) c,  E = e^-x up to 2^161 (f32),
 * c = 2^-36: only the last product can be subnormal, hence full accuracy where
 * sigmoid alone has none left.  -0 at -0 and at -inf.  Above 40 (f32: 30) the sigmoid is 1.  Max error: f32 2.41, f64 2.0 ULP */
CNN_INLINE float cnn_silu_f32(float x)
{
    const float c = 1.45519152e-11f; /* 2^-36 */
    uint32_t n;
    float t = x < -112.0f ? -112.0f : x;
    t = t > 30.0f ? 30.0f : t;
    float p = cnn_exp_parts_f32(-t, &n);
    float y = t / cnn_fma_f32(p, cnn_pow2_f32(n - 36u), c) * c;
    return x > 30.0f ? x : y;
}
CNN_INLINE double cnn_silu_f64(double x)
{
    const double c = 5.4210108624275222e-20; /* 2^-64 */
    uint64_t n;
    double t = x < -752.0 ? -752.0 : x;
    t = t > 40.0 ? 40.0 : t;
    double p = cnn_exp_parts_f64(-t, &n);
    double y = t / cnn_fma_f64(p, cnn_pow2_f64(n - 64u), c) * c;
    return x > 40.0 ? x : y;
}

/* silu'(x) = s + x s (1 - s) = (1 + (1 + x) E) / (1 + E)^2,  s = 1 / (1 + E),
 * E = e^-x.  1 + x is exact where it matters, so this numerator has less
 * cancellation than any form in s; it crosses 0 at x = -1.27846 and only there
 * loses relative accuracy.  f32 ends in double, since the square would count the
 * rounding of 1 + E twice.  -0 at -inf, 1 at inf.  Max error: f32 1.64, f64 3.9 ULP away from the crossing */
CNN_INLINE float cnn_silu_grad_f32(float x)
{
    uint32_t n;
    x = x < -112.0f ? -112.0f : x;
    x = x > 30.0f ? 30.0f : x;
    float p = cnn_exp_parts_f32(-x, &n);
    double e = (double)(p * cnn_pow2_f32(n - 64u)) * 18446744073709551616.0, d = 1.0 + e;
    return (float)(cnn_fma_f64(e, 1.0 + (double)x, 1.0) / (d * d));
}
CNN_INLINE double cnn_silu_grad_f64(double x)
{
    const double c = 1.2621774483536189e-29; /* 2^-96 */
    uint64_t n;
    x = x < -753.0 ? -753.0 : x;
    x = x > 45.0 ? 45.0 : x;
    double p = cnn_exp_parts_f64(-x, &n);
    double e = p * cnn_pow2_f64(n - 96u), d = e + c;
    return cnn_fma_f64(e, 1.0 + x, c) / d / d * c;
}

/* softplus(x) = log(1 + e^x) = max(x, 0) + log(1 + E),  E = e^-|x| in (0, 1].
 * log(1 + E): E itself is the f of cnn_log.h up to sqrt(2) - 1; above, one
 * ln2 is taken out, f = (E - 1) / 2.  0 at -inf, inf at inf.  The derivative is
 * sigmoid(x).  Max error: f32 1.65, f64 1.5 ULP */
CNN_INLINE float cnn_softplus_f32(float x)
{
    float e = cnn_exp_f32(-cnn_abs_f32(x));
    float n = e > 0.4142f ? 1.0f : 0.0f;
    float f = e > 0.4142f ? 0.5f * (e - 1.0f) : e;
    float y = f + cnn_log_tail_f32(f, n * CNN_LN2_LO_F32);
    y = cnn_fma_f32(n, CNN_LN2_HI_F32, y);
    return (x > 0.0f ? x : 0.0f) + y;
}
CNN_INLINE double cnn_softplus_f64(double x)
{
    double e = cnn_exp_f64(-cnn_abs_f64(x));
    double n = e > 0.4142 ? 1.0 : 0.0;
    double f = e > 0.4142 ? 0.5 * (e - 1.0) : e;
    double y = f + cnn_log_tail_f64(f, n * CNN_LN2_LO_F64);
    y = cnn_fma_f64(n, CNN_LN2_HI_F64, y);
    return (x > 0.0 ? x : 0.0) + y;
}

/* f32: the addition theorem. With x = k log(2)/2 + r, K = 2^k and T = tanh(r),
 *     tanh(x) = ((K - 1) + (K + 1) T) / ((K + 1) + (K - 1) T),
 * where K - 1 and K + 1 are exact as far as they matter: one rounding above the line, one
 * below, and T alone for |x| < 0.17. T = r (1 + r^2 P(r^2)), P minimax of degree 2, 2^-32.
 * One constant for log(2)/2 serves, since its error (2^-31 k) weighs 2x / sinh(2x).
 * Odd to the bit, at most 1, and 1 from |x| = 9.1, where the other value is not used: one
 * comparison behind the division takes less than a clamp from both sides before it.
 * f64: m / (m + 2),  m = e^(2|x|) - 1 = w / h in the terms of cnn_expm1_parts, so
 * w / (w + 2h), which has no cancellation at 0. From |x| = 20 it is 1.
 * -0 at -0. Derivative from the value y: 1 - y^2.  Max error: f32 2.495 (every float
 * tried, with and without fma), f64 2.4 ULP */
CNN_INLINE float cnn_tanh_f32(float x)
{
    float t = cnn_fma_f32(x, (float)(2.0 * CNN_LOG2E), 12582912.0f), k = t - 12582912.0f;
    float r = cnn_fma_f32(k, -0.34657359f, x), z = r * r;
    float p = cnn_fma_f32(cnn_fma_f32(-5.27249724e-2f, z, 1.33311763e-1f), z, -3.33333224e-1f);
    float tanh_r = r * cnn_fma_f32(p, z, 1.0f);
    float power = cnn_from_bits_f32((cnn_to_bits_f32(t) << 23) + 0x3f800000u);
    float minus = 1.0f - power, plus = 1.0f + power; /* 1 - K: 0 - 0 keeps the sign of -0 */
    float y = cnn_fma_f32(plus, tanh_r, -minus) / cnn_fma_f32(-minus, tanh_r, plus);
    return cnn_abs_f32(x) > 9.1f ? cnn_copysign_f32(1.0f, x) : y;
}
CNN_INLINE double cnn_tanh_f64(double x)
{
    uint64_t n;
    double h, a = cnn_abs_f64(x);
    a = a > 20.0 ? 20.0 : a;
    double w = cnn_expm1_parts_f64(a + a, &n, &h);
    return cnn_copysign_f64(w / cnn_fma_f64(2.0, h, w), x);
}

#endif
