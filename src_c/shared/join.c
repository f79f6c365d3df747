/* join - several operands side by side, and back: see cnn_join.h. */
#include "cnn_join.h"

#ifdef real

cnn_status K(cnn_join_forward)(const cnn_call *c)
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

cnn_status K(cnn_join_grad)(const cnn_call *c)
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

#else
#define CNN_SELF "shared/join.c"
#include "cnn_instantiate.h"
#endif
