/* cnn_view.h - the kernels of operations that pick numbers of x and put them in another order.
 *
 * CNN_VIEW(op) defines K(op_forward) and K(op_grad): y[i] = x[place of i], where every place is
 * taken at most once.
 * Operands: x, y and, for the gradient, dy, dx.
 * Attributes (cnn_core/graph/view.py): the place in a row of x where y starts; then the axes of a
 * row of y: their number, and of each, outermost first, its length and the stride in x, which may
 * be negative.
 * Gradient: dx[place of i] = dy[i], 0 at places that are not taken.
 */
#include "cnn_op.h"

#ifndef CNN_VIEW_DEFINED
#define CNN_VIEW_DEFINED
typedef struct { int64_t n, x; } cnn_view_axis;
typedef struct {
    int           n_outer;                            /* axes but the innermost */
    cnn_view_axis outer[CNN_MAX_DIM], in;
} cnn_view;

static inline void cnn_read_view(const cnn_call *c, cnn_view *s)
{
    const cnn_attr *attr = c->step->attr + 1;
    const int64_t   n_axis = attr[0].i;
    cnn_view_axis   axis[CNN_MAX_DIM + 1];
    int             n = 0;

    axis[0] = (cnn_view_axis){OPERAND(c, 1)->stride ? c->end - c->begin : 1, OPERAND(c, 0)->size};
    for (int64_t d = 0; d < n_axis; d++) {
        const cnn_view_axis next = {attr[1 + 2 * d].i, attr[2 + 2 * d].i};
        if (axis[n].n == 1)
            axis[n] = next;
        else if (axis[n].x == next.n * next.x)
            axis[n] = (cnn_view_axis){axis[n].n * next.n, next.x};
        else
            axis[++n] = next;
    }
    s->n_outer = n;
    s->in = axis[n];
    for (int d = 0; d < n; d++)
        s->outer[d] = axis[d];
}

/* Move `place` to the next run along the innermost axis; 0 after the last one. */
static inline int cnn_next_view(const cnn_view *s, int64_t *index, int64_t *place)
{
    for (int d = s->n_outer - 1; d >= 0; d--) {
        *place += s->outer[d].x;
        if (++index[d] < s->outer[d].n)
            return 1;
        *place -= s->outer[d].n * s->outer[d].x;
        index[d] = 0;
    }
    return 0;
}
#endif

static inline cnn_status K(cnn_view_forward)(const cnn_call *c)
{
    const real *x = ROWS(c, 0) + ATTR_I(c, 0);
    real       *y = ROWS(c, 1);
    int64_t     index[CNN_MAX_DIM] = {0}, place = 0;
    cnn_view    s;

    cnn_read_view(c, &s);
    do {
        const real *from = x + place;
        if (s.in.x == 1) {
            CNN_IVDEP
            for (int64_t i = 0; i < s.in.n; i++)
                y[i] = from[i];
        } else {
            CNN_IVDEP
            for (int64_t i = 0; i < s.in.n; i++)
                y[i] = from[i * s.in.x];
        }
        y += s.in.n;
    } while (cnn_next_view(&s, index, &place));
    return CNN_OK;
}

static inline cnn_status K(cnn_view_grad)(const cnn_call *c)
{
    const real *dy = ROWS(c, 2);
    real       *dx = ROWS(c, 3);
    int64_t     index[CNN_MAX_DIM] = {0}, place = 0;
    cnn_view    s;

    cnn_read_view(c, &s);
    if (!c->step->accumulate && OPERAND(c, 3)->size > OPERAND(c, 2)->size)
        memset(dx, 0, (size_t)cnn_count(c, 3) * sizeof(real));
    dx += ATTR_I(c, 0);
    do {
        real *to = dx + place;
        if (c->step->accumulate) {
            CNN_IVDEP
            for (int64_t i = 0; i < s.in.n; i++)
                to[i * s.in.x] += dy[i];
        } else {
            CNN_IVDEP
            for (int64_t i = 0; i < s.in.n; i++)
                to[i * s.in.x] = dy[i];
        }
        dy += s.in.n;
    } while (cnn_next_view(&s, index, &place));
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
