/* cnn_broadcast.h - the kernels of y = f(a, b) with NumPy's broadcasting, up to 6 axes.
 *
 * CNN_BINARY(op, VALUE, SLOPE_A, SLOPE_B) defines K(op_forward), K(op_grad_a) and K(op_grad_b)
 * from
 *   VALUE(a, b)           f
 *   SLOPE_A(a, b, dy)     dy times df/da; what it does not use need not be valid
 *   SLOPE_B(a, b, dy)     dy times df/db
 * CNN_BINARY_FORWARD(op, VALUE) and CNN_BINARY_GRAD(op_grad_a, 0, SLOPE_A) define one kernel.
 * Operands: a, b, y and, for the gradients, dy and da or db.
 * Attributes (cnn_core/graph/binary.py): the axes of a row of y.  Their number, then of each,
 * outermost first, its length and the strides of a and b, 0 where an operand is repeated.  The
 * innermost strides are 0 or 1.
 * Gradient: added up over the axes along which the operand is repeated, in double.
 */
#include "cnn_op.h"
#include "cnn_reduce.h"

#define CNN_SUM_WIDTH 128    /* elements of the innermost axis that are added up at a time */

#ifndef CNN_AXES_DEFINED
#define CNN_AXES_DEFINED
typedef struct { int64_t n, y, a, b; } cnn_axis;      /* length; strides of y, a, b */
typedef struct { int n; cnn_axis axis[CNN_MAX_DIM]; } cnn_axes;

/* The axes of n_row rows of y, with the batch axis merged into the next one if possible. */
static inline void cnn_read_axes(const cnn_call *c, int64_t n_row, cnn_axes *s)
{
    const cnn_attr *attr = c->step->attr;
    const int64_t   n_axis = attr[0].i;
    const int64_t   a = OPERAND(c, 0)->stride, b = OPERAND(c, 1)->stride;
    int64_t         y = 1;

    s->n = 0;
    if (n_row > 1 && !(n_axis && attr[2].i * attr[1].i == a && attr[3].i * attr[1].i == b)) {
        s->axis[s->n++] = (cnn_axis){.n = n_row, .a = a, .b = b};
        n_row = 1;
    }
    for (int64_t d = 0; d < n_axis; d++, attr += 3, n_row = 1)
        s->axis[s->n++] = (cnn_axis){.n = n_row * attr[1].i, .a = attr[2].i, .b = attr[3].i};
    if (s->n == 0)
        s->axis[s->n++] = (cnn_axis){.n = 1, .a = 1, .b = 1};
    for (int d = s->n - 1; d >= 0; d--) {
        s->axis[d].y = y;
        y *= s->axis[d].n;
    }
}

/* Move `at` to the next point of n axes, in row-major order; 0 after the last one. */
static inline int cnn_next(int n, const cnn_axis *axis, int64_t *index, cnn_axis *at)
{
    for (int d = n - 1; d >= 0; d--) {
        at->y += axis[d].y, at->a += axis[d].a, at->b += axis[d].b;
        if (++index[d] < axis[d].n)
            return 1;
        at->y -= axis[d].n * axis[d].y;
        at->a -= axis[d].n * axis[d].a;
        at->b -= axis[d].n * axis[d].b;
        index[d] = 0;
    }
    return 0;
}
#endif

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

/* One pass over the innermost axis: write, add, or add up in double. */
typedef void (*K(cnn_inner_fn))(int64_t n, int64_t sa, int64_t sb, const real *a, const real *b,
                                const real *dy, real *dx, double *sum);

/* The gradient of an operand that is not repeated: it has the shape of y. */
static inline void K(cnn_grad_same)(const cnn_axes *s, K(cnn_inner_fn) inner, const real *a,
                                    const real *b, const real *dy, real *dx)
{
    const int      n_outer = s->n - 1;
    const cnn_axis in = s->axis[n_outer];
    cnn_axis       at = {0};
    int64_t        index[CNN_MAX_DIM] = {0};

    do
        inner(in.n, in.a, in.b, a + at.a, b + at.b, dy + at.y, dx + at.y, NULL);
    while (cnn_next(n_outer, s->axis, index, &at));
}

/* The gradient of a repeated operand: for each of its elements, added up over the others. */
static inline void K(cnn_grad_repeated)(const cnn_axes *s, int wrt, K(cnn_inner_fn) inner,
                                        const real *a, const real *b, const real *dy, real *dx,
                                        int add)
{
    const cnn_axis in = s->axis[s->n - 1];
    const int      column = wrt ? in.b != 0 : in.a != 0;     /* the innermost axis is kept */
    cnn_axis       kept[CNN_MAX_DIM], gone[CNN_MAX_DIM], at = {0};
    int            n_kept = 0, n_gone = 0;
    int64_t        i_kept[CNN_MAX_DIM] = {0}, i_gone[CNN_MAX_DIM] = {0};
    double         sum[CNN_SUM_WIDTH];

    for (int d = 0; d < s->n - 1; d++)
        if (wrt ? s->axis[d].b : s->axis[d].a)
            kept[n_kept++] = s->axis[d];
        else
            gone[n_gone++] = s->axis[d];
    do {
        real  *to = dx + (wrt ? at.b : at.a);
        double total = 0;
        for (int64_t j = 0; j < in.n; j += CNN_SUM_WIDTH) {
            const int64_t n = in.n - j < CNN_SUM_WIDTH ? in.n - j : CNN_SUM_WIDTH;
            cnn_axis      p = at;
            for (int64_t i = 0; i < n; i++)
                sum[i] = 0;
            do
                inner(n, in.a, in.b, a + p.a + j * in.a, b + p.b + j * in.b, dy + p.y + j, NULL,
                      sum);
            while (cnn_next(n_gone, gone, i_gone, &p));
            for (int64_t i = 0; column && i < n; i++)
                to[j + i] = (real)((add ? to[j + i] : 0) + sum[i]);
            total += column ? 0 : cnn_sum_double(n, sum);
        }
        if (!column)
            to[0] = (real)((add ? to[0] : 0) + total);
    } while (cnn_next(n_kept, kept, i_kept, &at));
}

static inline cnn_status K(cnn_grad_binary)(const cnn_call *c, int wrt, K(cnn_inner_fn) write,
                                            K(cnn_inner_fn) add_to, K(cnn_inner_fn) add_up)
{
    const int64_t n_row = OPERAND(c, 4)->stride ? c->end - c->begin : cnn_n_row(c, 3);
    cnn_axes      s;
    int           repeated = 0;

    cnn_read_axes(c, n_row, &s);
    for (int d = 0; d < s.n; d++)
        repeated |= (wrt ? s.axis[d].b : s.axis[d].a) == 0;
    if (repeated)
        K(cnn_grad_repeated)(&s, wrt, add_up, ROWS(c, 0), ROWS(c, 1), ROWS(c, 3), ROWS(c, 4),
                             c->step->accumulate);
    else
        K(cnn_grad_same)(&s, c->step->accumulate ? add_to : write, ROWS(c, 0), ROWS(c, 1),
                         ROWS(c, 3), ROWS(c, 4));
    return CNN_OK;
}

#define CNN_BINARY_GRAD(op, wrt, SLOPE)                                                      \
    static void K(op##_write)(int64_t n, int64_t sa, int64_t sb, const real *a,              \
                              const real *b, const real *dy, real *dx, double *sum)          \
    {                                                                                        \
        (void)a, (void)b, (void)sum;                                                         \
        CNN_INNER(n, sa, sb, dx[i] = SLOPE(a[ia], b[ib], dy[i]));                            \
    }                                                                                        \
    static void K(op##_add_to)(int64_t n, int64_t sa, int64_t sb, const real *a,             \
                               const real *b, const real *dy, real *dx, double *sum)         \
    {                                                                                        \
        (void)a, (void)b, (void)sum;                                                         \
        CNN_INNER(n, sa, sb, dx[i] += SLOPE(a[ia], b[ib], dy[i]));                           \
    }                                                                                        \
    static void K(op##_add_up)(int64_t n, int64_t sa, int64_t sb, const real *a,             \
                               const real *b, const real *dy, real *dx, double *sum)         \
    {                                                                                        \
        (void)a, (void)b, (void)dx;                                                          \
        CNN_INNER(n, sa, sb, sum[i] += (double)SLOPE(a[ia], b[ib], dy[i]));                  \
    }                                                                                        \
    static cnn_status K(op)(const cnn_call *c)                                               \
    {                                                                                        \
        if (c->step->attr[0].i == 0 && OPERAND(c, 2)->stride == 0) {     /* scalars */       \
            const real *a = OPERAND(c, 0)->data, *b = OPERAND(c, 1)->data;                   \
            const real *dy = OPERAND(c, 3)->data;                                            \
            real       *dx = OPERAND(c, 4)->data;                                            \
            (void)a, (void)b;                                                                \
            dx[0] = (c->step->accumulate ? dx[0] : 0) + SLOPE(a[0], b[0], dy[0]);            \
            return CNN_OK;                                                                   \
        }                                                                                    \
        return K(cnn_grad_binary)(c, wrt, K(op##_write), K(op##_add_to), K(op##_add_up));    \
    }

#define CNN_BINARY_FORWARD(op, VALUE)                                                        \
    static cnn_status K(op##_forward)(const cnn_call *c)                                     \
    {                                                                                        \
        const real *a0 = ROWS(c, 0), *b0 = ROWS(c, 1);                                       \
        real       *y0 = ROWS(c, 2);                                                         \
        cnn_axis    at = {0};                                                                \
        cnn_axes    s;                                                                       \
        int64_t     index[CNN_MAX_DIM] = {0};                                                \
                                                                                             \
        if (c->step->attr[0].i == 0 && OPERAND(c, 2)->stride == 0) {     /* scalars */       \
            y0[0] = VALUE(a0[0], b0[0]);                                                     \
            return CNN_OK;                                                                   \
        }                                                                                    \
        cnn_read_axes(c, c->end - c->begin, &s);                                             \
        const cnn_axis in = s.axis[s.n - 1];                                                 \
        do {                                                                                 \
            const real *a = a0 + at.a, *b = b0 + at.b;                                       \
            real       *y = y0 + at.y;                                                       \
            CNN_INNER(in.n, in.a, in.b, y[i] = VALUE(a[ia], b[ib]));                         \
        } while (cnn_next(s.n - 1, s.axis, index, &at));                                     \
        return CNN_OK;                                                                       \
    }

#define CNN_BINARY(op, VALUE, SLOPE_A, SLOPE_B)                                              \
    CNN_BINARY_FORWARD(op, VALUE)                                                            \
    CNN_BINARY_GRAD(op##_grad_a, 0, SLOPE_A)                                                 \
    CNN_BINARY_GRAD(op##_grad_b, 1, SLOPE_B)
