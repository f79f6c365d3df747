/* dropout - y = x / (1 - rate) where the mask is 1, else 0, any shape.
 *
 *   attributes: rate in [0, 1), the stream of random numbers (its low 32 bits), steps: 0, or the
 *               rate falls to 0 along half a cosine in the second half of so many steps
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   mask:      element i of the tensor (row * size + column) is kept where random number i of
 *              (seed, step counter, stream) is at least rate * 2^32: with probability 1 - rate,
 *              the same for every split of the batch and every number of threads
 *   gradient:  dx = dy / (1 - rate) where the mask is 1, else 0; the mask is drawn again
 *   NaN:       propagates where kept.
 *   source:    Srivastava et al. 2014, in the inverted form
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_random.h"

static double K(rate)(const cnn_call *c)
{
    const double at = ATTR_I(c, 2) ? 2 * (double)c->counter / (double)ATTR_I(c, 2) - 1 : 0;
    return ATTR_F(c, 0) * (at >= 1 ? 0 : at <= 0 ? 1 : 0.5 + 0.5 * cos(3.14159265358979324 * at));
}

/* to (+)= mask * scale * from, for the elements of this call's rows; from may be to. */
static void K(dropout)(const cnn_call *c, const real *from, real *to, int add)
{
    const int64_t  size = OPERAND(c, 1)->size, end = cnn_count(c, 1);
    const double   rate = K(rate)(c);
    const uint32_t threshold = (uint32_t)(rate * 4294967296.0);
    const real     scale = (real)(1 / (1 - rate));
    const uint64_t first = (uint64_t)c->begin * (uint64_t)size;
    uint32_t       random[CNN_RANDOM_BLOCK];

    for (int64_t i = 0; i < end;) {
        const uint64_t at = first + (uint64_t)i;
        const int64_t  skip = (int64_t)(at % CNN_RANDOM_BLOCK);
        const int64_t  room = CNN_RANDOM_BLOCK - skip, n = end - i < room ? end - i : room;

        cnn_random_block(c->seed, c->counter, (uint32_t)ATTR_I(c, 1), at / CNN_RANDOM_BLOCK, random);
        CNN_IVDEP
        for (int64_t j = 0; j < n; j++)
            to[i + j] = (add ? to[i + j] : 0) +
                        (random[skip + j] >= threshold ? scale * from[i + j] : 0);
        i += n;
    }
}

static cnn_status K(dropout_forward)(const cnn_call *c)
{
    K(dropout)(c, ROWS(c, 0), ROWS(c, 1), 0);
    return CNN_OK;
}

static cnn_status K(dropout_grad)(const cnn_call *c)
{
    K(dropout)(c, ROWS(c, 2), ROWS(c, 3), c->step->accumulate);
    return CNN_OK;
}

#else
#define CNN_SELF "ops/dropout.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(dropout, .forward = CNN_TYPED(dropout_forward), .grad = {CNN_TYPED(dropout_grad)});
#endif
