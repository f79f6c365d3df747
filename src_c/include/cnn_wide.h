/* cnn_wide.h - eight doubles made of eight `real`s: how sums keep their digits at full speed.
 *
 *   WIDE               the type
 *   W_LOAD(p)          p[0 .. 7], converted
 *   W_LOAD_PART(p, n)  p[0 .. n-1] for n < 8, else 0; reads no other
 *   W_ADD, W_FMA       lane by lane; W_FMA(a, b, c) = a b + c
 *   W_SUM(w)           of the lanes, in one order everywhere
 * and, where CNN_WIDE_HALVES is defined, which makes two registers of a WIDE on AVX-512 as well
 * (Zen 4 converts eight floats in a third more time than twice four, and folds halves for nothing):
 *   W_MAX(a, b)        a where it is larger, else b: a NaN in b stays
 *   W_FOLD(w, max)     lane l: the sum, or the maximum, of the lanes of w[l], eight of them; the
 *                      order is that of W_SUM
 *   W_STORE(p, w)      to eight doubles
 *
 * Eight lanes on every instruction set: a sum has the same order on all of them.
 */
#ifndef CNN_WIDE_H
#define CNN_WIDE_H
#include <stdint.h>
#include <string.h>
#include "cnn_typed.h"

#define CNN_WIDE_LANES 8

static inline double cnn_fold(const double *lane)
{
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

#if defined(__AVX512F__) && defined(__AVX512VL__) && !defined(CNN_WIDE_HALVES)
#  include <immintrin.h>
typedef __m512d cnn_wide;
#  define W_ZERO()       _mm512_setzero_pd()
#  define W_FILL(x)      _mm512_set1_pd(x)
#  define W_ADD(a, b)    _mm512_add_pd(a, b)
#  define W_FMA(a, b, c) _mm512_fmadd_pd(a, b, c)
#  define W_MASK(n)      ((__mmask8)((1u << (n)) - 1))
static inline cnn_wide cnn_wide_load_f32(const float *p)
{
    return _mm512_cvtps_pd(_mm256_loadu_ps(p));
}
static inline cnn_wide cnn_wide_load_part_f32(const float *p, int64_t n)
{
    return _mm512_cvtps_pd(_mm256_maskz_loadu_ps(W_MASK(n), p));
}
static inline cnn_wide cnn_wide_load_f64(const double *p) { return _mm512_loadu_pd(p); }
static inline cnn_wide cnn_wide_load_part_f64(const double *p, int64_t n)
{
    return _mm512_maskz_loadu_pd(W_MASK(n), p);
}
static inline double W_SUM(cnn_wide w)
{
    const __m256d four = _mm256_add_pd(_mm512_castpd512_pd256(w), _mm512_extractf64x4_pd(w, 1));
    const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(two) + _mm_cvtsd_f64(_mm_unpackhi_pd(two, two));
}
#elif defined(__AVX2__) && (defined(__FMA__) || defined(_MSC_VER))
#  include <immintrin.h>
typedef struct { __m256d low, high; } cnn_wide;
#  define W_ZERO() W_FILL(0)
static inline cnn_wide W_FILL(double x)
{
    return (cnn_wide){_mm256_set1_pd(x), _mm256_set1_pd(x)};
}
static inline cnn_wide W_ADD(cnn_wide a, cnn_wide b)
{
    return (cnn_wide){_mm256_add_pd(a.low, b.low), _mm256_add_pd(a.high, b.high)};
}
static inline cnn_wide W_MAX(cnn_wide a, cnn_wide b)
{
    return (cnn_wide){_mm256_max_pd(a.low, b.low), _mm256_max_pd(a.high, b.high)};
}
static inline void W_STORE(double *p, cnn_wide w)
{
    _mm256_storeu_pd(p, w.low);
    _mm256_storeu_pd(p + 4, w.high);
}
static inline cnn_wide W_FMA(cnn_wide a, cnn_wide b, cnn_wide c)
{
    return (cnn_wide){_mm256_fmadd_pd(a.low, b.low, c.low), _mm256_fmadd_pd(a.high, b.high, c.high)};
}
static inline cnn_wide cnn_wide_load_f32(const float *p)
{
    return (cnn_wide){_mm256_cvtps_pd(_mm_loadu_ps(p)), _mm256_cvtps_pd(_mm_loadu_ps(p + 4))};
}
static inline cnn_wide cnn_wide_load_f64(const double *p)
{
    return (cnn_wide){_mm256_loadu_pd(p), _mm256_loadu_pd(p + 4)};
}
/* A window of eight, moved by n, covers n places that exist. */
static const int32_t cnn_window_f32[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
static const int64_t cnn_window_f64[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
static inline cnn_wide cnn_wide_load_part_f32(const float *p, int64_t n)
{
    const int32_t *m = cnn_window_f32 + 8 - n;
    const __m256   x = _mm256_maskload_ps(p, _mm256_loadu_si256((const __m256i *)m));
    return (cnn_wide){_mm256_cvtps_pd(_mm256_castps256_ps128(x)),
                      _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1))};
}
static inline cnn_wide cnn_wide_load_part_f64(const double *p, int64_t n)
{
    const int64_t *m = cnn_window_f64 + 8 - n;
    return (cnn_wide){_mm256_maskload_pd(p, _mm256_loadu_si256((const __m256i *)m)),
                      _mm256_maskload_pd(p + 4, _mm256_loadu_si256((const __m256i *)(m + 4)))};
}
static inline double W_SUM(cnn_wide w)
{
    const __m256d four = _mm256_add_pd(w.low, w.high);
    const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(two) + _mm_cvtsd_f64(_mm_unpackhi_pd(two, two));
}
CNN_INLINE __m256d cnn_wide_both(__m256d a, __m256d b, const int max)
{
    return max ? _mm256_max_pd(a, b) : _mm256_add_pd(a, b);
}
CNN_INLINE __m256d cnn_wide_pair(cnn_wide a, cnn_wide b, const int max)
{
    const __m256d p = cnn_wide_both(a.low, a.high, max), q = cnn_wide_both(b.low, b.high, max);
    return cnn_wide_both(_mm256_permute2f128_pd(p, q, 0x20), _mm256_permute2f128_pd(p, q, 0x31),
                         max);
}
CNN_INLINE __m256d cnn_wide_four(const cnn_wide *w, const int max)
{
    const __m256d even = cnn_wide_pair(w[0], w[2], max), odd = cnn_wide_pair(w[1], w[3], max);
    return cnn_wide_both(_mm256_unpacklo_pd(even, odd), _mm256_unpackhi_pd(even, odd), max);
}
CNN_INLINE cnn_wide W_FOLD(const cnn_wide *w, const int max)
{
    return (cnn_wide){cnn_wide_four(w, max), cnn_wide_four(w + 4, max)};
}

#else
typedef struct { double lane[CNN_WIDE_LANES]; } cnn_wide;
static inline cnn_wide W_FILL(double x)
{
    cnn_wide w;
    CNN_UNROLL for (int l = 0; l < CNN_WIDE_LANES; l++)
        w.lane[l] = x;
    return w;
}
#  define W_ZERO() W_FILL(0)
static inline cnn_wide W_ADD(cnn_wide a, cnn_wide b)
{
    CNN_UNROLL for (int l = 0; l < CNN_WIDE_LANES; l++)
        a.lane[l] += b.lane[l];
    return a;
}
static inline cnn_wide W_FMA(cnn_wide a, cnn_wide b, cnn_wide c)
{
    CNN_UNROLL for (int l = 0; l < CNN_WIDE_LANES; l++)
        c.lane[l] += a.lane[l] * b.lane[l];
    return c;
}
static inline cnn_wide W_MAX(cnn_wide a, cnn_wide b)
{
    CNN_UNROLL for (int l = 0; l < CNN_WIDE_LANES; l++)
        b.lane[l] = a.lane[l] > b.lane[l] ? a.lane[l] : b.lane[l];
    return b;
}
static inline void W_STORE(double *p, cnn_wide w) { memcpy(p, w.lane, sizeof w.lane); }
static inline double W_SUM(cnn_wide w) { return cnn_fold(w.lane); }
CNN_INLINE cnn_wide W_FOLD(const cnn_wide *w, const int max)
{
    cnn_wide all;
    for (int r = 0; r < CNN_WIDE_LANES; r++) {
        const double *x = w[r].lane;
        double        half[4];
        CNN_UNROLL for (int l = 0; l < 4; l++)
            half[l] = !max ? x[l] + x[l + 4] : x[l] > x[l + 4] ? x[l] : x[l + 4];
        CNN_UNROLL for (int l = 0; l < 2; l++)
            half[l] = !max ? half[l] + half[l + 2] : half[l] > half[l + 2] ? half[l] : half[l + 2];
        all.lane[r] = !max ? half[0] + half[1] : half[0] > half[1] ? half[0] : half[1];
    }
    return all;
}
#  define CNN_DEFINE_WIDE(real, suffix)                                                      \
    static inline cnn_wide cnn_wide_load_##suffix(const real *p)                             \
    {                                                                                        \
        cnn_wide w;                                                                          \
        CNN_UNROLL for (int l = 0; l < CNN_WIDE_LANES; l++)                                  \
            w.lane[l] = (double)p[l];                                                        \
        return w;                                                                            \
    }                                                                                        \
    static inline cnn_wide cnn_wide_load_part_##suffix(const real *p, int64_t n)             \
    {                                                                                        \
        cnn_wide w;                                                                          \
        CNN_UNROLL for (int l = 0; l < CNN_WIDE_LANES; l++)                                  \
            w.lane[l] = l < n ? (double)p[l] : 0;                                            \
        return w;                                                                            \
    }
CNN_DEFINE_WIDE(float, f32)
CNN_DEFINE_WIDE(double, f64)
#endif

#define WIDE              cnn_wide
#define W_LOAD(p)         K(cnn_wide_load)(p)
#define W_LOAD_PART(p, n) K(cnn_wide_load_part)(p, n)
#endif
