/* cnn_erf.h - the exact GELU and its gradient.
 *
 * All rest on the upper tail of the normal distribution, for a >= 0
 *     Q(a) = 1 - Phi(a) = e^(-a^2/2) M(a).
 * M (the Mills ratio / sqrt(2 pi)) falls smoothly from 1/2 like 0.4 / a, so
 * (a + c) M(a) is nearly flat and, in t = (a - c) / (a + c), a polynomial H of
 * moderate degree: M = H(t) / (a + c).
 * Minimax coefficients (Remez exchange in 50-digit arithmetic), error relative to M:
 *     for f32: c = 4, degree  9, 0 <= a <= 15.1, 9e-9
 *     for f64: c = 5, degree 22, 0 <= a <= 39.5, 6e-18
 * The f32 tails are computed in double: the relative error of e^(-a^2/2) is
 * the absolute error of a^2/2, up to 100, which a float cannot hold.  For f64 the
 * square is carried in two pieces.
 */
#ifndef CNN_ERF_H
#define CNN_ERF_H

#include "cnn_exp.h"

#define CNN_INV_SQRT_2PI 0.3989422804014327
#define CNN_SQRT_HALF 0.70710678118654752

/* e^x to 1e-11, |x| < 700: enough for a result that is rounded to float. */
CNN_INLINE double cnn_exp_for_f32(double x)
{
    uint64_t n;
    double k = cnn_exp_round_f64(x, &n);
    double r = cnn_fma_f64(k, -0.69314718055994531, x);
    double q = 0.00019907866857678947;
    q = cnn_fma_f64(q, r, 0.0013948846754212752);
    q = cnn_fma_f64(q, r, 0.0083332856041749854);
    q = cnn_fma_f64(q, r, 0.041666236911361919);
    q = cnn_fma_f64(q, r, 0.16666666757604467);
    q = cnn_fma_f64(q, r, 0.50000000818839163);
    return cnn_fma_f64(r * r, q, 1.0 + r) * cnn_pow2_f64(n);
}
CNN_INLINE double cnn_mills_for_f32(double a)
{
    double inv = 1.0 / (a + 4.0), t = (a - 4.0) * inv;
    double p = -0.0001346169583962162;
    p = cnn_fma_f64(p, t, 0.00017378071049235078);
    p = cnn_fma_f64(p, t, 0.0015681439515981743);
    p = cnn_fma_f64(p, t, -0.0035097545949745587);
    p = cnn_fma_f64(p, t, -0.0075237689268612155);
    p = cnn_fma_f64(p, t, 0.060403419605075358);
    p = cnn_fma_f64(p, t, -0.18652369739532743);
    p = cnn_fma_f64(p, t, 0.38713691980791881);
    p = cnn_fma_f64(p, t, -0.60789657823564758);
    p = cnn_fma_f64(p, t, 0.75528513522964302);
    return p * inv;
}
CNN_INLINE double cnn_mills_f64(double a)
{
    double inv = 1.0 / (a + 5.0), t = (a - 5.0) * inv;
    double p = -3.1327129356513298e-10;
    p = cnn_fma_f64(p, t, 1.4052912015019635e-09);
    p = cnn_fma_f64(p, t, 7.9530060775148541e-09);
    p = cnn_fma_f64(p, t, -8.2185702542899706e-09);
    p = cnn_fma_f64(p, t, -6.5991745355048432e-08);
    p = cnn_fma_f64(p, t, 4.0788022565581185e-08);
    p = cnn_fma_f64(p, t, 4.3283789282225774e-07);
    p = cnn_fma_f64(p, t, -3.354750755820395e-07);
    p = cnn_fma_f64(p, t, -2.7689129924411445e-06);
    p = cnn_fma_f64(p, t, 3.9803593819842582e-06);
    p = cnn_fma_f64(p, t, 1.6681022767898537e-05);
    p = cnn_fma_f64(p, t, -4.9762648449730275e-05);
    p = cnn_fma_f64(p, t, -5.9375669661883874e-05);
    p = cnn_fma_f64(p, t, 0.00054489903236072884);
    p = cnn_fma_f64(p, t, -0.00079786940886110815);
    p = cnn_fma_f64(p, t, -0.0029933767666060727);
    p = cnn_fma_f64(p, t, 0.020795066800917875);
    p = cnn_fma_f64(p, t, -0.069118638706575461);
    p = cnn_fma_f64(p, t, 0.16502036617033361);
    p = cnn_fma_f64(p, t, -0.31353315667129605);
    p = cnn_fma_f64(p, t, 0.49530561596997735);
    p = cnn_fma_f64(p, t, -0.66538250289005674);
    p = cnn_fma_f64(p, t, 0.76919304975006297);
    return p * inv;
}

/* p and n with e^(-s a^2) = p 2^n, s a power of two.  The 26 high bits of a
 * have an exact square; the rest, (a - high) (a + high), is small. */
CNN_INLINE double cnn_exp_square_f64(double a, double s, uint64_t *n)
{
    double hi = cnn_from_bits_f64(cnn_to_bits_f64(a) & 0xfffffffff8000000u);
    return cnn_exp_parts2_f64(-s * (hi * hi), -s * ((a - hi) * (a + hi)), n);
}

/* erf(x) = x + x P(x^2) for |x| < 1; P minimax, 2^-57. */
CNN_INLINE double cnn_erf_near_f64(double x)
{
    double z = x * x;
    double p = -7.7794629717583473e-10;
    p = cnn_fma_f64(p, z, 1.3710988704186081e-08);
    p = cnn_fma_f64(p, z, -1.6206318752965553e-07);
    p = cnn_fma_f64(p, z, 1.6447132699784248e-06);
    p = cnn_fma_f64(p, z, -1.4924712439533532e-05);
    p = cnn_fma_f64(p, z, 0.00012055293586936385);
    p = cnn_fma_f64(p, z, -0.00085483259297660589);
    p = cnn_fma_f64(p, z, 0.0052239776061308134);
    p = cnn_fma_f64(p, z, -0.026866170643113394);
    p = cnn_fma_f64(p, z, 0.112837916709442);
    p = cnn_fma_f64(p, z, -0.37612638903183521);
    p = cnn_fma_f64(p, z, 0.12837916709551256);
    return cnn_fma_f64(x, p, x);
}

/* gelu(x) = x Phi(x) (Hendrycks and Gimpel 2016, the exact form).
 * x < 0: x Q(|x|), which has no cancellation; x > 0: x - x Q.  f64 takes
 * x/2 (1 + erf(x / sqrt 2)) for |x| < 0.8, where that is the more accurate.  -0 at
 * -0 and at -inf, inf at inf.  Max error: f32 0.66, f64 3.7 ULP */
CNN_INLINE float cnn_gelu_f32(float x)
{
    float c = x < -15.0f ? -15.0f : x;
    double a = cnn_abs_f32(c > 15.0f ? 15.0f : c);
    double q = cnn_exp_for_f32(-0.5 * (a * a)) * cnn_mills_for_f32(a);
    return (float)((double)c * (c > 0.0f ? 1.0 - q : q));
}
CNN_INLINE double cnn_gelu_f64(double x)
{
    uint64_t n;
    double c = x < -39.0 ? -39.0 : x;
    double b = c > 39.0 ? 39.0 : c, a = cnn_abs_f64(b);
    double q = cnn_exp_square_f64(a, 0.5, &n) * cnn_mills_f64(a);
    double tail = cnn_scale_f64(b * q, n); /* scaled last: may be subnormal */
    double inner = 0.5 * c * (1.0 + cnn_erf_near_f64(c * CNN_SQRT_HALF));
    tail = c > 0.0 ? c - tail : tail;
    return a < 0.8 ? inner : tail;
}

/* gelu'(x) = Phi(x) + x phi(x).  With g = e^(-a^2/2) (M(a) - a / sqrt(2 pi)),
 * a = |x|: g for x < 0, 1 - g for x > 0; f64 near 0 as in gelu.  Crosses 0 at x = -0.75179.
 * 0 at -inf, 1 at inf.  Max error: f32 0.73, f64 5.5 ULP away from the crossing */
CNN_INLINE float cnn_gelu_grad_f32(float x)
{
    double a = cnn_abs_f32(x);
    a = a > 15.0 ? 15.0 : a;
    double g = cnn_exp_for_f32(-0.5 * (a * a)) *
               cnn_fma_f64(-CNN_INV_SQRT_2PI, a, cnn_mills_for_f32(a));
    return (float)(x > 0.0f ? 1.0 - g : g);
}
CNN_INLINE double cnn_gelu_grad_f64(double x)
{
    uint64_t n;
    double c = x < -39.5 ? -39.5 : x;
    c = c > 39.5 ? 39.5 : c;
    double a = cnn_abs_f64(c), p = cnn_exp_square_f64(a, 0.5, &n);
    double g = p * cnn_fma_f64(-CNN_INV_SQRT_2PI, a, cnn_mills_f64(a));
    g = cnn_scale_f64(g, n);
    double inner = 0.5 * cnn_erf_near_f64(c * CNN_SQRT_HALF) +
                  cnn_fma_f64(c * CNN_INV_SQRT_2PI, cnn_scale_f64(p, n), 0.5);
    g = x > 0.0 ? 1.0 - g : g;
    return a < 0.8 ? inner : g;
}

#endif
