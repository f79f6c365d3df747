/* cnn_typed.h - names for code that is compiled for float and for double, and for
 * each instruction set.
 *
 * A file has two halves.  The typed one, where `real` is defined, is compiled for both types by
 * cnn_instantiate.h, which the other half includes at its end.  A header with functions of both
 * types, `K(name)`, belongs into the typed half of what includes it.  What of it is the same for
 * both types, and all of a header that others include, is guarded so that it may come again. */
#ifndef CNN_TYPED_H
#define CNN_TYPED_H
#include "cnn_need.h"

#define CNN_CAT_(a, b) a##_##b
#define CNN_CAT(a, b)  CNN_CAT_(a, b)
#define K(name)        CNN_CAT(name, CNN_SUFFIX)         /* relu -> relu_f32           */
#define CNN_TYPED(f)   {f##_f32, f##_f64}

/* The build sets CNN_ISA to the instruction set that this object file is for. */
#ifndef CNN_ISA
#define CNN_ISA baseline
#endif
#define CNN_JOIN_(a, b) a##_##b   /* CNN_CAT once more: a macro is not expanded within itself */
#define CNN_JOIN(a, b)  CNN_JOIN_(a, b)
#define CNN_FOR_ISA(name) CNN_JOIN(name, CNN_ISA)        /* cnn_op_relu -> cnn_op_relu_avx2 */

/* Before a function that must vanish into its callers: what they pass as literals then costs
 * nothing. */
#if defined(__GNUC__) || defined(__clang__)
#  define CNN_INLINE static inline __attribute__((always_inline))
#elif defined(_MSC_VER)
#  define CNN_INLINE static __forceinline
#else
#  define CNN_INLINE static inline
#endif

/* Before a function that is seldom called: small, and apart from those that are hot. */
#if defined(__GNUC__) || defined(__clang__)
#  define CNN_COLD __attribute__((cold, noinline))
#else
#  define CNN_COLD
#endif

/* Before a large function that several callers share: one copy, although each could have its own. */
#if defined(__GNUC__) || defined(__clang__)
#  define CNN_APART __attribute__((noinline))
#elif defined(_MSC_VER)
#  define CNN_APART __declspec(noinline)
#else
#  define CNN_APART
#endif

/* Before a loop over registers: its index must become a constant. */
#if defined(__clang__)
#  define CNN_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#  define CNN_UNROLL _Pragma("GCC unroll 16")
#else
#  define CNN_UNROLL
#endif

/* Before a loop whose iterations do not depend on each other although its pointers may be
 * equal (never partly overlapping): the compiler need not guard its vector code. */
#if defined(__clang__)
#  define CNN_IVDEP _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#  define CNN_IVDEP _Pragma("GCC ivdep")
#elif defined(_MSC_VER)
#  define CNN_IVDEP __pragma(loop(ivdep))
#else
#  define CNN_IVDEP
#endif

#endif
