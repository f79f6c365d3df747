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
#include "cnn_axes.h"
#include "cnn_index.h"

#ifdef real

/* One row of y, which is the dense array; x is a, index b. */
static void K(along_row)(const picked *p, const int32_t *index, const real *x, real *y)
{
    const cnn_axis in = p->row.axis[p->row.n - 1];
    cnn_point      at = {0};

    do
        for (int64_t j = 0; j < in.n; j++)
            y[at.dense + j] = x[at.a + j * in.a +
                                p->stride * cnn_index(index[at.b + j * in.b], p->v)];
    while (cnn_next(p->row.n - 1, p->row.axis, &at));
}

static void K(along_add)(const picked *p, const int32_t *index, const real *dy, real *dx)
{
    const cnn_axis in = p->row.axis[p->row.n - 1];
    cnn_point      at = {0};

    do
        for (int64_t j = 0; j < in.n; j++)
            dx[at.a + j * in.a + p->stride * cnn_index(index[at.b + j * in.b], p->v)] +=
                dy[at.dense + j];
    while (cnn_next(p->row.n - 1, p->row.axis, &at));
}

static cnn_status K(along_forward)(const cnn_call *c)
{
    const cnn_tensor *x = OPERAND(c, 0), *index = OPERAND(c, 1), *y = OPERAND(c, 2);
    const picked      p = read_picked(c->step->attr);

    for (int64_t r = c->begin; r < c->end; r++) {
        const int32_t   *picks = (const int32_t *)index->data + r * index->stride;
        const cnn_status status = cnn_check_index(c, r * index->stride, index->size, picks, p.v);
        if (status != CNN_OK)
            return status;
        K(along_row)(&p, picks, (const real *)x->data + r * x->stride,
                     (real *)y->data + r * y->stride);
    }
    return CNN_OK;
}

/* Of a batched x the rows of this call; of any other the whole, from all rows of y. */
static cnn_status K(along_grad)(const cnn_call *c)
{
    const cnn_tensor *index = OPERAND(c, 1), *dy = OPERAND(c, 3), *dx = OPERAND(c, 4);
    const picked      p = read_picked(c->step->attr);
    const int64_t     first = dx->stride ? c->begin : 0;
    const int64_t     last = dx->stride ? c->end : cnn_n_row(c, 3);

    if (!c->step->accumulate)
        memset((real *)dx->data + first * dx->stride, 0,
               (size_t)((dx->stride ? last - first : 1) * dx->size) * sizeof(real));
    for (int64_t r = first; r < last; r++)
        K(along_add)(&p, (const int32_t *)index->data + r * index->stride,
                     (const real *)dy->data + r * dy->stride, (real *)dx->data + r * dx->stride);
    return CNN_OK;
}

#else
typedef struct { int64_t stride, v; cnn_axes row; } picked;      /* attributes 0, 1 and the rest */

static picked read_picked(const cnn_attr *attr)
{
    picked p = {.stride = attr[0].i, .v = attr[1].i};
    cnn_read_axes(attr + 2, 2, 1, 0, 0, &p.row);
    return p;
}

#define CNN_SELF "ops/take_along_axis.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(take_along_axis, .forward = CNN_TYPED(along_forward),
              .grad = {CNN_TYPED(along_grad)});
#endif
