/* cnn_index.h - entries of an axis by number, as NumPy counts: negative ones from the end.
 *
 * An operation that checks indices has the length of the axis as its attribute 1: the message
 * says what is allowed. */
#ifndef CNN_INDEX_H
#define CNN_INDEX_H
#include "cnn_core.h"

/* The entry from 0 on that `i` from -v to v - 1 means. */
static inline int64_t cnn_index(int32_t i, int64_t v)
{
    return i < 0 ? i + v : i;
}

/* CNN_ERR_INDEX_RANGE, with the first wrong one of n indices and its place in the whole operand,
 * unless all lie from -v to v - 1; `first` is the place of index[0]. */
static inline cnn_status cnn_check_index(const cnn_call *c, int64_t first, int64_t n,
                                         const int32_t *index, int64_t v)
{
    for (int64_t i = 0; i < n; i++)
        if (index[i] < -v || index[i] >= v) {
            c->fault->index = first + i;
            c->fault->value = index[i];
            return CNN_ERR_INDEX_RANGE;
        }
    return CNN_OK;
}

/* CNN_ERR_ENTRY_RANGE, with the first wrong one of the n of a row, unless all lie from 0 to v - 1. */
static inline cnn_status cnn_check_entry(const cnn_call *c, int64_t row, int64_t n,
                                         const int32_t *index, int64_t v)
{
    for (int64_t i = 0; i < n; i++)
        if (index[i] < 0 || index[i] >= v) {
            c->fault->index = row;
            c->fault->value = index[i];
            return CNN_ERR_ENTRY_RANGE;
        }
    return CNN_OK;
}
#endif
