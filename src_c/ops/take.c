/* take - y = x[index], entries of axis 0 of x picked by number.
 *
 *   x (V, ...)   index int32, any shape   y (index..., ...)
 *   forward  operands: x, index, y
 *   gradient operands: x, index, y, dy, dx
 *   gradient:  dx[index_i] += dy_i, 0 for entries that are not picked; index has none
 *   units of dx: entries of axis 0.
 *   errors:    CNN_ERR_INDEX_RANGE, the position and the index, unless 0 <= index < V
 *   NaN:       propagates with the entry that it is in.
 */
#include "cnn_op.h"

#ifdef real

static cnn_status K(take_forward)(const cnn_call *c)
{
    const cnn_tensor *x = OPERAND(c, 0), *picked = OPERAND(c, 1);
    const int64_t     n_entry = x->dim[0], size = x->size / n_entry, n = cnn_count(c, 1);
    const int32_t    *index = (const int32_t *)picked->data + c->begin * picked->stride;
    const real       *from = x->data;
    real             *y = ROWS(c, 2);

    for (int64_t i = 0; i < n; i++, y += size) {
        if (index[i] < 0 || index[i] >= n_entry) {
            c->fault->index = c->begin * picked->stride + i;
            c->fault->value = index[i];
            return CNN_ERR_INDEX_RANGE;
        }
        memcpy(y, from + index[i] * size, (size_t)size * sizeof(real));
    }
    return CNN_OK;
}

static cnn_status K(take_grad)(const cnn_call *c)
{
    const cnn_tensor *x = OPERAND(c, 0), *picked = OPERAND(c, 1);
    const int64_t     size = x->size / x->dim[0], n = cnn_n_row(c, 1) * picked->size;
    const int32_t    *index = picked->data;
    const real       *dy = OPERAND(c, 3)->data;
    real             *dx = OPERAND(c, 4)->data;

    if (!c->step->accumulate)
        memset(dx + c->begin * size, 0, (size_t)((c->end - c->begin) * size) * sizeof(real));
    for (int64_t i = 0; i < n; i++, dy += size) {
        if (index[i] < c->begin || index[i] >= c->end)
            continue;
        CNN_IVDEP
        for (int64_t j = 0; j < size; j++)
            dx[index[i] * size + j] += dy[j];
    }
    return CNN_OK;
}

#else
#define CNN_SELF "ops/take.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(take, .forward = CNN_TYPED(take_forward), .grad = {CNN_TYPED(take_grad)});
#endif
