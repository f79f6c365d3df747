/* cnn_reduce_axes.h - the kernels of operations that make one number of each group, where the
 * groups lie along any axes of x: see cnn_groups.h for the attributes, shared/reduce.c for the
 * work.
 *
 * CNN_REDUCE(op, ...) defines K(op_forward) from the fields of a K(cnn_reducer), and
 * CNN_REDUCE_GRAD(op, SLOPE) defines K(op_grad) from
 *   SLOPE(x, y, dy)    dy times dy/dx, in CNN_FLOW where dy/dx is not always finite
 * Operands: x, y and, for the gradient, dy, dx.
 * Sums are formed in double, in an order that depends on the shape alone: that of W_SUM over the
 * numbers of a row.
 */
#include "cnn_groups.h"

#ifndef CNN_REDUCE_AXES_H
#define CNN_REDUCE_AXES_H
#define cnn_reduce_f32       CNN_FOR_ISA(cnn_reduce_f32)
#define cnn_reduce_f64       CNN_FOR_ISA(cnn_reduce_f64)
#define cnn_reduce_grad_f32  CNN_FOR_ISA(cnn_reduce_grad_f32)
#define cnn_reduce_grad_f64  CNN_FOR_ISA(cnn_reduce_grad_f64)
#define cnn_spread_f32       CNN_FOR_ISA(cnn_spread_f32)
#define cnn_spread_f64       CNN_FOR_ISA(cnn_spread_f64)
#define cnn_give_first_f32   CNN_FOR_ISA(cnn_give_first_f32)
#define cnn_give_first_f64   CNN_FOR_ISA(cnn_give_first_f64)

#define cnn_expand_f32       CNN_FOR_ISA(cnn_expand_f32)
#define cnn_expand_f64       CNN_FOR_ISA(cnn_expand_f64)
#define CNN_EXPAND_SLACK     16

/* The value, from what was made of each of n groups, of `count` numbers each. */
typedef void (*cnn_finish_fn)(int64_t n, double count, double *made);
#endif

#if !K(CNN_REDUCE_AXES_MADE)      /* once for each type, of which float comes first */
#ifndef CNN_REDUCE_AXES_MADE_f32
#define CNN_REDUCE_AXES_MADE_f32 1
#else
#define CNN_REDUCE_AXES_MADE_f64 1
#endif

/* What is made of a group. */
typedef struct {
    int           max;          /* 1: the largest number, NaN before all; -1: minus the least */
    int           squares;      /* 0: the sum of the numbers, 1: of their squares ... */
    int           less_top;     /* ... after the largest was taken off (0 if it is infinite) ... */
    /* ... and of what this makes of n numbers; NULL: of the numbers themselves.  top: see above */
    void        (*map)(int64_t n, const real *x, const real *top, double *made);
    cnn_finish_fn finish;       /* or NULL; with less_top, what was taken off is added to it */
} K(cnn_reducer);

/* dx = dy times dy/dx of n numbers; each has its y and dy beside it, or all have one. */
typedef void (*K(cnn_slope_fn))(int64_t n, int one, const real *x, const real *y, const real *dy,
                                real *dx);

cnn_status K(cnn_reduce)(const cnn_call *c, const K(cnn_reducer) *how);
void K(cnn_expand)(int by_rows, int64_t block, int64_t depth, const real *x, real *to);
cnn_status K(cnn_reduce_grad)(const cnn_call *c, K(cnn_slope_fn) slope);
/* dx = dy, or of a mean dy / n, n the numbers of a group. */
cnn_status K(cnn_spread)(const cnn_call *c, int mean);
/* dx = dy at the first number of a group, in row-major order, that is its y (the first NaN where
 * that is NaN), else 0. */
cnn_status K(cnn_give_first)(const cnn_call *c);
#endif

#define CNN_REDUCE(op, ...)                                                                  \
    static cnn_status K(op##_forward)(const cnn_call *c)                                     \
    {                                                                                        \
        static const K(cnn_reducer) how = {__VA_ARGS__};                                     \
        return K(cnn_reduce)(c, &how);                                                       \
    }

#define CNN_REDUCE_GRAD(op, SLOPE)                                                           \
    static void K(op##_slope)(int64_t n, int one, const real *restrict x,                    \
                              const real *restrict y, const real *restrict dy,               \
                              real *restrict dx)                                             \
    {                                                                                        \
        if (one) {                                                                           \
            const real y0 = *y, dy0 = *dy;                                                   \
            for (int64_t i = 0; i < n; i++)                                                  \
                dx[i] = SLOPE(x[i], y0, dy0);                                                \
        } else                                                                               \
            for (int64_t i = 0; i < n; i++)                                                  \
                dx[i] = SLOPE(x[i], y[i], dy[i]);                                            \
    }                                                                                        \
    static cnn_status K(op##_grad)(const cnn_call *c)                                        \
    {                                                                                        \
        return K(cnn_reduce_grad)(c, K(op##_slope));                                         \
    }
