/* cnn_join.h - the kernels of operations that put several operands side by side.
 *
 * CNN_JOIN_OPERANDS(op) defines K(op_forward) and K(op_grad).
 * Operands: x_0 ... x_last, y; for the gradient y, dy, dx.
 * Attributes (cnn_core/ir/join.py): into how many blocks a row of each operand is cut; y has
 * block after block, of x_0, x_1 and so on.  For the gradient also the element of a row of y
 * where the first block of the operand begins.
 * Gradient: the blocks of dy that are those of the operand.
 */
#include "cnn_op.h"

static inline cnn_status K(cnn_join_forward)(const cnn_call *c)
{
    const int     n = c->step->n_operand - 1;
    const int64_t n_block = (OPERAND(c, n)->stride ? c->end - c->begin : 1) * ATTR_I(c, 0);
    const int64_t all = OPERAND(c, n)->size / ATTR_I(c, 0);
    real         *y = ROWS(c, n);

    for (int i = 0; i < n; i++) {
        const int64_t size = OPERAND(c, i)->size / ATTR_I(c, 0);
        const real   *x = ROWS(c, i);
        for (int64_t k = 0; k < n_block; k++) {
            CNN_IVDEP
            for (int64_t j = 0; j < size; j++)
                y[k * all + j] = x[k * size + j];
        }
        y += size;
    }
    return CNN_OK;
}

static inline cnn_status K(cnn_join_grad)(const cnn_call *c)
{
    const int64_t n_block = (OPERAND(c, 1)->stride ? c->end - c->begin : 1) * ATTR_I(c, 0);
    const int64_t all = OPERAND(c, 1)->size / ATTR_I(c, 0);
    const int64_t size = OPERAND(c, 2)->size / ATTR_I(c, 0);
    const int     add = c->step->accumulate;
    const real   *dy = (const real *)ROWS(c, 1) + ATTR_I(c, 1);
    real         *dx = ROWS(c, 2);

    for (int64_t k = 0; k < n_block; k++) {
        CNN_IVDEP
        for (int64_t j = 0; j < size; j++)
            dx[k * size + j] = (add ? dx[k * size + j] : 0) + dy[k * all + j];
    }
    return CNN_OK;
}

#define CNN_JOIN_OPERANDS(op)                                                                \
    static cnn_status K(op##_forward)(const cnn_call *c)                                     \
    {                                                                                        \
        return K(cnn_join_forward)(c);                                                       \
    }                                                                                        \
    static cnn_status K(op##_grad)(const cnn_call *c)                                        \
    {                                                                                        \
        return K(cnn_join_grad)(c);                                                          \
    }
