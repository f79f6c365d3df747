/* Driver of test_math_ulp.py: loops over the functions of src_c/math, libm
 * references one precision higher, and the comparison in ULP.
 *
 * f32 arguments are bit patterns start, start + stride, ..., so that a sample
 * covers all magnitudes alike and stride 1 covers every float. */
#include "cnn_math.h"

#include <float.h>

typedef long double ldouble;
#define SQRT_HALF 0.707106781186547524400844362104849039L

/* Phi(x) = erfc(s) / 2, s = -x / sqrt 2.  In the tail the rounding of s to long
 * double would show: s^2 - x^2/2, taken exactly with fma, is put back. */
static ldouble ref_phi(ldouble x)
{
    ldouble s = -x * SQRT_HALF, y = erfcl(s) / 2, h = x * x / 2;
    return s > 1 && s < 100 ? y * (1 + (fmal(s, s, -h) - fmal(x, x / 2, -h))) : y;
}
static ldouble ref_pdf(ldouble x) { return 0.398942280401432677939946059934381868L * expl(-x * x / 2); }
static ldouble ref_gelu_y(ldouble x)
{
    return 1.59576912160573071175978423973752747L * (x + 0.044715L * x * x * x);
}
static ldouble ref_sig(ldouble y) { return 1 / (1 + expl(-y)); }

/* Each reference states the limit where the formula is inf - inf or 0 * inf. */
#define REFS(T, S)                                                                              \
    static T ref_exp_##S(T x) { return R(exp)(x); }                                             \
    static T ref_expm1_##S(T x) { return R(expm1)(x); }                                         \
    static T ref_sin_##S(T x) { return R(sin)(x); }                                             \
    static T ref_cos_##S(T x) { return R(cos)(x); }                                             \
    static T ref_log_##S(T x) { return R(log)(x); }                                             \
    static T ref_log1p_##S(T x) { return R(log1p)(x); }                                         \
    static T ref_sigmoid_##S(T x) { return 1 / (1 + R(exp)(-x)); }                              \
    static T ref_tanh_##S(T x) { return R(tanh)(x); }                                           \
    static T ref_softplus_##S(T x) { return (x > 0 ? x : 0) + R(log1p)(R(exp)(-R(fabs)(x))); }  \
    static T ref_silu_##S(T x) { return x == -INFINITY ? (T)-0.0 : x / (1 + R(exp)(-x)); }      \
    static T ref_silu_grad_##S(T x)                                                             \
    {                                                                                           \
        T s = 1 / (1 + R(exp)(-x)), c = 1 / (1 + R(exp)(x));                                    \
        return isinf(x) ? (x > 0 ? 1 : (T)-0.0) : s * (1 + x * c);                                         \
    }                                                                                           \
    static T ref_mish_##S(T x)                                                                  \
    {                                                                                           \
        T e = R(exp)(x), w = e * (e + 2);                                                       \
        return x == -INFINITY ? (T)-0.0 : x > 50 ? x : x * w / (w + 2);                         \
    }                                                                                           \
    static T ref_mish_grad_##S(T x)                                                             \
    {                                                                                           \
        T e = R(exp)(x), d = e * (e + 2) + 2;                                                   \
        return x > 100 ? 1 : x == -INFINITY ? (T)-0.0                                           \
                           : e * ((e + 2) * d + 4 * x * (1 + e)) / (d * d);                     \
    }                                                                                           \
    static T ref_gelu_##S(T x) { return x == -INFINITY ? (T)-0.0 : (T)(x * ref_phi(x)); }       \
    static T ref_gelu_grad_##S(T x)                                                             \
    {                                                                                           \
        return x < -100 || x > 100 ? (x > 0 ? 1 : (T)-0.0) : (T)(ref_phi(x) + x * ref_pdf(x));                        \
    }                                                                                           \
    static T ref_gelu_tanh_##S(T x)                                                             \
    {                                                                                           \
        return x == -INFINITY ? (T)-0.0 : (T)(x * ref_sig(ref_gelu_y(x)));                      \
    }                                                                                           \
    static T ref_gelu_tanh_grad_##S(T x)                                                        \
    {                                                                                           \
        ldouble y = ref_gelu_y(x), dy = 1.59576912160573071175978423973752747L *                \
                                        (1 + 0.134145L * (ldouble)x * x);                       \
        if (x > 100 || x < -100) return x > 0 ? 1 : (T)-0.0;                                                  \
        return (T)(ref_sig(y) * (1 + x * dy * ref_sig(-y)));                                    \
    }
#define R(f) f
REFS(double, f32)
#undef R
#define R(f) f##l
REFS(ldouble, f64)

#define FUNCTIONS(F)                                                                       \
    F(exp, exp) F(expm1, expm1) F(log, log) F(log1p, log1p) F(sin, sin) F(cos, cos)        \
    F(sigmoid, sigmoid) F(tanh, tanh) F(softplus, softplus) F(silu, silu)                  \
    F(silu_grad, silu_grad) F(mish, mish) F(mish_grad, mish_grad)                          \
    F(gelu, gelu) F(gelu_grad, gelu_grad) F(gelu_tanh, gelu_tanh)                          \
    F(gelu_tanh_grad, gelu_tanh_grad)

#define LOOPS(f, g)                                                                        \
    void loop_##f##_f32(int64_t n, const float *restrict x, float *restrict y)             \
    {                                                                                      \
        for (int64_t i = 0; i < n; i++) y[i] = cnn_##g##_f32(x[i]);                        \
    }                                                                                      \
    void loop_##f##_f64(int64_t n, const double *restrict x, double *restrict y)           \
    {                                                                                      \
        for (int64_t i = 0; i < n; i++) y[i] = cnn_##g##_f64(x[i]);                        \
    }                                                                                      \
    void refs_##f##_f32(int64_t n, const float *x, double *y)                              \
    {                                                                                      \
        for (int64_t i = 0; i < n; i++) y[i] = ref_##f##_f32(x[i]);                        \
    }                                                                                      \
    void refs_##f##_f64(int64_t n, const double *x, ldouble *y)                            \
    {                                                                                      \
        for (int64_t i = 0; i < n; i++) y[i] = ref_##f##_f64(x[i]);                        \
    }
FUNCTIONS(LOOPS)

void fill_bits(int64_t n, uint32_t start, uint32_t stride, float *x)
{
    for (int64_t i = 0; i < n; i++) x[i] = cnn_from_bits_f32(start + (uint32_t)i * stride);
}

/* |got - ref| in units of the spacing of T at ref.  Infinity counts as the next
 * power of two after the largest finite number, unless ref rounds to it. */
#define MAX_ULP(T, W, S, MANT, MINEXP, TOP)                                                \
    double max_ulp_##S(int64_t n, const T *x, const T *got, const W *ref, double lo,       \
                       double hi, double *worst)                                           \
    {                                                                                      \
        double top = 0;                                                                    \
        for (int64_t i = 0; i < n; i++) {                                                  \
            double err;                                                                    \
            int e;                                                                         \
            if (x[i] > lo && x[i] < hi) continue; /* next to a gradient's zero */          \
            if (ref[i] != ref[i] || got[i] != got[i])                                      \
                err = (ref[i] != ref[i] && got[i] != got[i]) ? 0 : 1e300;                  \
            else if ((T)ref[i] == got[i] && (isinf(got[i]) || got[i] == 0))                \
                err = !signbit(ref[i]) == !signbit(got[i]) ? 0 : 1e300;                     \
            else if (isinf(ref[i]))                                                        \
                err = 1e300;                                                               \
            else {                                                                         \
                W g = isinf(got[i]) ? (got[i] > 0 ? TOP : -TOP) : (W)got[i];               \
                frexpl(ref[i], &e);                                                        \
                err = (double)fabsl(ldexpl((ldouble)g - ref[i], MANT - (e < MINEXP ? MINEXP : e))); \
            }                                                                              \
            if (err > top) { top = err; *worst = x[i]; }                                   \
        }                                                                                  \
        return top;                                                                        \
    }
MAX_ULP(float, double, f32, 24, FLT_MIN_EXP, 0x1p128)
MAX_ULP(double, ldouble, f64, 53, DBL_MIN_EXP, 0x1p1024L)

void helper_round_f64(int64_t n, const double *restrict x, double *restrict y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = cnn_round_f64(x[i]);
}

#define HELPERS(T, S)                                                                      \
    void helper_sqrt_##S(int64_t n, const T *restrict x, T *restrict y)                    \
    {                                                                                      \
        for (int64_t i = 0; i < n; i++) y[i] = cnn_sqrt_##S(x[i]);                         \
    }                                                                                      \
    void helper_abs_##S(int64_t n, const T *restrict x, T *restrict y)                     \
    {                                                                                      \
        for (int64_t i = 0; i < n; i++) y[i] = cnn_abs_##S(x[i]);                          \
    }
HELPERS(float, f32)
HELPERS(double, f64)

int cpu_has_avx2(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return 0;
#endif
}
int cpu_has_avx512(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#else
    return 0;
#endif
}
