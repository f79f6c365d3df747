/* cnn_wide.h - eight doubles made of eight `real`s: how sums keep their digits at full speed.
 *
 *   WIDE               the type
 *   W_LOAD(p)          p[0 .. 7], converted
 *   W_LOAD_PART(p, n)  p[0 .. n-1] for n < 8, else 0; reads no other
 *   W_ADD, W_FMA       lane by lane; W_FMA(a, b, c) = a b + c
 *   W_SUM(w)           of the lanes, in one order everywhere
 *
 * Eight lanes on every instruction set: a sum has the same order on all of them.
 */
#ifndef CNN_WIDE_H
#define CNN_WIDE_H
#include <stdint.h>
#include "cnn_typed.h"

#define CNN_WIDE_LANES 8

static inline double cnn_fold(const double *lane)
{
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

#if defined(__AVX512F__) && defined(__AVX512VL__)
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

#else
typedef struct { double lane[CNN_WIDE_LANES]; } cnn_wide;
static inline cnn_wide W_FILL(double x)
{
    cnn_wide w;
    for (int l = 0; l < CNN_WIDE_LANES; l++)
        w.lane[l] = x;
    return w;
}
#  define W_ZERO() W_FILL(0)
static inline cnn_wide W_ADD(cnn_wide a, cnn_wide b)
{
    for (int l = 0; l < CNN_WIDE_LANES; l++)
        a.lane[l] += b.lane[l];
    return a;
}
static inline cnn_wide W_FMA(cnn_wide a, cnn_wide b, cnn_wide c)
{
    for (int l = 0; l < CNN_WIDE_LANES; l++)
        c.lane[l] += a.lane[l] * b.lane[l];
    return c;
}
static inline double W_SUM(cnn_wide w) { return cnn_fold(w.lane); }
#  define CNN_DEFINE_WIDE(real, suffix)                                                      \
    static inline cnn_wide cnn_wide_load_##suffix(const real *p)                             \
    {                                                                                        \
        cnn_wide w;                                                                          \
        for (int l = 0; l < CNN_WIDE_LANES; l++)                                             \
            w.lane[l] = (double)p[l];                                                        \
        return w;                                                                            \
    }                                                                                        \
    static inline cnn_wide cnn_wide_load_part_##suffix(const real *p, int64_t n)             \
    {                                                                                        \
        real part[CNN_WIDE_LANES] = {0};                                                     \
        for (int l = 0; l < n; l++)                                                          \
            part[l] = p[l];                                                                  \
        return cnn_wide_load_##suffix(part);                                                 \
    }
CNN_DEFINE_WIDE(float, f32)
CNN_DEFINE_WIDE(double, f64)
#endif

static inline double cnn_sum_double(int64_t n, const double *x)
{
    cnn_wide sum = W_ZERO();
    int64_t  i = 0;
    for (; i + CNN_WIDE_LANES <= n; i += CNN_WIDE_LANES)
        sum = W_ADD(sum, cnn_wide_load_f64(x + i));
    if (i < n)
        sum = W_ADD(sum, cnn_wide_load_part_f64(x + i, n - i));
    return W_SUM(sum);
}

#define WIDE              cnn_wide
#define W_LOAD(p)         K(cnn_wide_load)(p)
#define W_LOAD_PART(p, n) K(cnn_wide_load_part)(p, n)
#endif
