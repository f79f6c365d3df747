/* cnn_rank.h - where a class stands among the scores of a row. */
#include <stdint.h>
#include "cnn_typed.h"

/* The classes that come before `label` when the scores are sorted from the largest; equals
 * keep their order.  NaN comes before all numbers, so nothing is right in a row with NaN. */
static inline int64_t K(cnn_rank)(int64_t n_class, const real *z, int64_t label)
{
    const real own = z[label];
    int64_t    before = 0;
    for (int64_t i = 0; i < label; i++)
        before += !(z[i] < own);
    for (int64_t i = label + 1; i < n_class; i++)
        before += !(z[i] <= own);
    return before;
}
