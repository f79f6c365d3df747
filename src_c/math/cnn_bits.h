/* cnn_bits.h - the primitives that the vector math is written in.
 *
 * Every function is branch-free and free of library calls, so that a plain
 * loop which calls it vectorises.  Conventions of the whole folder:
 *
 *   - a condition is a ternary on two values that are both computed;
 *   - a clamp is written `x < lo ? lo : x`: a NaN fails the comparison and
 *     passes through unchanged;
 *   - rounding to an integer adds and subtracts 1.5 * 2^(mantissa bits).  This
 *     needs no instruction newer than SSE2, and the integer can be read off
 *     the low bits of the sum;
 *   - the compiler must neither contract a*b+c on its own (-ffp-contract=off)
 *     nor reassociate: the vector body and the scalar tail of a loop then give
 *     the same bits, and the error terms below mean what they say.
 */
#ifndef CNN_BITS_H
#define CNN_BITS_H

#include <math.h> /* INFINITY and NAN only; sqrt on compilers without builtins */
#include <stdint.h>
#include <string.h>
#include "../include/cnn_typed.h"

/* a*b + c: one rounding where the target has the instruction, two elsewhere.
 * The accuracy stated for each function holds for both. */
#if defined(__FMA__) || defined(__FP_FAST_FMA) || defined(__ARM_FEATURE_FMA)
#define CNN_HAVE_FMA 1
CNN_INLINE float cnn_fma_f32(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
CNN_INLINE double cnn_fma_f64(double a, double b, double c) { return __builtin_fma(a, b, c); }
#else
#define CNN_HAVE_FMA 0
CNN_INLINE float cnn_fma_f32(float a, float b, float c) { return a * b + c; }
CNN_INLINE double cnn_fma_f64(double a, double b, double c) { return a * b + c; }
#endif

CNN_INLINE uint32_t cnn_to_bits_f32(float x) { uint32_t u; memcpy(&u, &x, sizeof u); return u; }
CNN_INLINE uint64_t cnn_to_bits_f64(double x) { uint64_t u; memcpy(&u, &x, sizeof u); return u; }
CNN_INLINE float cnn_from_bits_f32(uint32_t u) { float x; memcpy(&x, &u, sizeof x); return x; }
CNN_INLINE double cnn_from_bits_f64(uint64_t u) { double x; memcpy(&x, &u, sizeof x); return x; }

CNN_INLINE float cnn_abs_f32(float x)
{
    return cnn_from_bits_f32(cnn_to_bits_f32(x) & 0x7fffffffu);
}
CNN_INLINE double cnn_abs_f64(double x)
{
    return cnn_from_bits_f64(cnn_to_bits_f64(x) & 0x7fffffffffffffffu);
}

/* |x| with the sign of s: what carries a signed zero through an odd function. */
CNN_INLINE float cnn_copysign_f32(float x, float s)
{
    return cnn_from_bits_f32((cnn_to_bits_f32(x) & 0x7fffffffu) | (cnn_to_bits_f32(s) & 0x80000000u));
}
CNN_INLINE double cnn_copysign_f64(double x, double s)
{
    return cnn_from_bits_f64((cnn_to_bits_f64(x) & 0x7fffffffffffffffu) |
                             (cnn_to_bits_f64(s) & 0x8000000000000000u));
}

/* Correctly rounded on every target; NaN for x < 0, sqrt(-0) = -0. */
#if defined(_MSC_VER) && !defined(__clang__)
CNN_INLINE float cnn_sqrt_f32(float x) { return sqrtf(x); }
CNN_INLINE double cnn_sqrt_f64(double x) { return sqrt(x); }
#else
CNN_INLINE float cnn_sqrt_f32(float x) { return __builtin_sqrtf(x); }
CNN_INLINE double cnn_sqrt_f64(double x) { return __builtin_sqrt(x); }
#endif

/* Nearest integer, ties to even, sign of zero kept: |x| + 2^52 has no fraction
 * bits left, so the addition itself rounds.  Larger |x| are integers already. */
CNN_INLINE double cnn_round_f64(double x)
{
    double a = cnn_abs_f64(x);
    double r = cnn_copysign_f64((a + 4503599627370496.0) - 4503599627370496.0, x);
    return a < 4503599627370496.0 ? r : x;
}

/* 2^n for a normal result: n in -126 .. 127 (f32), -1022 .. 1023 (f64). */
CNN_INLINE float cnn_pow2_f32(uint32_t n) { return cnn_from_bits_f32((n + 127u) << 23); }
CNN_INLINE double cnn_pow2_f64(uint64_t n) { return cnn_from_bits_f64((n + 1023u) << 52); }

/* p * 2^n for n in -254 .. 256 (f32), -2046 .. 2048 (f64), in two exact factors
 * of about half the exponent each.  The first product is always normal, so a
 * subnormal result is rounded once, and overflow gives infinity by itself. */
CNN_INLINE float cnn_scale_f32(float p, uint32_t n)
{
    uint32_t biased = n + 254u, half = biased >> 1;
    return p * cnn_from_bits_f32(half << 23) * cnn_from_bits_f32((biased - half) << 23);
}
CNN_INLINE double cnn_scale_f64(double p, uint64_t n)
{
    uint64_t biased = n + 2046u, half = biased >> 1;
    return p * cnn_from_bits_f64(half << 52) * cnn_from_bits_f64((biased - half) << 52);
}

/* a*b - p exactly, for p = a*b rounded.  Without an fma the operands are split
 * into 26 high and 27 low bits by masking (Dekker 1971). */
CNN_INLINE double cnn_mul_lo_f64(double a, double b, double p)
{
#if CNN_HAVE_FMA
    return __builtin_fma(a, b, -p);
#else
    double ah = cnn_from_bits_f64(cnn_to_bits_f64(a) & 0xfffffffff8000000u), al = a - ah;
    double bh = cnn_from_bits_f64(cnn_to_bits_f64(b) & 0xfffffffff8000000u), bl = b - bh;
    return ((ah * bh - p) + (ah * bl + al * bh)) + al * bl;
#endif
}

#endif
