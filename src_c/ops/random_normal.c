/* random_normal - y = mean + std z with z drawn from the normal distribution, any shape.
 *
 *   attributes: mean, std, the stream of random numbers
 *   forward operands: y; which numbers: see cnn_sample.h
 *   z:        the sign is one random bit, the size the normal quantile of (k + 1/2) 2^-53, k of
 *             52 bits: |z| < 8.3.  In double; float32 gets the same numbers, rounded
 *   gradient: none
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_sample.h"
#include "math/cnn_normal.h"

#ifndef CNN_NORMAL_DRAW
#define CNN_NORMAL_DRAW
typedef struct { double mean, std; } normal_options;

static inline normal_options normal_options_of(const cnn_attr *attr)
{
    return (normal_options){attr[0].f, attr[1].f};
}

/* Numbers of mean 0 and deviation 1: the same for both types. */
static void normal_block(const uint32_t *restrict high, const uint32_t *restrict low,
                         double *restrict z)
{
    double p[CNN_SAMPLE_BLOCK], r[CNN_SAMPLE_BLOCK];

    for (int64_t j = 0; j < CNN_SAMPLE_BLOCK; j++)
        p[j] = (double)(int32_t)(high[j] & 0x7fffffffu) * 0x1p-32 +
               ((double)(int32_t)(low[j] >> 11) + 0.5) * 0x1p-53;
    for (int64_t j = 0; j < CNN_SAMPLE_BLOCK; j++)
        r[j] = cnn_sqrt_f64(-cnn_log_f64(p[j]));
    for (int64_t j = 0; j < CNN_SAMPLE_BLOCK; j++) {
        const double q = 0.5 - p[j], near = cnn_normal_near(q), tail = cnn_normal_tail(r[j]);
        z[j] = q <= 0.425 ? near : tail;
    }
    for (int64_t j = 0; j < CNN_SAMPLE_BLOCK; j++)
        if (r[j] > CNN_NORMAL_FAR)
            z[j] = cnn_normal_far(r[j]);
    for (int64_t j = 0; j < CNN_SAMPLE_BLOCK; j++)
        z[j] = high[j] >> 31 ? -z[j] : z[j];
}
#endif

static void K(normal_draw)(const uint32_t *high, const uint32_t *low, real *restrict y,
                           const normal_options *options)
{
    double z[CNN_SAMPLE_BLOCK];
    normal_block(high, low, z);
    for (int64_t j = 0; j < CNN_SAMPLE_BLOCK; j++)
        y[j] = (real)(options->mean + options->std * z[j]);
}

CNN_SAMPLE(random_normal, normal_options, normal_options_of, K(normal_draw))

#else
#define CNN_SELF "ops/random_normal.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(random_normal, .forward = CNN_TYPED(random_normal_forward));
#endif
