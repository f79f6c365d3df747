/* cnn_extremum.h - max and min of groups along any axes.
 *
 * CNN_EXTREMUM(op, BETTER, START) defines K(op_forward) and K(op_grad) from
 *   BETTER(a, b)    a beats b
 *   START           what everything beats
 * NaN beats all.  The gradient goes to the first number of a group, in row-major order, that is
 * the value (to the first NaN where the value is NaN).
 */
#include "cnn_reduce_axes.h"

/* Give dy to the first of n numbers that is the value, unless it was given before. */
static inline int K(cnn_give_row)(int64_t n, const real *x, real y, real dy, real *dx, int add,
                                  int given)
{
    int64_t first = 0;

    while (!given && first < n && !(x[first] == y || (x[first] != x[first] && y != y)))
        first++;
    for (int64_t i = 0; !add && i < n; i++)
        dx[i] = 0;
    if (given || first == n)
        return given;
    dx[first] += dy;
    return 1;
}

/* The same for n groups that are neighbours. */
static inline void K(cnn_give_columns)(int64_t n, const real *x, const real *y, const real *dy,
                                       real *dx, int add, real *given)
{
    for (int64_t i = 0; i < n; i++) {
        const int  is_value = (x[i] == y[i]) | ((x[i] != x[i]) & (y[i] != y[i]));
        const real hit = is_value ? 1 - given[i] : 0;
        dx[i] = (add ? dx[i] : 0) + (hit != 0 ? dy[i] : 0);
        given[i] += hit;
    }
}

static inline cnn_status K(cnn_first_grad)(const cnn_call *c)
{
    const real    *x = ROWS(c, 0), *y = ROWS(c, 1), *dy = ROWS(c, 2);
    real          *dx = ROWS(c, 3), given[CNN_WIDTH];
    const int      add = c->step->accumulate;
    cnn_group_axis to = {0};
    int64_t        i_kept[CNN_MAX_DIM] = {0}, i_gone[CNN_MAX_DIM] = {0};
    cnn_groups     s;

    cnn_read_groups(c, cnn_group_rows(c), &s);
    do
        for (int64_t j = 0; j < (s.in.y ? s.in.n : 1); j += CNN_WIDTH) {
            const int64_t  n = s.in.n - j < CNN_WIDTH ? s.in.n - j : CNN_WIDTH;
            cnn_group_axis at = to;
            int            row_given = 0;
            memset(given, 0, sizeof given);
            do
                if (s.in.y)
                    K(cnn_give_columns)(n, x + at.x + j, y + to.y + j, dy + to.y + j,
                                        dx + at.x + j, add, given);
                else
                    row_given = K(cnn_give_row)(s.in.n, x + at.x, y[to.y], dy[to.y], dx + at.x,
                                                add, row_given);
            while (cnn_next_group(s.n_gone, s.gone, i_gone, &at));
        }
    while (cnn_next_group(s.n_kept, s.kept, i_kept, &to));
    return CNN_OK;
}

#define CNN_EXTREMUM(op, BETTER, START)                                                      \
    static void K(op##_take)(int64_t n, const real *x, const double *aux, double *state)     \
    {                                                                                        \
        (void)aux;                                                                           \
        for (int64_t i = 0; i < n; i++) {                                                    \
            const double at = (double)x[i], old = state[i];                                  \
            const double best = BETTER(at, old) ? at : old;                                  \
            state[i] = at != at ? at : best;        /* old NaN: nothing beats it */          \
        }                                                                                    \
    }                                                                                        \
    static double K(op##_fold)(int64_t n, const double *state)                               \
    {                                                                                        \
        double best = state[0];                                                              \
        for (int64_t i = 1; i < n; i++)                                                      \
            best = BETTER(state[i], best) || state[i] != state[i] ? state[i] : best;         \
        return best;                                                                         \
    }                                                                                        \
    static const K(cnn_reducer) K(op##_reducer) = {START, K(op##_take), K(op##_fold)};       \
    CNN_REDUCE(op, K(op##_reducer), CNN_EXTREMUM_FINISH)                                     \
    static cnn_status K(op##_grad)(const cnn_call *c)                                        \
    {                                                                                        \
        return K(cnn_first_grad)(c);                                                         \
    }
#define CNN_EXTREMUM_FINISH(best, n) (best)
