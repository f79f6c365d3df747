/* cnn_broadcast.h - the kernels of y = f(a, b) with NumPy's broadcasting, up to 6 axes.
 *
 * CNN_BINARY(op, VALUE, SLOPE_A, SLOPE_B) defines K(op_forward), K(op_grad_a) and K(op_grad_b)
 * from
 *   VALUE(a, b)           f
 *   SLOPE_A(a, b, dy)     dy times df/da, in CNN_FLOW where df/da is not always finite; what it
 *                         does not use need not be valid
 *   SLOPE_B(a, b, dy)     dy times df/db
 * CNN_BINARY_FORWARD(op, VALUE) and CNN_BINARY_GRAD(op_grad_a, 0, SLOPE_A) define one kernel.
 * Operands: a, b, y and, for the gradients, dy and da or db.
 * Attributes (cnn_core/ir/binary.py): the axes of a row of y.  Their number, then of each,
 * outermost first, its length and the strides of a and b, 0 where an operand is repeated.  The
 * innermost strides are 0 or 1.
 * Gradient: added up over the axes along which the operand is repeated, in double but for short
 * runs (cnn_lanes.h).
 */
#include "cnn_axes.h"

#ifndef CNN_BROADCAST_H
#define CNN_BROADCAST_H
#define cnn_grad_binary_f32 CNN_FOR_ISA(cnn_grad_binary_f32)
#define cnn_grad_binary_f64 CNN_FOR_ISA(cnn_grad_binary_f64)

/* The axes of n_row rows of y, which is the dense one. */
static inline void cnn_read_pair_axes(const cnn_call *c, int64_t n_row, cnn_axes *s)
{
    cnn_read_axes(c->step->attr, 2, n_row, OPERAND(c, 0)->stride, OPERAND(c, 1)->stride, s);
}

/* for i in [0, n): STATEMENT, which finds its operands at a[ia] and b[ib]; sa, sb: 0 or 1. */
#define CNN_INNER(n, sa, sb, STATEMENT)                                                      \
    do {                                                                                     \
        if (sa && sb)                                                                        \
            CNN_INNER_LOOP(n, i, i, STATEMENT)                                               \
        else if (sa)                                                                         \
            CNN_INNER_LOOP(n, i, 0, STATEMENT)                                               \
        else if (sb)                                                                         \
            CNN_INNER_LOOP(n, 0, i, STATEMENT)                                               \
        else                        /* both: a third operand has this axis */                \
            CNN_INNER_LOOP(n, 0, 0, STATEMENT)                                               \
    } while (0)
#define CNN_INNER_LOOP(n, at_a, at_b, STATEMENT)                                             \
    {                                                                                        \
        CNN_IVDEP                                                                            \
        for (int64_t i = 0; i < n; i++) {                                                    \
            const int64_t ia = at_a, ib = at_b;                                              \
            (void)ia, (void)ib;                                                              \
            STATEMENT;                                                                       \
        }                                                                                    \
    }
#endif

#if !K(CNN_BROADCAST_MADE)      /* once for each type, of which float comes first */
#ifndef CNN_BROADCAST_MADE_f32
#define CNN_BROADCAST_MADE_f32 1
#else
#define CNN_BROADCAST_MADE_f64 1
#endif

/* One pass over the two innermost axes, or a part of them: `in` and, around it, `row`, whose
 * places are dx_row apart in dx.  It writes, adds, or adds up in double over the rows. */
typedef void (*K(cnn_inner_fn))(const cnn_axis *row, const cnn_axis *in, const real *a,
                                const real *b, const real *dy, real *dx, int64_t dx_row,
                                double *sum);
typedef struct { K(cnn_inner_fn) write, add_to, add_up; } K(cnn_slope);

/* The gradient of operand `wrt`, 0 or 1, from what one pass does: see shared/broadcast.c. */
cnn_status K(cnn_grad_binary)(const cnn_call *c, int wrt, const K(cnn_slope) *slope);

/* The body of a cnn_inner_fn: STATEMENT in each place of `row` and `in`. */
#define CNN_EACH_PLACE(STATEMENT)                                                            \
    (void)sum, (void)a, (void)b;                                                             \
    for (int64_t r = row->n; r > 0; r--) {                                                   \
        CNN_INNER(in->n, in->a, in->b, STATEMENT);                                           \
        a += row->a, b += row->b, dy += row->dense, dx += dx_row;                                \
    }

#define CNN_BINARY_GRAD(op, wrt, SLOPE)                                                      \
    static void K(op##_write)(const cnn_axis *row, const cnn_axis *in, const real *a,        \
                              const real *b, const real *dy, real *dx, int64_t dx_row,       \
                              double *sum)                                                   \
    {                                                                                        \
        CNN_EACH_PLACE(dx[i] = SLOPE(a[ia], b[ib], dy[i]))                                   \
    }                                                                                        \
    static void K(op##_add_to)(const cnn_axis *row, const cnn_axis *in, const real *a,       \
                               const real *b, const real *dy, real *dx, int64_t dx_row,      \
                               double *sum)                                                  \
    {                                                                                        \
        CNN_EACH_PLACE(dx[i] += SLOPE(a[ia], b[ib], dy[i]))                                  \
    }                                                                                        \
    static void K(op##_add_up)(const cnn_axis *row, const cnn_axis *in, const real *a,       \
                               const real *b, const real *dy, real *dx, int64_t dx_row,      \
                               double *sum)                                                  \
    {                                                                                        \
        CNN_EACH_PLACE(sum[i] += (double)SLOPE(a[ia], b[ib], dy[i]))                         \
    }                                                                                        \
    static cnn_status K(op)(const cnn_call *c)                                               \
    {                                                                                        \
        static const K(cnn_slope) slope = {K(op##_write), K(op##_add_to), K(op##_add_up)};   \
        if (c->step->attr[0].i == 0 && OPERAND(c, 2)->stride == 0) {     /* scalars */       \
            const real *a = OPERAND(c, 0)->data, *b = OPERAND(c, 1)->data;                   \
            const real *dy = OPERAND(c, 3)->data;                                            \
            real       *dx = OPERAND(c, 4)->data;                                            \
            (void)a, (void)b;                                                                \
            dx[0] = (c->step->accumulate ? dx[0] : 0) + SLOPE(a[0], b[0], dy[0]);            \
            return CNN_OK;                                                                   \
        }                                                                                    \
        return K(cnn_grad_binary)(c, wrt, &slope);                                           \
    }

#define CNN_BINARY_FORWARD(op, VALUE)                                                        \
    static cnn_status K(op##_forward)(const cnn_call *c)                                     \
    {                                                                                        \
        const real *a0 = ROWS(c, 0), *b0 = ROWS(c, 1);                                       \
        real       *y0 = ROWS(c, 2);                                                         \
        cnn_point   at = {0};                                                                \
        cnn_axes    s;                                                                       \
                                                                                             \
        if (c->step->attr[0].i == 0 && OPERAND(c, 2)->stride == 0) {     /* scalars */       \
            y0[0] = VALUE(a0[0], b0[0]);                                                     \
            return CNN_OK;                                                                   \
        }                                                                                    \
        cnn_read_pair_axes(c, c->end - c->begin, &s);                                            \
        int            n_outer = s.n - 1;                                                    \
        const cnn_axis in = s.axis[n_outer], row = cnn_pop(&n_outer, s.axis);             \
        do {                                                                                 \
            const real *a = a0 + at.a, *b = b0 + at.b;                                       \
            real       *y = y0 + at.dense;                                                      \
            for (int64_t r = row.n; r > 0; r--) {                                            \
                CNN_INNER(in.n, in.a, in.b, y[i] = VALUE(a[ia], b[ib]));                     \
                a += row.a, b += row.b, y += row.dense;                                          \
            }                                                                                \
        } while (cnn_next(n_outer, s.axis, &at));                                     \
        return CNN_OK;                                                                       \
    }

#define CNN_BINARY(op, VALUE, SLOPE_A, SLOPE_B)                                              \
    CNN_BINARY_FORWARD(op, VALUE)                                                            \
    CNN_BINARY_GRAD(op##_grad_a, 0, SLOPE_A)                                                 \
    CNN_BINARY_GRAD(op##_grad_b, 1, SLOPE_B)
#endif
