/* vector_plain.h - vector.h without intrinsics: four floats or two doubles.
 * GCC and Clang map their vector type to SSE2, NEON or whatever the target has.  NEON multiplies
 * and adds with one rounding, which is to be asked for. */
#ifndef CNN_VECTOR_H
#include "vector.h"              /* which takes this where there is nothing better */
#elif !defined(CNN_VECTOR_BYTES)

#define CNN_VECTOR_BYTES 16
#define PART_IS_FREE     0
#if defined(__aarch64__)
#  define N_REGISTER 32
#else
#  define N_REGISTER 16
#endif

typedef int part_f32;      /* how many lanes exist */
typedef int part_f64;

#if defined(__GNUC__) || defined(__clang__)
typedef float  vector_f32 __attribute__((vector_size(16)));
typedef double vector_f64 __attribute__((vector_size(16)));
#  define LANE(v, i)     (v)[i]
#  define V_FILL(x)      ((x) - (VECTOR){0})      /* x - 0 is x, also for -0 */
#  define V_ADD(a, b)    ((a) + (b))
#  if defined(__aarch64__) && defined(__ARM_NEON)
#    include <arm_neon.h>
#    define V_FMA(a, b, c) K(v_fma)(a, b, c)
CNN_INLINE vector_f32 v_fma_f32(vector_f32 a, vector_f32 b, vector_f32 c)
{
    return (vector_f32)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
CNN_INLINE vector_f64 v_fma_f64(vector_f64 a, vector_f64 b, vector_f64 c)
{
    return (vector_f64)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
#  else
#    define V_FMA(a, b, c) ((c) + (a) * (b))
#  endif
#else
typedef struct { float x[4]; }  vector_f32;
typedef struct { double x[2]; } vector_f64;
#  define LANE(v, i)     (v).x[i]
#  define V_FILL(x)      K(v_fill)(x)
#  define V_ADD(a, b)    K(v_add)(a, b)
#  define V_FMA(a, b, c) K(v_fma)(a, b, c)
#endif
#define V_ZERO()                 K(v_zero)()
#define V_PART(n)                (n)
#define V_LOAD(p)                K(v_load)(p)
#define V_LOAD_PART(p, part)     K(v_load_part)(p, part)
#define V_STORE(p, v)            K(v_store)(p, v)
#define V_STORE_PART(p, part, v) K(v_store_part)(p, part, v)
#define V_RELU(x)                K(v_relu)(x)

#define CNN_EACH_LANE(real) for (int i = 0; i < (int)(CNN_VECTOR_BYTES / sizeof(real)); i++)
#define CNN_DEFINE_VECTOR(real, suffix)                                                       \
    CNN_INLINE vector_##suffix v_zero_##suffix(void)                                          \
    {                                                                                         \
        vector_##suffix v;                                                                    \
        memset(&v, 0, sizeof v);                                                              \
        return v;                                                                             \
    }                                                                                         \
    CNN_INLINE vector_##suffix v_load_##suffix(const real *p)                                 \
    {                                                                                         \
        vector_##suffix v;                                                                    \
        memcpy(&v, p, sizeof v);                                                              \
        return v;                                                                             \
    }                                                                                         \
    CNN_INLINE vector_##suffix v_load_part_##suffix(const real *p, int part)                  \
    {                                                                                         \
        vector_##suffix v = v_zero_##suffix();                                                \
        CNN_EACH_LANE(real) if (i < part) LANE(v, i) = p[i];                                  \
        return v;                                                                             \
    }                                                                                         \
    CNN_INLINE void v_store_##suffix(real *p, vector_##suffix v) { memcpy(p, &v, sizeof v); } \
    CNN_INLINE void v_store_part_##suffix(real *p, int part, vector_##suffix v)               \
    {                                                                                         \
        CNN_EACH_LANE(real) if (i < part) p[i] = LANE(v, i);                                  \
    }                                                                                         \
    CNN_INLINE vector_##suffix v_relu_##suffix(vector_##suffix v)                             \
    {                                                                                         \
        CNN_EACH_LANE(real) LANE(v, i) = LANE(v, i) < 0 ? 0 : LANE(v, i);                     \
        return v;                                                                             \
    }

CNN_DEFINE_VECTOR(float, f32)
CNN_DEFINE_VECTOR(double, f64)

#if !defined(__GNUC__) && !defined(__clang__)
#define CNN_DEFINE_ARITHMETIC(real, suffix)                                                   \
    CNN_INLINE vector_##suffix v_fill_##suffix(real x)                                        \
    {                                                                                         \
        vector_##suffix v;                                                                    \
        CNN_EACH_LANE(real) v.x[i] = x;                                                       \
        return v;                                                                             \
    }                                                                                         \
    CNN_INLINE vector_##suffix v_add_##suffix(vector_##suffix a, vector_##suffix b)           \
    {                                                                                         \
        CNN_EACH_LANE(real) a.x[i] += b.x[i];                                                 \
        return a;                                                                             \
    }                                                                                         \
    CNN_INLINE vector_##suffix v_fma_##suffix(vector_##suffix a, vector_##suffix b,           \
                                              vector_##suffix c)                              \
    {                                                                                         \
        CNN_EACH_LANE(real) c.x[i] += a.x[i] * b.x[i];                                        \
        return c;                                                                             \
    }
CNN_DEFINE_ARITHMETIC(float, f32)
CNN_DEFINE_ARITHMETIC(double, f64)
#endif
#endif
