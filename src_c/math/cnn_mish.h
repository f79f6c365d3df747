/* cnn_mish.h - mish and its gradient.
 *
 * mish(x) = x tanh(softplus(x)) = x w / (w + 2),  w = e (e + 2),  e = e^x
 * mish'(x) = e (4 (x + 1) + e (4 x + 6 + e (4 + e))) / (w + 2)^2
 * One exponential; nothing cancels in the value.  The gradient crosses 0 at x = -1.19245 and only
 * there loses relative accuracy.  From 30 (f64: 40) on mish(x) is x.  f32 goes on in double behind
 * the exponential, since w + 2 and its square would count its rounding again.  In f64 a power of
 * two keeps e normal, and what is subnormal is rounded once.  -0 at -0 and at -inf.
 */
#ifndef CNN_MISH_H
#define CNN_MISH_H

#include "cnn_exp.h"

/* e^x as a double, for x in -112 .. 30. */
CNN_INLINE double cnn_mish_exp(float x)
{
    uint32_t n;
    float p = cnn_exp_parts_f32(x, &n);
    return (double)(p * cnn_pow2_f32(n + 64u)) * 5.4210108624275222e-20; /* 2^-64 */
}

/* Max error: f32 1.6, f64 4.2 ULP */
CNN_INLINE float cnn_mish_f32(float x)
{
    float t = x < -112.0f ? -112.0f : x;
    t = t > 30.0f ? 30.0f : t;
    double e = cnn_mish_exp(t), w = e * (e + 2.0);
    float y = (float)((double)t * w / (w + 2.0));
    return x > 30.0f ? x : y;
}
CNN_INLINE double cnn_mish_f64(double x)
{
    const double c = 5.4210108624275222e-20; /* 2^-64 */
    uint64_t n;
    double t = x < -752.0 ? -752.0 : x;
    t = t > 40.0 ? 40.0 : t;
    double p = cnn_exp_parts_f64(t, &n);
    double e = p * cnn_pow2_f64(n + 64u), plus = cnn_fma_f64(e, c, 2.0);
    double y = t * (e * plus / cnn_fma_f64(e * c, plus, 2.0)) * c;
    return x > 40.0 ? x : y;
}

/* x + 1 is exact where its share is large. */
CNN_INLINE double cnn_mish_cubic(double e, double x)
{
    double inner = cnn_fma_f64(e, 4.0 + e, cnn_fma_f64(4.0, x, 6.0));
    return cnn_fma_f64(e, inner, 4.0 * (x + 1.0));
}

/* Max error: f32 1.6, f64 6.0 ULP away from the crossing */
CNN_INLINE float cnn_mish_grad_f32(float x)
{
    x = x < -112.0f ? -112.0f : x;
    x = x > 30.0f ? 30.0f : x;
    double e = cnn_mish_exp(x), d = cnn_fma_f64(e, e + 2.0, 2.0);
    return (float)(e * cnn_mish_cubic(e, (double)x) / (d * d));
}
CNN_INLINE double cnn_mish_grad_f64(double x)
{
    const double c = 5.4210108624275222e-20; /* 2^-64 */
    uint64_t n;
    double t = x < -753.0 ? -753.0 : x;
    t = t > 24.0 ? 24.0 : t;
    double p = cnn_exp_parts_f64(t, &n);
    double big = p * cnn_pow2_f64(n + 64u), e = big * c, d = cnn_fma_f64(e, e + 2.0, 2.0);
    double y = big * (cnn_mish_cubic(e, t) / d / d) * c;
    return x > 24.0 ? 1.0 : y;
}

#endif
