/* vector.h - one register of `real`s, for the instruction set that the file is compiled for.
 *
 *   VECTOR          the type                    LANES      reals in it
 *   V_FMA(a, b, c)  a b + c: one rounding on AVX2 and AVX-512, two elsewhere
 *   V_SUM(x)        of the lanes
 *   V_RELU(x)       max(x, 0); NaN stays NaN (the instruction returns its second operand)
 *   PART            which leading lanes exist; V_LOAD_PART reads no others and makes them 0,
 *                   V_STORE_PART writes no others
 *   HALF, H(op)     on AVX-512 the type of half a vector, and its intrinsics
 *
 * N_REGISTER, of which a tile keeps most as accumulators.  PART_IS_FREE: a partial load costs
 * no more than a whole one, so that one kernel serves both.
 * Names that differ between float and double expand where they are used (see cnn_typed.h).
 */
#ifndef CNN_VECTOR_H
#define CNN_VECTOR_H
#include <stdint.h>
#include <string.h>
#include "cnn_typed.h"

/* Ask for a line of memory, to be in that level of cache when it is needed.  An address, since
 * what lies ahead may lie behind the end of an array. */
#if defined(__GNUC__) || defined(__clang__)
#  define PREFETCH_L1(address) __builtin_prefetch((const void *)(address), 0, 3)
#  define PREFETCH_L2(address) __builtin_prefetch((const void *)(address), 0, 2)
#else
#  define PREFETCH_L1(address) ((void)(address))
#  define PREFETCH_L2(address) ((void)(address))
#endif

#define LANES ((int)(CNN_VECTOR_BYTES / sizeof(real)))

#if defined(__AVX512F__)
#  include <immintrin.h>
#  define CNN_VECTOR_BYTES 64
#  define N_REGISTER       32
#  define PART_IS_FREE     1
typedef __m512    vector_f32;
typedef __m512d   vector_f64;
typedef __mmask16 part_f32;
typedef __mmask8  part_f64;
#  define MM_f32(op) _mm512_##op##_ps
#  define MM_f64(op) _mm512_##op##_pd
typedef __m256    half_f32;
typedef __m256d   half_f64;
#  define HALF         CNN_CAT(half, CNN_SUFFIX)
#  define H_f32(op)    _mm256_##op##_ps
#  define H_f64(op)    _mm256_##op##_pd
#  define H(op)        CNN_CAT(H, CNN_SUFFIX)(op)
#  define V_PART(n)               ((PART)((1u << (n)) - 1))
#  define V_LOAD_PART(p, part)    MM(maskz_loadu)(part, p)
#  define V_STORE_PART(p, part, v) MM(mask_storeu)(p, part, v)

#elif defined(__AVX2__) && (defined(__FMA__) || defined(_MSC_VER))
#  include <immintrin.h>
#  define CNN_VECTOR_BYTES 32
#  define N_REGISTER       16
#  define PART_IS_FREE     0
typedef __m256  vector_f32;
typedef __m256d vector_f64;
typedef __m256i part_f32;
typedef __m256i part_f64;
#  define MM_f32(op) _mm256_##op##_ps
#  define MM_f64(op) _mm256_##op##_pd
static const int32_t cnn_part_window[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
#  define V_PART(n) _mm256_loadu_si256( \
        (const __m256i *)(cnn_part_window + 8 - (n) * (int)(sizeof(real) / 4)))
#  define V_LOAD_PART(p, part)     MM(maskload)(p, part)
#  define V_STORE_PART(p, part, v) MM(maskstore)(p, part, v)

#else
#  include "vector_plain.h"
#endif

#define VECTOR CNN_CAT(vector, CNN_SUFFIX)
#define PART   CNN_CAT(part, CNN_SUFFIX)

#ifdef MM_f32
#  define MM(op)         CNN_CAT(MM, CNN_SUFFIX)(op)
#  define V_ZERO()       MM(setzero)()
#  define V_FILL(x)      MM(set1)(x)
#  define V_LOAD(p)      MM(loadu)(p)
#  define V_STORE(p, v)  MM(storeu)(p, v)
#  define V_ADD(a, b)    MM(add)(a, b)
#  define V_FMA(a, b, c) MM(fmadd)(a, b, c)
#  define V_RELU(x)      MM(max)(V_ZERO(), x)
#endif

/* The sum of the lanes, halves folded upon each other. */
#if defined(__AVX512F__)
#  define V_SUM(v) MM(reduce_add)(v)
#elif defined(MM_f32)
#  define V_SUM(v) K(v_sum)(v)
CNN_INLINE float v_sum_f32(__m256 v)
{
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
CNN_INLINE double v_sum_f64(__m256d v)
{
    const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}
#else
#  define V_SUM(v) K(v_sum)(v)
#  define CNN_DEFINE_SUM(real, suffix)                                                        \
    CNN_INLINE real v_sum_##suffix(vector_##suffix v)                                         \
    {                                                                                         \
        real lane[CNN_VECTOR_BYTES / sizeof(real)];                                           \
        memcpy(lane, &v, sizeof lane);                                                        \
        for (int half = (int)(CNN_VECTOR_BYTES / sizeof(real)) / 2; half > 0; half /= 2)      \
            for (int i = 0; i < half; i++)                                                    \
                lane[i] += lane[half + i];                                                    \
        return lane[0];                                                                       \
    }
CNN_DEFINE_SUM(float, f32)
CNN_DEFINE_SUM(double, f64)
#endif
#endif
