/* view - numbers of x in another order, and back: see cnn_view.h. */
#include "cnn_view.h"

#ifdef real
#include "cnn_axes.h"

/* The axes of this call's y, which is the dense one. */
static void K(read_axes)(const cnn_call *c, cnn_axes *s)
{
    const int64_t n_row = OPERAND(c, 1)->stride ? c->end - c->begin : 1;
    cnn_read_axes(c->step->attr + 1, 1, n_row, OPERAND(c, 0)->size, 0, s);
}

cnn_status K(cnn_view_forward)(const cnn_call *c)
{
    const real *x = ROWS(c, 0) + ATTR_I(c, 0);
    real       *y = ROWS(c, 1);
    cnn_point   at = {0};
    cnn_axes    s;

    K(read_axes)(c, &s);
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

cnn_status K(cnn_view_grad)(const cnn_call *c)
{
    const real *dy = ROWS(c, 2);
    real       *dx = ROWS(c, 3);
    cnn_point   at = {0};
    cnn_axes    s;

    K(read_axes)(c, &s);
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

#else
#define CNN_SELF "shared/view.c"
#include "cnn_instantiate.h"
#endif
