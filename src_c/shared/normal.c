/* normal - numbers drawn from the normal distribution (cnn_sample.h): the same for both types.
 * Compiled once, and not into every operation that draws them.
 */
#include "cnn_sample.h"
#include "math/cnn_normal.h"

void cnn_normal_block(uint64_t seed, int64_t step, uint32_t stream, uint64_t block,
                      double *restrict z)
{
    uint32_t bits[CNN_RANDOM_BLOCK];
    double   p[CNN_SAMPLE_BLOCK], r[CNN_SAMPLE_BLOCK];

    cnn_random_block(seed, step, stream, block, bits);
    const uint32_t *high = bits, *low = bits + CNN_SAMPLE_BLOCK;
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
