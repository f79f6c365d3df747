/* cnn_lanes.h - sums of many short rows, where folding the lanes costs more than the sum itself.
 *
 * Up to CNN_SHORT elements are added up in the lanes of one register of `real`s, a few to each,
 * and the lanes folded; longer rows in blocks of that, which are added up in double.  The order
 * depends on the length alone.
 */
#include "gemm/vector.h"

#define CNN_SHORT (8 * LANES)

/* sum of x y, or of x where y is NULL, over at most CNN_SHORT elements; part: those past whole */
CNN_INLINE real K(cnn_block_dot)(int64_t whole, int64_t n, PART part, const real *x, const real *y)
{
    VECTOR sum = V_ZERO();
    for (int64_t i = 0; i < whole; i += LANES)
        sum = y ? V_FMA(V_LOAD(x + i), V_LOAD(y + i), sum) : V_ADD(V_LOAD(x + i), sum);
    if (whole < n)
        sum = y ? V_FMA(V_LOAD_PART(x + whole, part), V_LOAD_PART(y + whole, part), sum)
                : V_ADD(V_LOAD_PART(x + whole, part), sum);
    return V_SUM(sum);
}

/* sum[r] = the dot product of rows r of x and y, n long, or the sum of row r where y is NULL;
 * step_x and step_y elements from row to row */
CNN_INLINE void K(cnn_lane_dots)(int64_t count, int64_t n, const real *x, int64_t step_x,
                                 const real *y, int64_t step_y, double *sum)
{
    for (int64_t r = 0; r < count; r++)
        sum[r] = 0;
    for (int64_t i = 0; i < n; i += CNN_SHORT) {
        const int64_t length = n - i < CNN_SHORT ? n - i : CNN_SHORT;
        const int64_t whole = length / LANES * LANES;
        const PART    part = V_PART((int)(length - whole));
        const real   *a = x + i, *b = y ? y + i : y;
        for (int64_t r = 0; r < count; r++) {
            sum[r] += (double)K(cnn_block_dot)(whole, length, part, a, b);
            a += step_x;
            b = y ? b + step_y : b;
        }
    }
}
