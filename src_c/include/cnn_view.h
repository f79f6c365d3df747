/* cnn_view.h - the kernels of operations that pick numbers of x and put them in another order.
 *
 * CNN_VIEW(op) defines K(op_forward) and K(op_grad): y[i] = x[place of i], where every place is
 * taken at most once.
 * Operands: x, y and, for the gradient, dy, dx.
 * Attributes (cnn_core/ir/view.py): the place in a row of x where y starts; then the axes of a
 * row of y: their number, and of each, outermost first, its length and the stride in x, which may
 * be negative.
 * Gradient: dx[place of i] = dy[i], 0 at places that are not taken.
 */
#include "cnn_axes.h"

/* The axes of this call's y, which is the dense one. */
#ifndef CNN_VIEW_H
#define CNN_VIEW_H
static inline void cnn_read_view(const cnn_call *c, cnn_axes *s)
{
    const int64_t n_row = OPERAND(c, 1)->stride ? c->end - c->begin : 1;
    cnn_read_axes(c->step->attr + 1, 1, n_row, OPERAND(c, 0)->size, 0, s);
}
#endif

static inline cnn_status K(cnn_view_forward)(const cnn_call *c)
{
    const real *x = ROWS(c, 0) + ATTR_I(c, 0);
    real       *y = ROWS(c, 1);
    cnn_point   at = {0};
    cnn_axes    s;

    cnn_read_view(c, &s);
    const cnn_axis in = s.axis[s.n - 1];
    do {
        const real *from = x + at.a;
        if (in.a == 1) {
            CNN_IVDEP
            for (int64_t i = 0; i < in.n; i++)
                y[i] = from[i];
        } else {
            CNN_IVDEP
            for (int64_t i = 0; i < in.n; i++)
                y[i] = from[i * in.a];
        }
        y += in.n;
    } while (cnn_next(s.n - 1, s.axis, &at));
    return CNN_OK;
}

static inline cnn_status K(cnn_view_grad)(const cnn_call *c)
{
    const real *dy = ROWS(c, 2);
    real       *dx = ROWS(c, 3);
    cnn_point   at = {0};
    cnn_axes    s;

    cnn_read_view(c, &s);
    const cnn_axis in = s.axis[s.n - 1];
    if (!c->step->accumulate && OPERAND(c, 3)->size > OPERAND(c, 2)->size)
        memset(dx, 0, (size_t)cnn_count(c, 3) * sizeof(real));
    dx += ATTR_I(c, 0);
    do {
        real *to = dx + at.a;
        if (c->step->accumulate) {
            CNN_IVDEP
            for (int64_t i = 0; i < in.n; i++)
                to[i * in.a] += dy[i];
        } else {
            CNN_IVDEP
            for (int64_t i = 0; i < in.n; i++)
                to[i * in.a] = dy[i];
        }
        dy += in.n;
    } while (cnn_next(s.n - 1, s.axis, &at));
    return CNN_OK;
}

#define CNN_VIEW(op)                                                                         \
    static cnn_status K(op##_forward)(const cnn_call *c)                                     \
    {                                                                                        \
        return K(cnn_view_forward)(c);                                                       \
    }                                                                                        \
    static cnn_status K(op##_grad)(const cnn_call *c)                                        \
    {                                                                                        \
        return K(cnn_view_grad)(c);                                                          \
    }
