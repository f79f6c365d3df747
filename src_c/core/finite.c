/* finite - the first element of an array that is outside an interval.  NaN is outside of each.
 *
 * A block is looked at whole, without an early exit, so that the loop is vectorised.
 */
#include "core.h"
#include <float.h>
#include <math.h>

#define BLOCK 1024

#define FIRST_OUTSIDE(real)                                                                  \
    static int64_t first_##real(int64_t n, const real *restrict x, real low, real high)      \
    {                                                                                        \
        for (int64_t begin = 0; begin < n; begin += BLOCK) {                                 \
            const int64_t end = n - begin < BLOCK ? n : begin + BLOCK;                       \
            int32_t inside = 1;                                                              \
            for (int64_t i = begin; i < end; i++)                                            \
                inside &= (x[i] >= low) & (x[i] <= high);                                    \
            for (int64_t i = begin; !inside && i < end; i++)                                 \
                if (!(x[i] >= low && x[i] <= high))                                          \
                    return i;                                                                \
        }                                                                                    \
        return -1;                                                                           \
    }
FIRST_OUTSIDE(float)
FIRST_OUTSIDE(double)

/* A finite limit beyond float32 stands for its largest number. */
static float limit_f32(double limit)
{
    return fabs(limit) > FLT_MAX && fabs(limit) < INFINITY ? (float)copysign(FLT_MAX, limit)
                                                           : (float)limit;
}

int64_t cnn_first_outside(int32_t dtype, int64_t n, const void *x, double low, double high)
{
    if (dtype == CNN_F32)
        return first_float(n, x, limit_f32(low), limit_f32(high));
    return first_double(n, x, low, high);
}
