/* cnn_elementwise.h - the kernels of y = f(x), one element at a time.
 *
 * CNN_UNARY(op, FORWARD, GRAD) defines K(op_map), K(op_forward) and K(op_grad) from
 *   FORWARD(x, a)        the value
 *   GRAD(x, y, dy, a)    dy times df/dx, in CNN_FLOW where df/dx is not always finite; of x and
 *                        y only what it uses need be valid
 * CNN_UNARY_OF(op, PARAM, FORWARD, GRAD) is the same for a function with an option:
 *   PARAM(attr)          the option `a`, read once per call
 * CNN_UNARY_AS(op, type, PARAM, FORWARD, GRAD) lets `a` have a type of its own.
 * Operands: x, y and, for the gradient, dy, dx.  x may be y, and dx may be dy.
 */
#ifndef CNN_ELEMENTWISE_H
#define CNN_ELEMENTWISE_H
#include "cnn_op.h"

#define CNN_NO_PARAM(attr) 0
#define CNN_UNARY(op, FORWARD, GRAD) CNN_UNARY_OF(op, CNN_NO_PARAM, FORWARD, GRAD)

#define CNN_UNARY_OF(op, PARAM, FORWARD, GRAD) CNN_UNARY_AS(op, real, PARAM, FORWARD, GRAD)

#define CNN_UNARY_AS(op, type, PARAM, FORWARD, GRAD)                                         \
    static void K(op##_map)(int64_t n, const void *from, void *to, const cnn_attr *attr)     \
    {                                                                                        \
        const real *x = from;                                                                \
        real       *y = to;                                                                  \
        const type  a = PARAM(attr);                                                         \
        (void)attr, (void)a;                                                                 \
        if (n == 1) {      /* a graph of scalars: not through the ends of a vector loop */   \
            *y = FORWARD(*x, a);                                                             \
            return;                                                                          \
        }                                                                                    \
        CNN_IVDEP                                                                            \
        for (int64_t i = 0; i < n; i++)                                                      \
            y[i] = FORWARD(x[i], a);                                                         \
    }                                                                                        \
    static cnn_status K(op##_forward)(const cnn_call *c)                                     \
    {                                                                                        \
        K(op##_map)(cnn_count(c, 1), ROWS(c, 0), ROWS(c, 1), c->step->attr);                 \
        return CNN_OK;                                                                       \
    }                                                                                        \
    static cnn_status K(op##_grad)(const cnn_call *c)                                        \
    {                                                                                        \
        const int64_t n = cnn_count(c, 1);                                                   \
        const real   *x = ROWS(c, 0), *y = ROWS(c, 1), *dy = ROWS(c, 2);                     \
        real         *dx = ROWS(c, 3);                                                       \
        const type    a = PARAM(c->step->attr);                                              \
        (void)a, (void)x, (void)y;                                                           \
        if (n == 1) {                                                                        \
            const real slope = GRAD(*x, *y, *dy, a);                                         \
            *dx = c->step->accumulate ? *dx + slope : slope;                                 \
        } else if (c->step->accumulate) {                                                    \
            CNN_IVDEP                                                                        \
            for (int64_t i = 0; i < n; i++)                                                  \
                dx[i] += GRAD(x[i], y[i], dy[i], a);                                         \
        } else {                                                                             \
            CNN_IVDEP                                                                        \
            for (int64_t i = 0; i < n; i++)                                                  \
                dx[i] = GRAD(x[i], y[i], dy[i], a);                                          \
        }                                                                                    \
        return CNN_OK;                                                                       \
    }
#endif
