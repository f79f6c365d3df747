/* finite - the first element of an array that is beyond a limit.  NaN is beyond every limit.
 *
 * A block is looked at whole, without an early exit, so that the loop is vectorised.
 */
#include "core.h"
#include <float.h>
#include <math.h>

#define BLOCK 1024

#define FIRST_BEYOND(real, magnitude)                                                        \
    static int64_t first_##real(int64_t n, const real *restrict x, real limit)               \
    {                                                                                        \
        for (int64_t begin = 0; begin < n; begin += BLOCK) {                                 \
            const int64_t end = n - begin < BLOCK ? n : begin + BLOCK;                       \
            int32_t beyond = 0;                                                              \
            for (int64_t i = begin; i < end; i++)                                            \
                beyond |= !(magnitude(x[i]) <= limit);                                       \
            for (int64_t i = begin; beyond && i < end; i++)                                  \
                if (!(magnitude(x[i]) <= limit))                                             \
                    return i;                                                                \
        }                                                                                    \
        return -1;                                                                           \
    }
FIRST_BEYOND(float, fabsf)
FIRST_BEYOND(double, fabs)

int64_t cnn_first_beyond(int32_t dtype, int64_t n, const void *x, double limit)
{
    if (dtype == CNN_F32)
        return first_float(n, x, limit > FLT_MAX && limit < INFINITY ? FLT_MAX : (float)limit);
    return first_double(n, x, limit);
}
