/* random_normal - y = mean + std z with z drawn from the normal distribution, any shape.
 *
 *   attributes: mean, std, the stream of random numbers
 *   forward operands: y; which numbers, and how z is made of them: see cnn_sample.h
 *   gradient: none
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_sample.h"

typedef struct { double mean, std; } K(normal_options);

static inline K(normal_options) K(normal_options_of)(const cnn_attr *attr)
{
    return (K(normal_options)){attr[0].f, attr[1].f};
}

static void K(normal_draw)(const cnn_call *c, uint64_t block, const K(normal_options) *options,
                           real *restrict y)
{
    double z[CNN_SAMPLE_BLOCK];
    cnn_normal_block(c->seed, c->counter, (uint32_t)ATTR_I(c, 2), block, z);
    for (int64_t j = 0; j < CNN_SAMPLE_BLOCK; j++)
        y[j] = (real)(options->mean + options->std * z[j]);
}

CNN_SAMPLE(random_normal, K(normal_options), K(normal_options_of), K(normal_draw))

#else
#define CNN_SELF "ops/random_normal.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(random_normal, .forward = CNN_TYPED(random_normal_forward));
#endif
