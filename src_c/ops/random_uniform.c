/* random_uniform - y = low + (high - low) u with u drawn uniformly from [0, 1), any shape.
 *
 *   attributes: low, high (low < high), the stream of random numbers
 *   forward operands: y; which numbers: see cnn_sample.h
 *   u:        a multiple of 2^-53, of 2^-24 in float32: the same bits, cut off
 *   range:    low <= y < high, also after rounding
 *   gradient: none
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_sample.h"

typedef struct { double low, span; real most; } K(uniform_range);

/* `most` is the largest number below high; low itself where no other is. */
static inline K(uniform_range) K(uniform_range_of)(const cnn_attr *attr)
{
    const double low = attr[0].f, high = attr[1].f;
    const real   below = sizeof(real) == 4 ? (real)nextafterf((float)high, -INFINITY)
                                           : (real)nextafter(high, -(double)INFINITY);
    return (K(uniform_range)){low, high - low, below > (real)low ? below : (real)low};
}

static void K(uniform_draw)(const cnn_call *c, uint64_t block, const K(uniform_range) *range,
                            real *restrict y)
{
    uint32_t        bits[CNN_RANDOM_BLOCK];
    const uint32_t *high = bits, *low = bits + CNN_SAMPLE_BLOCK;

    cnn_random_block(c->seed, c->counter, (uint32_t)ATTR_I(c, 2), block, bits);
    for (int64_t j = 0; j < CNN_SAMPLE_BLOCK; j++) {
        const double u = sizeof(real) == 4
                             ? (double)(int32_t)(high[j] >> 8) * 0x1p-24
                             : (double)high[j] * 0x1p-32 + (double)(int32_t)(low[j] >> 11) * 0x1p-53;
        const real drawn = (real)(range->low + range->span * u);
        y[j] = drawn > range->most ? range->most : drawn;
    }
}

CNN_SAMPLE(random_uniform, K(uniform_range), K(uniform_range_of), K(uniform_draw))

#else
#define CNN_SELF "ops/random_uniform.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(random_uniform, .forward = CNN_TYPED(random_uniform_forward));
#endif
