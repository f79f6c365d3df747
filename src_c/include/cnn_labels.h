/* cnn_labels.h - class labels: int32 numbers in [0, C), one per row. */
#ifndef CNN_LABELS_H
#define CNN_LABELS_H
#include "cnn_op.h"

#define CNN_NO_LABEL INT64_MIN     /* as the label to ignore: none */

/* The labels at operand i of this call's rows. */
#define LABELS(c, i) \
    ((const int32_t *)OPERAND(c, i)->data + (c)->begin * OPERAND(c, i)->stride)

static inline int cnn_is_label(int32_t label, int64_t n_class, int64_t ignored)
{
    return (label >= 0 && label < n_class) || label == ignored;
}

/* CNN_ERR_LABEL_RANGE and the first of n labels that is neither in [0, n_class) nor ignored. */
static inline cnn_status cnn_check_labels(const cnn_call *c, int64_t n, const int32_t *label,
                                          int64_t n_class, int64_t ignored)
{
    int64_t good = 0;
    for (int64_t r = 0; r < n; r++)
        good += cnn_is_label(label[r], n_class, ignored);
    if (good == n)
        return CNN_OK;
    int64_t r = 0;
    while (cnn_is_label(label[r], n_class, ignored))
        r++;
    c->fault->index = c->begin + r;
    c->fault->value = label[r];
    return CNN_ERR_LABEL_RANGE;
}
#endif
