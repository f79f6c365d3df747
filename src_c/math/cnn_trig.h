/* cnn_trig.h - sin, cos of arguments up to CNN_TRIG_NEAR.
 *
 * Reduction:  x = k pi/2 + r,  k = round(x 2/pi),  |r| <= pi/4
 * pi/2 is split into pieces of 33 bits (fdlibm, Sun Microsystems 1993), so that k times a piece
 * is exact and what each difference loses is exact too and goes on into the next: r keeps its
 * bits next to a multiple of pi/2, where nearly all of x cancels.  float is reduced in double,
 * where two pieces do.
 *             sin r = r + r^3 s(r^2),  cos r = 1 - r^2/2 + r^4 c(r^2)
 * s, c: minimax polynomials of fdlibm (f64, 2^-58) and of FreeBSD's msun (f32, in double, 2^-34).
 * Which of the two, and the sign, follow from k modulo 4; cos x = sin (x + pi/2) is one quarter
 * further.
 */
#ifndef CNN_TRIG_H
#define CNN_TRIG_H

#include "cnn_bits.h"

#define CNN_TRIG_NEAR 1e6 /* |k| < 2^20 */
#define CNN_2_OVER_PI 6.36619772367581382433e-01
#define CNN_PIO2_1 1.57079632673412561417e+00 /* the first 33 bits of pi/2, the second 33, ... */
#define CNN_PIO2_2 6.07710050630396597660e-11
#define CNN_PIO2_3 2.02226624871116645580e-21
#define CNN_PIO2_1_REST 6.07710050650619224932e-11 /* what is left behind them */
#define CNN_PIO2_3_REST 8.47842766036889956997e-32

/* a - b, and what the rounding loses: the difference is their sum, exactly. */
CNN_INLINE double cnn_diff(double a, double b, double *lost)
{
    double d = a - b, back = a - d;
    *lost = (a - (d + back)) + (back - b);
    return d;
}

/* k = round(x 2/pi) as a double, and modulo 2^32 in *quarter. */
CNN_INLINE double cnn_trig_round(double x, uint64_t *quarter)
{
    double t = cnn_fma_f64(x, CNN_2_OVER_PI, 6755399441055744.0);
    *quarter = cnn_to_bits_f64(t);
    return t - 6755399441055744.0;
}

/* sin or cos of r, with the sign, for a number of quarters; s and c are computed both. */
CNN_INLINE double cnn_trig_choose(double s, double c, uint64_t quarter)
{
    uint64_t is_cos = 0u - (quarter & 1u);
    uint64_t bits = (cnn_to_bits_f64(c) & is_cos) | (cnn_to_bits_f64(s) & ~is_cos);
    return cnn_from_bits_f64(bits ^ (quarter & 2u) << 62);
}

/* sin(x + quarters pi/2), |x| <= CNN_TRIG_NEAR; NaN for NaN.
 * Max error: f32 0.51, f64 0.78 ULP */
CNN_INLINE float cnn_wave_f32(float x, uint64_t quarters)
{
    uint64_t n;
    double k = cnn_trig_round((double)x, &n);
    double r = cnn_fma_f64(k, -CNN_PIO2_1_REST, cnn_fma_f64(k, -CNN_PIO2_1, (double)x));
    double z = r * r, s = 2.7183114939898219064e-06, c = 2.43904487962774090654e-05;
    s = cnn_fma_f64(s, z, -1.98393348360966317347e-04);
    s = cnn_fma_f64(s, z, 8.3333293858894631756e-03);
    s = cnn_fma_f64(s, z, -1.66666666416265235595e-01);
    c = cnn_fma_f64(c, z, -1.38867637746099294692e-03);
    c = cnn_fma_f64(c, z, 4.16666233237390631894e-02);
    c = cnn_fma_f64(c, z, -4.99999997251031003120e-01);
    s = cnn_fma_f64(r * z, s, r);
    c = cnn_fma_f64(z, c, 1.0);
    return (float)cnn_trig_choose(s, c, n + quarters);
}
CNN_INLINE double cnn_wave_f64(double x, uint64_t quarters)
{
    uint64_t n;
    double lost_2, lost_3;
    double k = cnn_trig_round(x, &n);
    double a = cnn_diff(cnn_fma_f64(k, -CNN_PIO2_1, x), k * CNN_PIO2_2, &lost_2);
    double b = cnn_diff(a, k * CNN_PIO2_3, &lost_3);
    double low = lost_2 + (lost_3 - k * CNN_PIO2_3_REST);
    double r = b + low, r_low = (b - r) + low;
    double z = r * r, h = z * 0.5, w = 1.0 - h;
    double s = 1.58969099521155010221e-10, c = -1.13596475577881948265e-11;
    s = cnn_fma_f64(s, z, -2.50507602534068634195e-08);
    s = cnn_fma_f64(s, z, 2.75573137070700676789e-06);
    s = cnn_fma_f64(s, z, -1.98412698298579493134e-04);
    s = cnn_fma_f64(s, z, 8.33333333332248946124e-03);
    s = cnn_fma_f64(s, z, -1.66666666666666324348e-01);
    c = cnn_fma_f64(c, z, 2.08757232129817482790e-09);
    c = cnn_fma_f64(c, z, -2.75573143513906633035e-07);
    c = cnn_fma_f64(c, z, 2.48015872894767294178e-05);
    c = cnn_fma_f64(c, z, -1.38888888888741095749e-03);
    c = cnn_fma_f64(c, z, 4.16666666666666019037e-02);
    /* The derivatives carry r_low: sin' r = cos r, about 1 - r^2/2; cos' r = -sin r, about -r. */
    s = r + cnn_fma_f64(r * z, s, r_low * w);
    c = w + (((1.0 - w) - h) + cnn_fma_f64(z * z, c, -r * r_low));
    return cnn_trig_choose(s, c, n + quarters);
}

/* -0 for -0: r is 0 - 0 then. */
CNN_INLINE float cnn_sin_f32(float x) { return x == 0.0f ? x : cnn_wave_f32(x, 0); }
CNN_INLINE double cnn_sin_f64(double x) { return x == 0.0 ? x : cnn_wave_f64(x, 0); }
CNN_INLINE float cnn_cos_f32(float x) { return cnn_wave_f32(x, 1); }
CNN_INLINE double cnn_cos_f64(double x) { return cnn_wave_f64(x, 1); }

#endif
