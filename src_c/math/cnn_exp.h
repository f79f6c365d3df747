/* cnn_exp.h - exp, expm1.
 *
 * Reduction:  x = n ln2 + r,  n = round(x / ln2),  |r| <= ln2/2
 *             e^x = 2^n e^r,  e^r = 1 + r + r^2 q(r)
 * ln2 is split in two (Cody-Waite); the high part has so few bits that
 * n * high and x - n * high are exact with or without an fma.
 * q: minimax polynomial for (e^r - 1 - r) / r^2 on |r| <= 0.3473 (Remez
 * exchange in 50-digit arithmetic), weighted for the error relative to e^r - 1,
 * since the same q serves expm1: 2^-26 (f32, degree 4), 2^-59 (f64, degree 10).
 */
#ifndef CNN_EXP_H
#define CNN_EXP_H

#include "cnn_bits.h"

#define CNN_LN2_HI_F32 0.693359375f /* 9 significant bits, |n| <= 2^8 */
#define CNN_LN2_LO_F32 (-2.12194440e-4f)
#define CNN_LN2_HI_F64 0.69314718055966296 /* 41 significant bits, |n| <= 2^11 */
#define CNN_LN2_LO_F64 2.8235290563031577e-13
#define CNN_LOG2E 1.4426950408889634

CNN_INLINE float cnn_exp_q_f32(float r)
{
    float q = 1.39466693e-3f;
    q = cnn_fma_f32(q, r, 8.36672227e-3f);
    q = cnn_fma_f32(q, r, 4.16662789e-2f);
    q = cnn_fma_f32(q, r, 1.6666542e-1f);
    return cnn_fma_f32(q, r, 5.00000006e-1f);
}

CNN_INLINE double cnn_exp_q_f64(double r)
{
    double q = 2.0968777241508118e-09;
    q = cnn_fma_f64(q, r, 2.5112653487740699e-08);
    q = cnn_fma_f64(q, r, 2.7557055268780718e-07);
    q = cnn_fma_f64(q, r, 2.7557232630034482e-06);
    q = cnn_fma_f64(q, r, 2.4801587666647328e-05);
    q = cnn_fma_f64(q, r, 1.9841269899350985e-04);
    q = cnn_fma_f64(q, r, 1.3888888888627553e-03);
    q = cnn_fma_f64(q, r, 8.333333333315332e-03);
    q = cnn_fma_f64(q, r, 4.1666666666667587e-02);
    q = cnn_fma_f64(q, r, 1.6666666666666688e-01);
    return cnn_fma_f64(q, r, 0.5);
}

/* n = round(x / ln2) as a float, and as an integer modulo 2^32 in *n. */
CNN_INLINE float cnn_exp_round_f32(float x, uint32_t *n)
{
    float t = cnn_fma_f32(x, (float)CNN_LOG2E, 12582912.0f);
    *n = cnn_to_bits_f32(t) - 0x4b400000u;
    return t - 12582912.0f;
}
CNN_INLINE double cnn_exp_round_f64(double x, uint64_t *n)
{
    double t = cnn_fma_f64(x, CNN_LOG2E, 6755399441055744.0);
    *n = cnn_to_bits_f64(t) - 0x4338000000000000u;
    return t - 6755399441055744.0;
}

/* p in 0.70 .. 1.42 with e^x = p 2^n, for x where |n| <= 254 (f32), 2046 (f64).
 * Other functions take p and n apart so that they can scale last, after the
 * operations that would lose bits in a subnormal.  A NaN ends up in p.
 * The rounding of r itself is kept out of p: r_hi is exact. */
CNN_INLINE float cnn_exp_parts_f32(float x, uint32_t *n)
{
    float k = cnn_exp_round_f32(x, n);
    float r_hi = cnn_fma_f32(k, -CNN_LN2_HI_F32, x);
    float r_lo = k * CNN_LN2_LO_F32;
    float r = r_hi - r_lo;
    return 1.0f + (r_hi + cnn_fma_f32(r * r, cnn_exp_q_f32(r), -r_lo));
}

/* The same for x + x_lo, where |x_lo| is far below 1: an argument that had to
 * be computed in two pieces, since its error becomes a relative error here. */
CNN_INLINE double cnn_exp_parts2_f64(double x, double x_lo, uint64_t *n)
{
    double k = cnn_exp_round_f64(x, n);
    double r = cnn_fma_f64(k, -CNN_LN2_HI_F64, x) + cnn_fma_f64(k, -CNN_LN2_LO_F64, x_lo);
    return 1.0 + cnn_fma_f64(r * r, cnn_exp_q_f64(r), r);
}
CNN_INLINE double cnn_exp_parts_f64(double x, uint64_t *n)
{
    double k = cnn_exp_round_f64(x, n);
    double r = cnn_fma_f64(k, -CNN_LN2_LO_F64, cnn_fma_f64(k, -CNN_LN2_HI_F64, x));
    return 1.0 + cnn_fma_f64(r * r, cnn_exp_q_f64(r), r);
}

/* e^x.  Beyond the clamps the result is infinity or rounds to 0.
 * Max error: f32 0.93, f64 0.96 ULP */
CNN_INLINE float cnn_exp_f32(float x)
{
    uint32_t n;
    x = x < -104.5f ? -104.5f : x;
    x = x > 89.0f ? 89.0f : x;
    float p = cnn_exp_parts_f32(x, &n);
    return cnn_scale_f32(p, n);
}
CNN_INLINE double cnn_exp_f64(double x)
{
    uint64_t n;
    x = x < -746.0 ? -746.0 : x;
    x = x > 710.0 ? 710.0 : x;
    double p = cnn_exp_parts_f64(x, &n);
    return cnn_scale_f64(p, n);
}

/* w and h = 2^-n with e^x - 1 = 2^n w, for x where -126 < n <= 128.
 *
 *   w = e^r - 2^-n = (r_hi + (1 - h)) + (r^2 q(r) - r_lo),  r = r_hi - r_lo
 *
 * r_hi is exact and, where it cancels against 1 - h, so is the sum; r_lo joins
 * the small terms.  So there is no range of x where bits are lost.  For n = 0
 * the first bracket is x itself, which keeps tiny and subnormal x exact.
 * h goes to 0 at n = 127 and is held there: it no longer matters. */
CNN_INLINE float cnn_expm1_parts_f32(float x, uint32_t *n, float *h)
{
    float k = cnn_exp_round_f32(x, n);
    float r_hi = cnn_fma_f32(k, -CNN_LN2_HI_F32, x);
    float r_lo = k * CNN_LN2_LO_F32;
    float r = r_hi - r_lo;
    int32_t e = (int32_t)(127u - *n);
    *h = cnn_from_bits_f32((uint32_t)(e > 0 ? e : 0) << 23);
    return (r_hi + (1.0f - *h)) + cnn_fma_f32(r * r, cnn_exp_q_f32(r), -r_lo);
}
/* f64: held through a clamp of k, as SSE2 has no comparison of 64-bit integers. */
CNN_INLINE double cnn_expm1_parts_f64(double x, uint64_t *n, double *h)
{
    double k = cnn_exp_round_f64(x, n);
    double r_hi = cnn_fma_f64(k, -CNN_LN2_HI_F64, x);
    double r_lo = k * CNN_LN2_LO_F64;
    double r = r_hi - r_lo;
    double held = (k > 1000.0 ? 1000.0 : k) + 6755399441055744.0;
    *h = cnn_from_bits_f64((1023u - cnn_to_bits_f64(held)) << 52);
    return (r_hi + (1.0 - *h)) + cnn_fma_f64(r * r, cnn_exp_q_f64(r), -r_lo);
}

/* e^x - 1, accurate for small x.  2^n is applied as 2^(n-1) * 2, because 2^128
 * is no float.  Max error: f32 1.25, f64 1.2 ULP */
CNN_INLINE float cnn_expm1_f32(float x)
{
    uint32_t n;
    float h, c = x;
    c = c < -18.0f ? -18.0f : c;
    c = c > 89.0f ? 89.0f : c;
    float w = cnn_expm1_parts_f32(c, &n, &h);
    float y = w * cnn_pow2_f32(n - 1u) * 2.0f;
    return x == 0.0f ? x : y; /* -0 stays -0 */
}
CNN_INLINE double cnn_expm1_f64(double x)
{
    uint64_t n;
    double h, c = x;
    c = c < -40.0 ? -40.0 : c;
    c = c > 710.0 ? 710.0 : c;
    double w = cnn_expm1_parts_f64(c, &n, &h);
    double y = w * cnn_pow2_f64(n - 1u) * 2.0;
    return x == 0.0 ? x : y;
}

#endif
