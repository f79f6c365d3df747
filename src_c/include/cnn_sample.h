/* cnn_sample.h - operations that draw random numbers for each element of a tensor, any shape.
 *
 * Element i of the tensor (row * size + column) gets number i of (seed, step counter, stream): the
 * same for every split of the batch and every number of threads.  A number is made of 64 random
 * bits, CNN_SAMPLE_BLOCK numbers at a time.
 *
 * CNN_SAMPLE(op, type, PARAM, DRAW) defines K(op_forward), whose operand is y, from
 *   PARAM(attr)                  the options, of that type, read once per call
 *   DRAW(c, block, options, y)   the function that makes block number `block` of the numbers
 * Attribute 2: the stream of random numbers (its low 32 bits).
 */
#include "cnn_op.h"
#include "cnn_random.h"

#ifndef CNN_SAMPLE_H
#define CNN_SAMPLE_H
#define CNN_SAMPLE_BLOCK (CNN_RANDOM_BLOCK / 2)

/* Numbers of a block: n of them, `skip` and the next, belong to the elements that come now. */
typedef struct { uint64_t block; int64_t skip, n; } cnn_sample_part;

/* The part that begins at element `at` of the tensor, of at most `left` elements. */
static inline cnn_sample_part cnn_sample_at(uint64_t at, int64_t left)
{
    const int64_t skip = (int64_t)(at % CNN_SAMPLE_BLOCK), room = CNN_SAMPLE_BLOCK - skip;
    return (cnn_sample_part){at / CNN_SAMPLE_BLOCK, skip, left < room ? left : room};
}

/* Block number `block` of numbers from N(0, 1).  The sign is one random bit, the size the normal
 * quantile of (k + 1/2) 2^-53, k of 52 bits: |z| < 8.3. */
#define cnn_normal_block CNN_FOR_ISA(cnn_normal_block)
void cnn_normal_block(uint64_t seed, int64_t step, uint32_t stream, uint64_t block,
                      double *restrict z);
#endif

#define CNN_SAMPLE(op, type, PARAM, DRAW)                                                    \
    static cnn_status K(op##_forward)(const cnn_call *c)                                     \
    {                                                                                        \
        const int64_t   end = cnn_count(c, 0);                                               \
        const uint64_t  first = (uint64_t)c->begin * (uint64_t)OPERAND(c, 0)->size;          \
        const type      options = PARAM(c->step->attr);                                      \
        real           *y = ROWS(c, 0), made[CNN_SAMPLE_BLOCK];                              \
        cnn_sample_part part;                                                                \
                                                                                             \
        for (int64_t i = 0; i < end; i += part.n) {                                          \
            part = cnn_sample_at(first + (uint64_t)i, end - i);                              \
            DRAW(c, part.block, &options, made);                                             \
            for (int64_t j = 0; j < part.n; j++)                                             \
                y[i + j] = made[part.skip + j];                                              \
        }                                                                                    \
        return CNN_OK;                                                                       \
    }
