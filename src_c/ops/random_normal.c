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

typedef struct { double mean, std; } K(normal_options);

static inline K(normal_options) K(normal_options_of)(const cnn_attr *attr)
{
    return (K(normal_options)){attr[0].f, attr[1].f};
}

static void K(normal_draw)(const uint32_t *restrict high, const uint32_t *restrict low,
                           real *restrict y, const K(normal_options) *options)
{
    double p[CNN_SAMPLE_BLOCK], z[CNN_SAMPLE_BLOCK], r[CNN_SAMPLE_BLOCK];

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
    for (int64_t j = 0; j < CNN_SAMPLE_BLOCK; j++) {
        const double drawn = high[j] >> 31 ? -z[j] : z[j];
        y[j] = (real)(options->mean + options->std * drawn);
    }
}

CNN_SAMPLE(random_normal, K(normal_options), K(normal_options_of), K(normal_draw))

#else
#define CNN_SELF "ops/random_normal.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(random_normal, .forward = CNN_TYPED(random_normal_forward));
#endif
