/* groups - how the numbers of x are taken together, and in which chunks they are met. */
#include "cnn_groups.h"

void cnn_read_groups(const cnn_call *c, int64_t n_row, int64_t most, cnn_groups *g)
{
    cnn_axes s;

    cnn_read_axes(c->step->attr, 1, n_row, OPERAND(c, 1)->stride, 0, &s);
    g->count = 1;
    g->n_kept = g->n_gone = 0;
    for (int d = 0; d < s.n; d++)
        if (s.axis[d].a) {
            g->kept[g->n_kept++] = s.axis[d];
        } else {
            g->gone[g->n_gone++] = s.axis[d];
            g->count *= s.axis[d].n;
        }
    g->by_rows = s.axis[s.n - 1].a == 0;
    g->across = cnn_pop(&g->n_kept, g->kept);
    g->along = cnn_pop(&g->n_gone, g->gone);

    const int64_t in = g->by_rows ? g->along.n : g->across.n;
    const int64_t out = g->by_rows ? g->across.n : g->along.n;
    const int64_t fit = in < most ? most / in : 1;
    const int64_t even = fit > 8 ? fit / 8 * 8 : fit;           /* eight share registers */
    const int64_t inner = in < most ? in : most, outer = even < out ? even : out;
    g->block = g->by_rows ? outer : inner;
    g->depth = g->by_rows ? inner : outer;
}
