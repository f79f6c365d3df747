/* cnn_sample.h - the kernels of operations that draw random numbers, any shape.
 *
 * CNN_SAMPLE(op, type, PARAM, DRAW) defines K(op_forward) from
 *   PARAM(attr)                  the options, of that type, read once per call
 *   DRAW(high, low, y, options)  the function that makes CNN_SAMPLE_BLOCK numbers y of as many
 *                                pairs of 32 random bits
 * Operands: y.  Attribute 2: the stream of random numbers (its low 32 bits).
 * Element i of the tensor (row * size + column) follows from the random numbers of its place in
 * (seed, step counter, stream) alone: it is the same for every split of the batch and every
 * number of threads.
 */
#include "cnn_op.h"
#include "cnn_random.h"

#define CNN_SAMPLE_BLOCK (CNN_RANDOM_BLOCK / 2)

#define CNN_SAMPLE(op, type, PARAM, DRAW)                                                    \
    static cnn_status K(op##_forward)(const cnn_call *c)                                     \
    {                                                                                        \
        const int64_t  end = cnn_count(c, 0);                                                \
        const uint64_t first = (uint64_t)c->begin * (uint64_t)OPERAND(c, 0)->size;           \
        const type     options = PARAM(c->step->attr);                                       \
        real          *y = ROWS(c, 0), made[CNN_SAMPLE_BLOCK];                               \
        uint32_t       bits[CNN_RANDOM_BLOCK];                                               \
                                                                                             \
        for (int64_t i = 0; i < end;) {                                                      \
            const uint64_t at = first + (uint64_t)i;                                         \
            const int64_t  skip = (int64_t)(at % CNN_SAMPLE_BLOCK);                          \
            const int64_t  room = CNN_SAMPLE_BLOCK - skip, n = end - i < room ? end - i : room; \
            cnn_random_block(c->seed, c->counter, (uint32_t)ATTR_I(c, 2),                    \
                             at / CNN_SAMPLE_BLOCK, bits);                                   \
            DRAW(bits, bits + CNN_SAMPLE_BLOCK, made, &options);                             \
            for (int64_t j = 0; j < n; j++)                                                  \
                y[i + j] = made[skip + j];                                                   \
            i += n;                                                                          \
        }                                                                                    \
        return CNN_OK;                                                                       \
    }
