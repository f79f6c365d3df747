/* cnn_reduce.h - sums in double, in an order that depends on the length alone. */
#ifndef CNN_REDUCE_H
#define CNN_REDUCE_H
#define CNN_SUM_LANES 8      /* independent partial sums, so that the loops vectorise */

static inline double cnn_fold(const double *lane)
{
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

static inline double cnn_sum_double(int64_t n, const double *x)
{
    double  lane[CNN_SUM_LANES] = {0};
    int64_t i = 0;
    for (; i + CNN_SUM_LANES <= n; i += CNN_SUM_LANES)
        for (int l = 0; l < CNN_SUM_LANES; l++)
            lane[l] += x[i + l];
    for (int l = 0; i + l < n; l++)
        lane[l] += x[i + l];
    return cnn_fold(lane);
}
#endif

static inline double K(cnn_sum)(int64_t n, const real *x)
{
    double  lane[CNN_SUM_LANES] = {0};
    int64_t i = 0;
    for (; i + CNN_SUM_LANES <= n; i += CNN_SUM_LANES)
        for (int l = 0; l < CNN_SUM_LANES; l++)
            lane[l] += (double)x[i + l];
    for (int l = 0; i + l < n; l++)
        lane[l] += (double)x[i + l];
    return cnn_fold(lane);
}

static inline double K(cnn_dot)(int64_t n, const real *x, const real *y)
{
    double  lane[CNN_SUM_LANES] = {0};
    int64_t i = 0;
    for (; i + CNN_SUM_LANES <= n; i += CNN_SUM_LANES)
        for (int l = 0; l < CNN_SUM_LANES; l++)
            lane[l] += (double)x[i + l] * (double)y[i + l];
    for (int l = 0; i + l < n; l++)
        lane[l] += (double)x[i + l] * (double)y[i + l];
    return cnn_fold(lane);
}
