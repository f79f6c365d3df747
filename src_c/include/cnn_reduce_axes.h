/* cnn_reduce_axes.h - the kernels of operations that make one number of each group, where the
 * groups lie along any axes of x, the batch axis among them.
 *
 * CNN_REDUCE(op, REDUCER, FINISH) defines K(op_forward), and CNN_REDUCE_GRAD(op, SLOPE)
 * K(op_grad), from
 *   REDUCER                what to gather, a K(cnn_reducer)
 *   FINISH(sum, n)         the value, from what was gathered of n numbers
 *   SLOPE(x, y, dy, n)     dy times dy/dx, in CNN_FLOW where dy/dx is not always finite
 * Operands: x, y and, for the gradient, dy, dx.
 * Attributes (cnn_core/graph/reduction.py): the axes of a row of x.  Their number, then of each,
 * outermost first, its length and the stride of y, 0 where the axis belongs to the groups.  The
 * innermost stride is 0 or 1.
 * The batch axis belongs to the groups where x has one and y has none.
 * Numbers are gathered in double, in an order that depends on the shape alone.
 */
#include "cnn_op.h"
#include "cnn_reduce.h"

#define CNN_WIDTH 128        /* numbers of the innermost axis that are gathered at a time */

#ifndef CNN_REDUCE_AXES_DEFINED
#define CNN_REDUCE_AXES_DEFINED
typedef struct { int64_t n, x, y; } cnn_group_axis;           /* length; strides of x, y */
typedef struct {
    int64_t        count;                                     /* numbers of a group      */
    cnn_group_axis in;                                        /* the innermost axis      */
    int            n_kept, n_gone, n_all;                     /* the others              */
    cnn_group_axis kept[CNN_MAX_DIM], gone[CNN_MAX_DIM], all[CNN_MAX_DIM];
} cnn_groups;

/* Rows of x whose groups a call makes: all of them where the batch axis belongs to the groups. */
static inline int64_t cnn_group_rows(const cnn_call *c)
{
    const cnn_tensor *x = OPERAND(c, 0), *y = OPERAND(c, 1);
    return !x->stride ? 1 : y->stride ? c->end - c->begin : c->n_row;
}

static inline void cnn_read_groups(const cnn_call *c, int64_t n_row, cnn_groups *s)
{
    const cnn_tensor *x = OPERAND(c, 0), *y = OPERAND(c, 1);
    const cnn_attr   *attr = c->step->attr;
    const int64_t     n_axis = attr[0].i;
    cnn_group_axis   *axis = s->all;
    int64_t           step = x->size;

    *axis++ = (cnn_group_axis){n_row, x->stride, y->stride};
    for (int64_t d = 0; d < n_axis; d++) {
        const int64_t n = attr[1 + 2 * d].i, to = attr[2 + 2 * d].i;
        step /= n;
        if (axis[-1].n == 1 || axis[-1].y == to * n)
            axis[-1] = (cnn_group_axis){axis[-1].n * n, step, to};
        else
            *axis++ = (cnn_group_axis){n, step, to};
    }
    s->n_all = (int)(axis - s->all) - 1;
    s->in = s->all[s->n_all];
    s->n_kept = s->n_gone = 0;
    s->count = s->in.y ? 1 : s->in.n;
    for (int d = 0; d < s->n_all; d++)
        if (s->all[d].y) {
            s->kept[s->n_kept++] = s->all[d];
        } else {
            s->gone[s->n_gone++] = s->all[d];
            s->count *= s->all[d].n;
        }
}

/* Move `at` to the next point of n axes, in row-major order; 0 after the last one. */
static inline int cnn_next_group(int n, const cnn_group_axis *axis, int64_t *index,
                                 cnn_group_axis *at)
{
    for (int d = n - 1; d >= 0; d--) {
        at->x += axis[d].x, at->y += axis[d].y;
        if (++index[d] < axis[d].n)
            return 1;
        at->x -= axis[d].n * axis[d].x;
        at->y -= axis[d].n * axis[d].y;
        index[d] = 0;
    }
    return 0;
}
#endif
#if !K(CNN_REDUCE_AXES_MADE)      /* once for each type, of which float comes first */
#ifndef CNN_REDUCE_AXES_MADE_f32
#define CNN_REDUCE_AXES_MADE_f32 1
#else
#define CNN_REDUCE_AXES_MADE_f64 1
#endif

/* What is gathered: state[i] starts at `start`, `take` brings in x[i] with the help of aux[i],
 * and `fold` makes one of n states. */
typedef struct {
    double start;
    void (*take)(int64_t n, const real *x, const double *aux, double *state);
    double (*fold)(int64_t n, const double *state);
} K(cnn_reducer);

/* Gather the groups that start at x: up to CNN_WIDTH neighbours where the innermost axis is
 * kept, else one.  state[i] is then what group i made. */
static inline void K(cnn_gather_group)(const cnn_groups *s, const K(cnn_reducer) *r, int64_t width,
                                 const real *x, const double *aux, double *state)
{
    const int64_t  n = s->in.y ? width : s->in.n, used = n < CNN_WIDTH ? n : CNN_WIDTH;
    int64_t        index[CNN_MAX_DIM] = {0};
    cnn_group_axis at = {0};

    for (int64_t i = 0; i < used; i++)
        state[i] = r->start;
    do
        for (int64_t j = 0; j < n; j += CNN_WIDTH)
            r->take(n - j < CNN_WIDTH ? n - j : CNN_WIDTH, x + at.x + j, aux, state);
    while (cnn_next_group(s->n_gone, s->gone, index, &at));
    if (!s->in.y)
        state[0] = r->fold(used, state);
}

/* y = finish(what `first` gathers, what `second` gathers with that as aux, n); `second` may be
 * NULL. */
static inline void K(cnn_reduce)(const cnn_call *c, const K(cnn_reducer) *first,
                                 const K(cnn_reducer) *second,
                                 double (*finish)(double, double, double))
{
    const real    *x = ROWS(c, 0);
    real          *y = ROWS(c, 1);
    double         one[CNN_WIDTH], two[CNN_WIDTH];
    cnn_group_axis at = {0};
    int64_t        index[CNN_MAX_DIM] = {0};
    cnn_groups     s;

    cnn_read_groups(c, cnn_group_rows(c), &s);
    const int64_t n = s.in.y ? s.in.n : 1;
    do
        for (int64_t j = 0; j < n; j += CNN_WIDTH) {
            const int64_t width = n - j < CNN_WIDTH ? n - j : CNN_WIDTH;
            K(cnn_gather_group)(&s, first, width, x + at.x + j, NULL, one);
            if (second) {
                for (int64_t i = 1; !s.in.y && i < CNN_WIDTH; i++)
                    one[i] = one[0];
                K(cnn_gather_group)(&s, second, width, x + at.x + j, one, two);
            }
            for (int64_t i = 0; i < width; i++)
                y[at.y + j + i] = (real)finish(one[i], second ? two[i] : 0, (double)s.count);
        }
    while (cnn_next_group(s.n_kept, s.kept, index, &at));
}

static inline double K(cnn_fold_sum)(int64_t n, const double *state)
{
    return cnn_sum_double(n, state);
}

#define CNN_REDUCE(op, REDUCER, FINISH)                                                      \
    static double K(op##_finish)(double state, double unused, double n)                      \
    {                                                                                        \
        (void)unused, (void)n;                                                               \
        return FINISH(state, n);                                                             \
    }                                                                                        \
    static cnn_status K(op##_forward)(const cnn_call *c)                                     \
    {                                                                                        \
        K(cnn_reduce)(c, &REDUCER, NULL, K(op##_finish));                                    \
        return CNN_OK;                                                                       \
    }

#define CNN_REDUCE_GRAD(op, SLOPE)                                                           \
    static cnn_status K(op##_grad)(const cnn_call *c)                                        \
    {                                                                                        \
        const int      add = c->step->accumulate;                                            \
        cnn_group_axis at = {0};                                                             \
        int64_t        index[CNN_MAX_DIM] = {0};                                             \
        cnn_groups     s;                                                                    \
                                                                                             \
        /* Some rows of x, whether y is one number for each or for all of them. */           \
        const int64_t n_row = OPERAND(c, 0)->stride ? c->end - c->begin : 1;                 \
        cnn_read_groups(c, n_row, &s);                                                       \
        const real count = (real)(s.count * cnn_group_rows(c) / n_row);                      \
        (void)count;                                                                         \
        do {                                                                                 \
            const real *x = ROWS(c, 0) + at.x, *y = ROWS(c, 1) + at.y;                       \
            const real *dy = ROWS(c, 2) + at.y;                                              \
            real       *dx = ROWS(c, 3) + at.x;                                              \
            (void)x, (void)y;                                                                \
            if (s.in.y) {                                                                    \
                CNN_IVDEP                                                                    \
                for (int64_t i = 0; i < s.in.n; i++)                                         \
                    dx[i] = (add ? dx[i] : 0) + SLOPE(x[i], y[i], dy[i], count);             \
            } else {                                                                         \
                const real y0 = y[0], dy0 = dy[0];                                           \
                (void)y0;                                                                    \
                CNN_IVDEP                                                                    \
                for (int64_t i = 0; i < s.in.n; i++)                                         \
                    dx[i] = (add ? dx[i] : 0) + SLOPE(x[i], y0, dy0, count);                 \
            }                                                                                \
        } while (cnn_next_group(s.n_all, s.all, index, &at));                                \
        return CNN_OK;                                                                       \
    }
#endif
