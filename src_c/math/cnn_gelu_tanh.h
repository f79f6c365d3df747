/* cnn_gelu_tanh.h - the tanh form of GELU and its gradient.
 *
 *     gelu_tanh(x) = x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
 *                  = x sigmoid(y),  y = x (A + B x^2),
 *     A = 2 sqrt(2/pi),  B = 0.044715 A
 *     gelu_tanh'(x) = (1 + (1 + x y') E) / (1 + E)^2,  E = e^-y,  y' = A + 3 B x^2
 *
 * The sigmoid form has no cancellation in the negative tail, but there the
 * relative error is the absolute error of y (up to 110 in f32, 760 in f64).  So
 * y and y mod ln2 are computed in double for f32, and in two doubles for f64;
 * the polynomial and the division stay in the type itself.  Scaling by c as in
 * cnn_sigmoid.h.
 */
#ifndef CNN_GELU_TANH_H
#define CNN_GELU_TANH_H

#include "cnn_exp.h"

#define CNN_GELU_A 1.5957691216057308
#define CNN_GELU_A_LO (-9.9693088091109202e-17)
#define CNN_GELU_B 0.071354816272600249
#define CNN_GELU_B_LO (-6.175149918155315e-19)

/* p, n with e^-y = p 2^n, for x in -11.5 .. 11.5. */
CNN_INLINE float cnn_gelu_tanh_parts_f32(float x, uint32_t *n)
{
    double xd = x, y = -xd * cnn_fma_f64(CNN_GELU_B, xd * xd, CNN_GELU_A);
    double k = cnn_fma_f64(y, CNN_LOG2E, 6755399441055744.0) - 6755399441055744.0;
    float r = (float)cnn_fma_f64(k, -0.69314718055994531, y);
    *n = (uint32_t)(int32_t)k;
    return 1.0f + cnn_fma_f32(r * r, cnn_exp_q_f32(r), r);
}
/* f64: b = B x^2, s = A + b and y = x s, each with its rounding error. */
CNN_INLINE double cnn_gelu_tanh_parts_f64(double x, uint64_t *n)
{
    double x2 = x * x, x2_lo = cnn_mul_lo_f64(x, x, x2);
    double b = CNN_GELU_B * x2;
    double b_lo = cnn_mul_lo_f64(CNN_GELU_B, x2, b) + (CNN_GELU_B * x2_lo + CNN_GELU_B_LO * x2);
    double s = CNN_GELU_A + b, v = s - CNN_GELU_A;
    double s_lo = ((CNN_GELU_A - (s - v)) + (b - v)) + (CNN_GELU_A_LO + b_lo);
    double y = x * s, y_lo = cnn_mul_lo_f64(x, s, y) + x * s_lo;
    return cnn_exp_parts2_f64(-y, -y_lo, n);
}

/* -0 at -0 and at -inf, inf at inf.  Above 6 (f64: 8) the sigmoid is 1.
 * Max error: f32 2.35, f64 1.9 ULP */
CNN_INLINE float cnn_gelu_tanh_f32(float x)
{
    const float c = 1.45519152e-11f; /* 2^-36 */
    uint32_t n;
    float t = x < -11.0f ? -11.0f : x;
    t = t > 6.0f ? 6.0f : t;
    float p = cnn_gelu_tanh_parts_f32(t, &n);
    float y = t / cnn_fma_f32(p, cnn_pow2_f32(n - 36u), c) * c;
    return x > 6.0f ? x : y;
}
CNN_INLINE double cnn_gelu_tanh_f64(double x)
{
    const double c = 1.2621774483536189e-29; /* 2^-96 */
    uint64_t n;
    double t = x < -21.7 ? -21.7 : x;
    t = t > 8.0 ? 8.0 : t;
    double p = cnn_gelu_tanh_parts_f64(t, &n);
    double y = t / cnn_fma_f64(p, cnn_pow2_f64(n - 96u), c) * c;
    return x > 8.0 ? x : y;
}

/* Crosses 0 at x = -0.75246.  The numerator is that of silu_grad; f32 ends in
 * double, where the error of 1 + E does not count twice and nothing can
 * overflow.  -0 at -inf, 1 at inf.  Max error: f32 1.81, f64 4.8 ULP away from the crossing */
CNN_INLINE float cnn_gelu_tanh_grad_f32(float x)
{
    uint32_t n;
    x = x < -11.0f ? -11.0f : x;
    x = x > 6.0f ? 6.0f : x;
    float p = cnn_gelu_tanh_parts_f32(x, &n);
    double xd = x, e = (double)(p * cnn_pow2_f32(n - 64u)) * 18446744073709551616.0, d = 1.0 + e;
    double v = cnn_fma_f64(xd, cnn_fma_f64(3.0 * CNN_GELU_B, xd * xd, CNN_GELU_A), 1.0);
    return (float)(cnn_fma_f64(e, v, 1.0) / (d * d));
}
CNN_INLINE double cnn_gelu_tanh_grad_f64(double x)
{
    const double c = 7.7037197775489434e-34; /* 2^-110 */
    uint64_t n;
    x = x < -21.7 ? -21.7 : x;
    x = x > 8.0 ? 8.0 : x;
    double p = cnn_gelu_tanh_parts_f64(x, &n);
    double e = p * cnn_pow2_f64(n - 110u), d = e + c;
    double v = cnn_fma_f64(x, cnn_fma_f64(3.0 * CNN_GELU_B, x * x, CNN_GELU_A), 1.0);
    return cnn_fma_f64(e, v, c) / d / d * c;
}

#endif
