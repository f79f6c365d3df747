/* take - y = x[..., index, ...], entries of one axis of x picked by number, in every row alike or
 * by the row's own numbers.
 *
 *   Seen from one row of y, x is (P, V, Q): P the axes before the picked one, V that axis, Q the
 *   axes behind it; index holds K numbers, and y is (P, K, Q).  x and index are each either
 *   batched, with a row for each row of y, or the same for all.  An unbatched x with a batched
 *   index has P = 1.
 *
 *   attributes: P, V, Q, whether negative numbers count from the end
 *   forward  operands: x, index, y
 *   gradient operands: x, index, y, dy, dx
 *   gradient:  dx[p, index_k, q] += dy[p, k, q], in ascending order of rows and of k; 0 for
 *              entries that are not picked; index has none
 *   units of dx where x is not batched: the P, or where P = 1 the V entries.
 *   index:     int32 from -V to V - 1; negative ones count from the end, or are refused
 *   errors:    CNN_ERR_INDEX_RANGE, the position and the index, for any other; where negative ones
 *              are refused CNN_ERR_ENTRY_RANGE, the row and the index; found before the row is
 *              written
 *   NaN:       propagates with the entry that it is in.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_index.h"

/* (P, V, Q) of x to the rows of K entries at y. */
static void K(take_row)(int64_t p_end, int64_t v, int64_t q, int64_t k_end,
                        const int32_t *restrict index, const real *restrict x, real *restrict y)
{
    for (int64_t p = 0; p < p_end; p++, x += v * q, y += k_end * q) {
        if (q == 1) {
            for (int64_t k = 0; k < k_end; k++)
                y[k] = x[cnn_index(index[k], v)];
            continue;
        }
        for (int64_t k = 0; k < k_end; k++)
            memcpy(y + k * q, x + cnn_index(index[k], v) * q, (size_t)q * sizeof(real));
    }
}

static cnn_status K(take_forward)(const cnn_call *c)
{
    const cnn_tensor *x = OPERAND(c, 0), *picked = OPERAND(c, 1), *to = OPERAND(c, 2);
    const int64_t     v = ATTR_I(c, 1);

    for (int64_t r = c->begin; r < c->end; r++) {
        const int32_t   *index = (const int32_t *)picked->data + r * picked->stride;
        const cnn_status status =
            ATTR_I(c, 3) ? cnn_check_index(c, r * picked->stride, picked->size, index, v)
                         : cnn_check_entry(c, r, picked->size, index, v);
        if (status != CNN_OK)
            return status;
        K(take_row)(ATTR_I(c, 0), v, ATTR_I(c, 2), picked->size, index,
                    (const real *)x->data + r * x->stride, (real *)to->data + r * to->stride);
    }
    return CNN_OK;
}

/* Add the K entries at dy to those entries of dx (V, Q) that lie in [first, last). */
static void K(take_add)(int64_t v, int64_t q, int64_t first, int64_t last, int64_t k_end,
                        const int32_t *restrict index, const real *restrict dy,
                        real *restrict dx)
{
    for (int64_t k = 0; k < k_end; k++, dy += q) {
        const int64_t i = cnn_index(index[k], v);
        if (i < first || i >= last)
            continue;
        for (int64_t j = 0; j < q; j++)
            dx[i * q + j] += dy[j];
    }
}

static cnn_status K(take_grad)(const cnn_call *c)
{
    const cnn_tensor *picked = OPERAND(c, 1), *from = OPERAND(c, 3), *to = OPERAND(c, 4);
    const int64_t     p_end = ATTR_I(c, 0), v = ATTR_I(c, 1), q = ATTR_I(c, 2);
    const int64_t     k_end = picked->size;
    const int32_t    *index = picked->data;
    const real       *dy = from->data;
    real             *dx = to->data;

    if (to->stride || p_end > 1) {                    /* rows, or the P of the only row */
        const int64_t per_row = to->stride ? p_end : 1;
        if (!c->step->accumulate)
            memset(dx + c->begin * per_row * v * q, 0,
                   (size_t)((c->end - c->begin) * per_row * v * q) * sizeof(real));
        for (int64_t p = c->begin * per_row; p < c->end * per_row; p++)
            K(take_add)(v, q, 0, v, k_end, index + p / per_row * picked->stride, dy + p * k_end * q,
                        dx + p * v * q);
        return CNN_OK;
    }
    if (!c->step->accumulate)
        memset(dx + c->begin * q, 0, (size_t)((c->end - c->begin) * q) * sizeof(real));
    K(take_add)(v, q, c->begin, c->end, cnn_n_row(c, 1) * k_end, index, dy, dx);
    return CNN_OK;
}

#else
#define CNN_SELF "ops/take.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(take, .forward = CNN_TYPED(take_forward), .grad = {CNN_TYPED(take_grad)});
#endif
