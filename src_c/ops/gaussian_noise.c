/* gaussian_noise - y = x + std z with z drawn from the normal distribution, any shape.
 *
 *   attributes: std, the stream of random numbers
 *   forward  operands: x, y; which numbers, and how z is made of them: see cnn_sample.h
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = dy
 *   NaN:       propagates.
 *   source:    Bishop 1995, "Training with noise is equivalent to Tikhonov regularization"
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_sample.h"

static cnn_status K(gaussian_noise_forward)(const cnn_call *c)
{
    const int64_t   end = cnn_count(c, 1);
    const uint64_t  first = (uint64_t)c->begin * (uint64_t)OPERAND(c, 1)->size;
    const double    std = ATTR_F(c, 0);
    const real     *x = ROWS(c, 0);
    real           *y = ROWS(c, 1);
    double          z[CNN_SAMPLE_BLOCK];
    cnn_sample_part part;

    for (int64_t i = 0; i < end; i += part.n) {
        part = cnn_sample_at(first + (uint64_t)i, end - i);
        cnn_normal_block(c->seed, c->counter, (uint32_t)ATTR_I(c, 1), part.block, z);
        for (int64_t j = 0; j < part.n; j++)
            y[i + j] = (real)((double)x[i + j] + std * z[part.skip + j]);
    }
    return CNN_OK;
}

/* Nothing to do where dx is dy. */
static cnn_status K(gaussian_noise_grad)(const cnn_call *c)
{
    const int64_t n = cnn_count(c, 1);
    const real   *dy = ROWS(c, 2);
    real         *dx = ROWS(c, 3);

    if (c->step->accumulate)
        for (int64_t i = 0; i < n; i++)
            dx[i] += dy[i];
    else if (dx != dy)
        memcpy(dx, dy, (size_t)n * sizeof(real));
    return CNN_OK;
}

#else
#define CNN_SELF "ops/gaussian_noise.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(gaussian_noise, .forward = CNN_TYPED(gaussian_noise_forward),
              .grad = {CNN_TYPED(gaussian_noise_grad)});
#endif
