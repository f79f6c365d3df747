/* waves - sin and cos over many elements.  The C library's where an argument is so large that a
 * float has lost the place within the period to a thousandth or more; what is near is computed
 * in vectors, block by block.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_waves.h"
#include "math/cnn_trig.h"

static int K(all_near)(int64_t n, const real *x)
{
    int far = 0;
    for (int64_t i = 0; i < n; i++)
        far |= K(cnn_abs)(x[i]) > (real)CNN_TRIG_NEAR;
    return !far;
}

CNN_COLD static real K(wave)(real x, uint64_t quarters)
{
    if (!(K(cnn_abs)(x) > (real)CNN_TRIG_NEAR))
        return quarters == 0 && x == 0 ? x : K(cnn_wave)(x, quarters);
    const double y = quarters & 1 ? cos((double)x) : sin((double)x);
    return (real)(quarters & 2 ? -y : y);
}

/* x may be y. */
void K(cnn_waves)(int64_t n, const real *x, real *y, uint64_t quarters)
{
    for (; n > 0; x += BLOCK, y += BLOCK, n -= BLOCK) {
        const int64_t m = n < BLOCK ? n : BLOCK;
        if (!K(all_near)(m, x)) {
            for (int64_t i = 0; i < m; i++)
                y[i] = K(wave)(x[i], quarters);
            continue;
        }
        if (quarters == 0) {
            CNN_IVDEP
            for (int64_t i = 0; i < m; i++)
                y[i] = K(cnn_sin)(x[i]);
        } else {
            CNN_IVDEP
            for (int64_t i = 0; i < m; i++)
                y[i] = K(cnn_wave)(x[i], quarters);
        }
    }
}

/* dx (+)= dy times the slope; dx may be dy. */
cnn_status K(cnn_waves_grad)(const cnn_call *c, uint64_t quarters)
{
    const real *x = ROWS(c, 0), *dy = ROWS(c, 2);
    real       *dx = ROWS(c, 3), slope[BLOCK];
    for (int64_t n = cnn_count(c, 1); n > 0; x += BLOCK, dy += BLOCK, dx += BLOCK, n -= BLOCK) {
        const int64_t m = n < BLOCK ? n : BLOCK;
        K(cnn_waves)(m, x, slope, quarters);
        if (c->step->accumulate) {
            CNN_IVDEP
            for (int64_t i = 0; i < m; i++)
                dx[i] += CNN_FLOW(dy[i], slope[i] * dy[i]);
        } else {
            CNN_IVDEP
            for (int64_t i = 0; i < m; i++)
                dx[i] = CNN_FLOW(dy[i], slope[i] * dy[i]);
        }
    }
    return CNN_OK;
}

#else
#define BLOCK 256
#define CNN_SELF "shared/waves.c"
#include "cnn_instantiate.h"
#endif
