/* broadcast - the gradients of operations whose operands are broadcast together.
 *
 * An operation brings passes over the two innermost axes (cnn_broadcast.h); here they are taken
 * through the others, and added up in double where the operand is repeated.  Compiled once, and
 * not into every operation.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_broadcast.h"
#include "cnn_lanes.h"

/* The gradient of an operand that is not repeated: it has the shape of y. */
static void K(grad_same)(const cnn_axes *s, K(cnn_inner_fn) inner, const real *a,
                                    const real *b, const real *dy, real *dx)
{
    int            n_outer = s->n - 1;
    const cnn_axis in = s->axis[n_outer], row = cnn_pop(&n_outer, s->axis);
    cnn_point      at = {0};

    do
        inner(&row, &in, a + at.a, b + at.b, dy + at.dense, dx + at.dense, row.dense, NULL);
    while (cnn_next(n_outer, s->axis, &at));
}

/* Columns [j, j + n) of the gradient of an operand that has the innermost axis: added up over
 * the axes that are gone. */
static void K(add_columns)(int n_gone, const cnn_axis *gone, const cnn_axis *in,
                                      K(cnn_inner_fn) add_up, const real *a, const real *b,
                                      const real *dy, double *sum)
{
    const cnn_axis row = cnn_pop(&n_gone, gone);
    cnn_point      at = {0};

    for (int64_t i = 0; i < in->n; i++)
        sum[i] = 0;
    do
        add_up(&row, in, a + at.a, b + at.b, dy + at.dense, NULL, 0, sum);
    while (cnn_next(n_gone, gone, &at));
}

/* The same for an operand that has not: sum[r] gets the sum of row r and of those that are gone.
 * The slopes of as many rows as fit are made first, and then added up. */
static void K(add_rows)(int n_gone, const cnn_axis *gone, const cnn_axis *row,
                                   const cnn_axis *in, K(cnn_inner_fn) write, const real *a,
                                   const real *b, const real *dy, double *sum)
{
    real     slope[WIDTH];
    double   some[WIDTH];
    cnn_point at = {0};
    const int64_t width = in->n < WIDTH ? in->n : WIDTH;
    const int64_t n_row = WIDTH / width;

    for (int64_t r = 0; r < row->n; r++)
        sum[r] = 0;
    do
        for (int64_t r = 0; r < row->n; r += n_row)
            for (int64_t j = 0; j < in->n; j += width) {
                cnn_axis rows = *row, part = *in;
                rows.n = row->n - r < n_row ? row->n - r : n_row;
                part.n = in->n - j < width ? in->n - j : width;
                write(&rows, &part, a + at.a + r * row->a + j * in->a,
                      b + at.b + r * row->b + j * in->b, dy + at.dense + r * row->dense + j,
                      slope, width, NULL);
                K(cnn_lane_dots)(rows.n, part.n, slope, width, NULL, 0, some);
                for (int64_t k = 0; k < rows.n; k++)
                    sum[r + k] += some[k];
            }
    while (cnn_next(n_gone, gone, &at));
}

/* The gradient of a repeated operand: for each of its elements, added up over the others. */
static void K(grad_repeated)(const cnn_axes *s, int wrt, const K(cnn_slope) *slope,
                                        const real *a, const real *b, const real *dy, real *dx,
                                        int add)
{
    cnn_axis       in = s->axis[s->n - 1];
    const int      column = wrt ? in.b != 0 : in.a != 0;     /* the innermost axis is kept */
    cnn_axis       kept[CNN_MAX_DIM], gone[CNN_MAX_DIM];
    cnn_point      at = {0};
    int            n_kept = 0, n_gone = 0;
    double         sum[WIDTH];

    for (int d = 0; d < s->n - 1; d++)
        if (wrt ? s->axis[d].b : s->axis[d].a)
            kept[n_kept++] = s->axis[d];
        else
            gone[n_gone++] = s->axis[d];
    /* A block of the operand's elements: of a row, or one in each of some rows. */
    const cnn_axis line = column ? in : cnn_pop(&n_kept, kept);
    const int64_t  step = column ? 1 : wrt ? line.b : line.a;
    do {
        real *to = dx + (wrt ? at.b : at.a);
        for (int64_t j = 0; j < line.n; j += WIDTH) {
            cnn_axis part = line;
            part.n = line.n - j < WIDTH ? line.n - j : WIDTH;
            const real *a0 = a + at.a + j * line.a, *b0 = b + at.b + j * line.b;
            const real *dy0 = dy + at.dense + j * line.dense;
            if (column)
                K(add_columns)(n_gone, gone, &part, slope->add_up, a0, b0, dy0, sum);
            else
                K(add_rows)(n_gone, gone, &part, &in, slope->write, a0, b0, dy0, sum);
            for (int64_t i = 0; i < part.n; i++) {
                real *t = to + (j + i) * step;
                *t = (real)((add ? *t : 0) + sum[i]);
            }
        }
    } while (cnn_next(n_kept, kept, &at));
}

cnn_status K(cnn_grad_binary)(const cnn_call *c, int wrt, const K(cnn_slope) *slope)
{
    const int64_t n_row = OPERAND(c, 4)->stride ? c->end - c->begin : cnn_n_row(c, 3);
    cnn_axes      s;
    int           repeated = 0;

    cnn_read_pair_axes(c, n_row, &s);
    for (int d = 0; d < s.n; d++)
        repeated |= (wrt ? s.axis[d].b : s.axis[d].a) == 0;
    if (repeated)
        K(grad_repeated)(&s, wrt, slope, ROWS(c, 0), ROWS(c, 1), ROWS(c, 3), ROWS(c, 4),
                             c->step->accumulate);
    else
        K(grad_same)(&s, c->step->accumulate ? slope->add_to : slope->write, ROWS(c, 0),
                         ROWS(c, 1), ROWS(c, 3), ROWS(c, 4));
    return CNN_OK;
}

#else
#define WIDTH 128        /* elements that are added up at a time */

#define CNN_SELF "shared/broadcast.c"
#include "cnn_instantiate.h"
#endif
