/* cnn_groups.h - numbers that are taken together along any axes of x, the batch axis among them.
 *
 * Attributes (cnn_core/ir/reduction.py): the axes of a row of x.  Their number, then of each,
 * outermost first, its length and the stride of y, 0 where the axis belongs to the groups.  The
 * innermost stride is 0 or 1.  The batch axis belongs to the groups where x has one and y has
 * none.
 * x is met in chunks, each a run of memory: either all or a part of the rows of some groups, one
 * row after the other; or, where the innermost axis is kept, rows with a number of each of some
 * neighbouring groups.
 */
#ifndef CNN_GROUPS_H
#define CNN_GROUPS_H
#include "cnn_axes.h"

typedef struct {
    int64_t  count;                             /* numbers of a group                          */
    int      by_rows;                           /* a group lies along the innermost axis       */
    int64_t  block, depth;                      /* groups of a chunk, and numbers of each      */
    cnn_axis across, along;                     /* the innermost axes: kept, and of the groups */
    int      n_kept, n_gone;                    /* the others                                  */
    cnn_axis kept[CNN_MAX_DIM], gone[CNN_MAX_DIM];
} cnn_groups;

/* Rows of x whose groups a call makes: all of them where the batch axis belongs to the groups. */
static inline int64_t cnn_group_rows(const cnn_call *c)
{
    const cnn_tensor *x = OPERAND(c, 0), *y = OPERAND(c, 1);
    return !x->stride ? 1 : y->stride ? c->end - c->begin : c->n_row;
}

/* The groups of n_row rows of x, which may be a part of the rows that groups along the batch axis
 * have; `most` numbers to a chunk.  Operands 0 and 1 of the call are x and y. */
#define cnn_read_groups CNN_FOR_ISA(cnn_read_groups)
void cnn_read_groups(const cnn_call *c, int64_t n_row, int64_t most, cnn_groups *g);
#endif
