/* take_along_axis - y[i, j, l] = x[i, index[i, j, l], l]: every element of y by a number of its
 * own, j along the picked axis.
 *
 *   x, index and y have the same number of axes.  On all but the picked one x and index are
 *   broadcast together; on that one x has V elements, index and y have K.  Each is batched or
 *   not, as always; a row of y meets one row of x and one of index.
 *
 *   attributes: from one entry of the picked axis to the next in x, V, the axes of a row of y:
 *               their number, and of each, outermost first, its length and the strides of x, 0 on
 *               the picked axis, and of index; 0 where an operand is repeated
 *   forward  operands: x, index, y
 *   gradient operands: x, index, y, dy, dx
 *   gradient:  dx[i, index[i, j, l], l] += dy[i, j, l], in the order of the elements of y, 0 for
 *              elements that are not picked; index has none
 *   index:     int32 from -V to V - 1; negative ones count from the end
 *   errors:    CNN_ERR_INDEX_RANGE, the position and the index, for any other; found before the
 *              row is written
 *   NaN:       propagates with the number that it is.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_index.h"

#ifndef CNN_PICKED_DEFINED
#define CNN_PICKED_DEFINED
typedef struct { int64_t n, x, index; } cnn_picked_axis;
typedef struct {
    int64_t        stride, v;
    int            n_outer;                            /* axes but the innermost */
    cnn_picked_axis outer[CNN_MAX_DIM], in;
} cnn_picked;

static inline cnn_picked cnn_read_picked(const cnn_attr *attr)
{
    cnn_picked a = {.stride = attr[0].i, .v = attr[1].i, .in = {.n = 1}};
    const int n_axis = (int)attr[2].i;

    for (int d = 0; d < n_axis; d++) {
        const cnn_attr      *of = attr + 3 + 3 * d;
        const cnn_picked_axis axis = {of[0].i, of[1].i, of[2].i};
        if (d == n_axis - 1)
            a.in = axis;
        else
            a.outer[a.n_outer++] = axis;
    }
    return a;
}

/* Move to the next run along the innermost axis; 0 after the last one. */
static inline int cnn_next_picked(const cnn_picked *a, int64_t *at, int64_t *x, int64_t *index)
{
    for (int d = a->n_outer - 1; d >= 0; d--) {
        *x += a->outer[d].x, *index += a->outer[d].index;
        if (++at[d] < a->outer[d].n)
            return 1;
        *x -= a->outer[d].n * a->outer[d].x;
        *index -= a->outer[d].n * a->outer[d].index;
        at[d] = 0;
    }
    return 0;
}
#endif

static void K(along_row)(const cnn_picked *a, const int32_t *index, const real *x, real *y)
{
    int64_t at[CNN_MAX_DIM] = {0}, x_at = 0, i_at = 0;

    do {
        for (int64_t j = 0; j < a->in.n; j++)
            y[j] = x[x_at + j * a->in.x + a->stride * cnn_index(index[i_at + j * a->in.index],
                                                               a->v)];
        y += a->in.n;
    } while (cnn_next_picked(a, at, &x_at, &i_at));
}

static void K(along_add)(const cnn_picked *a, const int32_t *index, const real *dy, real *dx)
{
    int64_t at[CNN_MAX_DIM] = {0}, x_at = 0, i_at = 0;

    do {
        for (int64_t j = 0; j < a->in.n; j++)
            dx[x_at + j * a->in.x + a->stride * cnn_index(index[i_at + j * a->in.index], a->v)] +=
                dy[j];
        dy += a->in.n;
    } while (cnn_next_picked(a, at, &x_at, &i_at));
}

static cnn_status K(along_forward)(const cnn_call *c)
{
    const cnn_tensor *x = OPERAND(c, 0), *picked = OPERAND(c, 1), *y = OPERAND(c, 2);
    const cnn_picked   a = cnn_read_picked(c->step->attr);

    for (int64_t r = c->begin; r < c->end; r++) {
        const int32_t   *index = (const int32_t *)picked->data + r * picked->stride;
        const cnn_status status = cnn_check_index(c, r * picked->stride, picked->size, index, a.v);
        if (status != CNN_OK)
            return status;
        K(along_row)(&a, index, (const real *)x->data + r * x->stride,
                     (real *)y->data + r * y->stride);
    }
    return CNN_OK;
}

/* Of a batched x the rows of this call; of any other the whole, from all rows of y. */
static cnn_status K(along_grad)(const cnn_call *c)
{
    const cnn_tensor *picked = OPERAND(c, 1), *dy = OPERAND(c, 3), *dx = OPERAND(c, 4);
    const cnn_picked   a = cnn_read_picked(c->step->attr);
    const int64_t     first = dx->stride ? c->begin : 0;
    const int64_t     last = dx->stride ? c->end : cnn_n_row(c, 3);

    if (!c->step->accumulate)
        memset((real *)dx->data + first * dx->stride, 0,
               (size_t)((dx->stride ? last - first : 1) * dx->size) * sizeof(real));
    for (int64_t r = first; r < last; r++)
        K(along_add)(&a, (const int32_t *)picked->data + r * picked->stride,
                     (const real *)dy->data + r * dy->stride, (real *)dx->data + r * dx->stride);
    return CNN_OK;
}

#else
#define CNN_SELF "ops/take_along_axis.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(take_along_axis, .forward = CNN_TYPED(along_forward),
              .grad = {CNN_TYPED(along_grad)});
#endif
