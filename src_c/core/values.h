/* values.h - gradients looked through, measured and clipped; for the typed half of a file. */
#ifndef CNN_VALUES_H
#define CNN_VALUES_H
#include "math/cnn_bits.h"
typedef int32_t integer_f32;
typedef int64_t integer_f64;
#endif

/* Sum of squares of n elements, in double; eight running sums so that it vectorises. */
static double K(sum_of_squares)(int64_t n, const real *g)
{
    double lane[8] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int l = 0; l < 8; l++)
            lane[l] += (double)g[i + l] * (double)g[i + l];
    for (; i < n; i++)
        sum += (double)g[i] * (double)g[i];
    for (int l = 0; l < 8; l++)
        sum += lane[l];
    return sum;
}

/* The largest magnitude, read as an integer: that of a NaN is above that of infinity.  It takes two
 * instructions a vector. */
static K(integer) K(largest_magnitude)(int64_t n, const real *g)
{
    K(integer) most = 0;
    for (int64_t i = 0; i < n; i++) {
        const K(integer) magnitude = (K(integer))K(cnn_to_bits)(K(cnn_abs)(g[i]));
        most = magnitude > most ? magnitude : most;
    }
    return most;
}

/* Whether none is NaN or infinite. */
static int K(all_finite)(int64_t n, const real *g)
{
    return K(largest_magnitude)(n, g) < (K(integer))K(cnn_to_bits)((real)INFINITY);
}

static void K(clip_values)(int64_t n, real limit, real *g)
{
    for (int64_t i = 0; i < n; i++) {
        g[i] = g[i] > limit ? limit : g[i];
        g[i] = g[i] < -limit ? -limit : g[i];
    }
}
