/* vector.h - one register of `real`s, for the instruction set that the file is compiled for.
 *
 *   VECTOR          the type                    LANES      reals in it
 *   V_FMA(a, b, c)  a b + c: one rounding on AVX2 and AVX-512, two elsewhere
 *   V_RELU(x)       max(x, 0); NaN stays NaN (the instruction returns its second operand)
 *   PART            which leading lanes exist; V_LOAD_PART reads no others and makes them 0,
 *                   V_STORE_PART writes no others
 *
 * N_REGISTER, of which a tile keeps most as accumulators.  PART_IS_FREE: a partial load costs
 * no more than a whole one, so that one kernel serves both.
 * Names that differ between float and double expand where they are used (see cnn_typed.h).
 */
#ifndef CNN_VECTOR_H
#define CNN_VECTOR_H
#include "cnn_typed.h"

#if defined(__GNUC__) || defined(__clang__)
#  define CNN_INLINE static inline __attribute__((always_inline))
#else
#  define CNN_INLINE static __forceinline
#endif
/* Before a loop over registers: its index must become a constant. */
#if defined(__clang__)
#  define CNN_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#  define CNN_UNROLL _Pragma("GCC unroll 16")
#else
#  define CNN_UNROLL
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
#endif
