/* cnn_pairs.h - operations on pairs of groups: matrices, vectors.  What is within a group is the
 * operation's own; the axes before it are broadcast together by NumPy's rule.
 *
 * Operands: a, b, y and, for the gradients, dy and da or db.
 * Attributes: the axes as in cnn_broadcast.h, with the strides of a and b in elements and those
 * of y in groups; then what the operation needs, from CNN_PAIR_ATTR on.
 */
#include "cnn_broadcast.h"

#ifndef CNN_PAIRS_DEFINED
#define CNN_PAIRS_DEFINED
#define CNN_PAIR_ATTR(c, k) ((c)->step->attr[1 + 3 * (c)->step->attr[0].i + (k)])

/* The axes of the groups of a forward call, or of the gradient of a or b. */
static inline void cnn_read_pairs(const cnn_call *c, int is_gradient, cnn_axes *s)
{
    const int whole = is_gradient && !OPERAND(c, 4)->stride;
    cnn_read_pair_axes(c, whole ? cnn_n_row(c, 3) : c->end - c->begin, s);
}

/* Has the operand's group been at this point before? */
static inline int cnn_is_repeated(const cnn_axes *s, const cnn_point *at, int wrt)
{
    int repeated = 0;
    for (int d = 0; d < s->n; d++)
        repeated |= at->index[d] != 0 && (wrt ? s->axis[d].b : s->axis[d].a) == 0;
    return repeated;
}
#endif
