/* cnn_axes.h - a walk over the points of up to three arrays at once, along axes of any strides.
 *
 * One array is dense, and its strides follow from the lengths of the axes; `a` and `b` stand for
 * the others, whose strides are 0 where an operand is repeated or summed over.
 */
#ifndef CNN_AXES_H
#define CNN_AXES_H
#include "cnn_op.h"

typedef struct { int64_t n, dense, a, b; } cnn_axis;          /* length; strides */
typedef struct { int n; cnn_axis axis[CNN_MAX_DIM]; } cnn_axes;
typedef struct { int64_t dense, a, b, index[CNN_MAX_DIM]; } cnn_point;

/* Put an axis inside of those that are there, as a part of the last where both can be walked as
 * one.  One of length 1 is left out. */
static inline void cnn_add_axis(cnn_axes *s, int64_t n, int64_t a, int64_t b)
{
    cnn_axis *last = s->axis + s->n - 1;
    if (n == 1)
        return;
    if (s->n && last->a == n * a && last->b == n * b)
        *last = (cnn_axis){.n = last->n * n, .a = a, .b = b};
    else
        s->axis[s->n++] = (cnn_axis){.n = n, .a = a, .b = b};
}

/* The axes of n_row rows, a and b apart in the other arrays.  attr: those of a row, as Python has
 * merged them: their number, then of each, outermost first, its length and its strides in n_other
 * arrays.  At least one axis. */
static inline void cnn_read_axes(const cnn_attr *attr, int n_other, int64_t n_row, int64_t a,
                                 int64_t b, cnn_axes *s)
{
    int64_t left = attr[0].i, dense = 1;

    s->n = 0;
    cnn_add_axis(s, n_row, a, b);
    for (attr++; left > 0; left--, attr += 1 + n_other)
        cnn_add_axis(s, attr[0].i, attr[1].i, n_other > 1 ? attr[2].i : 0);
    if (s->n == 0)
        s->axis[s->n++] = (cnn_axis){.n = 1, .a = 1, .b = 1};
    for (int d = s->n - 1; d >= 0; dense *= s->axis[d--].n)
        s->axis[d].dense = dense;
}

/* Take the innermost of n axes off; one of length 1 if there is none. */
static inline cnn_axis cnn_pop(int *n, const cnn_axis *axis)
{
    return *n ? axis[--*n] : (cnn_axis){.n = 1};
}

/* Move on to the next point of n axes, in row-major order; 0 after the last one. */
static inline int cnn_next(int n, const cnn_axis *axis, cnn_point *at)
{
    for (int d = n - 1; d >= 0; d--) {
        at->dense += axis[d].dense, at->a += axis[d].a, at->b += axis[d].b;
        if (++at->index[d] < axis[d].n)
            return 1;
        at->dense -= axis[d].n * axis[d].dense;
        at->a -= axis[d].n * axis[d].a;
        at->b -= axis[d].n * axis[d].b;
        at->index[d] = 0;
    }
    return 0;
}
#endif
