/* cnn_log.h - log, log1p.
 *
 * Reduction:  x = 2^n m,  sqrt(1/2) <= m < sqrt(2),  f = m - 1 (exact)
 *             log x = n ln2 + log(1 + f)
 * f32:  log(1+f) = f - f^2/2 + f^3 P(f), P minimax of degree 8, error 2^-30
 *       relative to log(1+f).
 * f64:  s = f / (2+f),  log(1+f) = 2 atanh s = 2s + s^3 R(s^2); with
 *       2s = f - s f this is f - s (f - s^2 R), so that the rounded quotient s
 *       only meets small terms.  R minimax of degree 6, error 2^-58.
 * Coefficients: Remez exchange in 50-digit arithmetic.  n ln2 is added in two
 * pieces, see cnn_exp.h.
 */
#ifndef CNN_LOG_H
#define CNN_LOG_H

#include "cnn_exp.h"

/* log(1+f) + lo for f in -0.293 .. 0.415 without the leading term f, which the
 * caller adds last. */
CNN_INLINE float cnn_log_tail_f32(float f, float lo)
{
    float p = 6.91824202e-2f, f2 = f * f;
    p = cnn_fma_f32(p, f, -1.17924241e-1f);
    p = cnn_fma_f32(p, f, 1.18730179e-1f);
    p = cnn_fma_f32(p, f, -1.23839204e-1f);
    p = cnn_fma_f32(p, f, 1.42186126e-1f);
    p = cnn_fma_f32(p, f, -1.66692736e-1f);
    p = cnn_fma_f32(p, f, 2.00022286e-1f);
    p = cnn_fma_f32(p, f, -2.49999862e-1f);
    p = cnn_fma_f32(p, f, 3.33333104e-1f);
    return cnn_fma_f32(-0.5f, f2, cnn_fma_f32(f * f2, p, lo));
}
CNN_INLINE double cnn_log_tail_f64(double f, double lo)
{
    double s = f / (2.0 + f), z = s * s;
    double p = 1.479813171045635e-01;
    p = cnn_fma_f64(p, z, 1.5313844205983221e-01);
    p = cnn_fma_f64(p, z, 1.8183571911248275e-01);
    p = cnn_fma_f64(p, z, 2.2222198436970222e-01);
    p = cnn_fma_f64(p, z, 2.8571428743614208e-01);
    p = cnn_fma_f64(p, z, 3.9999999999409652e-01);
    p = cnn_fma_f64(p, z, 6.6666666666667351e-01);
    return cnn_fma_f64(-s, cnn_fma_f64(-z, p, f), lo);
}

/* n and m of a normal x > 0; any value for other x. */
CNN_INLINE float cnn_log_parts_f32(float x, float *n)
{
    uint32_t i = cnn_to_bits_f32(x) + (0x3f800000u - 0x3f3504f3u); /* 1 and sqrt(1/2) */
    *n = (float)((int32_t)(i >> 23) - 127);
    return cnn_from_bits_f32((i & 0x007fffffu) + 0x3f3504f3u);
}
/* f64: the integer becomes a double by being written into the mantissa of
 * 2^52, as 64-bit conversions came only with AVX-512. */
CNN_INLINE double cnn_log_parts_f64(double x, double *n)
{
    uint64_t i = cnn_to_bits_f64(x) + (0x3ff0000000000000u - 0x3fe6a09e667f3bcdu);
    *n = cnn_from_bits_f64((i >> 52) | 0x4330000000000000u) - (4503599627370496.0 + 1023.0);
    return cnn_from_bits_f64((i & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu);
}

/* log x: -inf at +-0, NaN below 0, inf at inf.  Subnormals are scaled up first.
 * Max error: f32 0.76, f64 0.77 ULP */
CNN_INLINE float cnn_log_f32(float x)
{
    float n, tiny = x < 1.17549435e-38f ? 23.0f : 0.0f;
    float f = cnn_log_parts_f32(x < 1.17549435e-38f ? x * 8388608.0f : x, &n) - 1.0f;
    n -= tiny;
    float y = f + cnn_log_tail_f32(f, n * CNN_LN2_LO_F32);
    y = cnn_fma_f32(n, CNN_LN2_HI_F32, y);
    y = x < INFINITY ? y : x;
    y = x > 0.0f ? y : x == 0.0f ? -INFINITY : NAN;
    return y;
}
CNN_INLINE double cnn_log_f64(double x)
{
    double n, tiny = x < 2.2250738585072014e-308 ? 52.0 : 0.0;
    double f = cnn_log_parts_f64(x < 2.2250738585072014e-308 ? x * 4503599627370496.0 : x, &n) - 1.0;
    n -= tiny;
    double y = f + cnn_log_tail_f64(f, n * CNN_LN2_LO_F64);
    y = cnn_fma_f64(n, CNN_LN2_HI_F64, y);
    y = x < (double)INFINITY ? y : x;
    y = x > 0.0 ? y : x == 0.0 ? -(double)INFINITY : (double)NAN;
    return y;
}

/* log(1 + x), accurate for small x.  u = 1 + x is reduced like an argument of
 * log; what its rounding lost, c = (1 + x) - u exactly, joins f scaled by 2^-n.
 * For n = 0 that gives f = x.  From n = 127 on 2^-n counts as 0: c is then far
 * below half an ULP.  -inf at -1, NaN below, -0 at -0.  Max error: f32 1.35, f64 1.3 ULP */
CNN_INLINE float cnn_log1p_f32(float x)
{
    float n, u = 1.0f + x, v = u - 1.0f;
    float c = (1.0f - (u - v)) + (x - v);
    float m = cnn_log_parts_f32(u, &n);
    int32_t e = 127 - (int32_t)n;
    float f = cnn_fma_f32(c, cnn_from_bits_f32((uint32_t)(e > 0 ? e : 0) << 23), m - 1.0f);
    float y = f + cnn_log_tail_f32(f, n * CNN_LN2_LO_F32);
    y = cnn_fma_f32(n, CNN_LN2_HI_F32, y);
    y = u < INFINITY ? y : x;
    y = u > 0.0f ? y : u == 0.0f ? -INFINITY : NAN;
    return x == 0.0f ? x : y;
}
CNN_INLINE double cnn_log1p_f64(double x)
{
    double n, u = 1.0 + x, v = u - 1.0;
    double c = (1.0 - (u - v)) + (x - v);
    double m = cnn_log_parts_f64(u, &n);
    double held = (n > 1000.0 ? 1000.0 : n) + 6755399441055744.0;
    double h = cnn_from_bits_f64((1023u - cnn_to_bits_f64(held)) << 52);
    double f = cnn_fma_f64(c, h, m - 1.0);
    double y = f + cnn_log_tail_f64(f, n * CNN_LN2_LO_F64);
    y = cnn_fma_f64(n, CNN_LN2_HI_F64, y);
    y = u < (double)INFINITY ? y : x;
    y = u > 0.0 ? y : u == 0.0 ? -(double)INFINITY : (double)NAN;
    return x == 0.0 ? x : y;
}

#endif
