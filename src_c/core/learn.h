/* learn.h - what learn.c asks of learn_rows.c, for a range whose gradient comes of sparse rows. */
#ifndef CNN_LEARN_H
#define CNN_LEARN_H
#include "core.h"

#define cnn_complete     CNN_FOR_ISA(cnn_complete)
#define cnn_rows_begin   CNN_FOR_ISA(cnn_rows_begin)
#define cnn_rows_check   CNN_FOR_ISA(cnn_rows_check)
#define cnn_rows_measure CNN_FOR_ISA(cnn_rows_measure)
#define cnn_rows_update  CNN_FOR_ISA(cnn_rows_update)

/* Add the penalties to the gradients g of elements [at, at + n) of a range, and clip their values. */
void       cnn_complete(const cnn_learner *l, const cnn_range *r, int64_t at, int64_t n, void *g);

/* What l2_per_row multiplies sum p^2 by: nothing where no row of the batch counts. */
static inline double per_row(const cnn_learner *l, const cnn_range *r)
{
    return l->batch[0] > 0 ? r->l2_per_row / l->batch[0] : 0;
}

/* Whether l2_per_row stands alone, so that the optimizer's decay, which is an L2 penalty, makes its
 * gradient in the same pass over memory. */
static inline int is_decay(const cnn_learner *l, const cnn_range *r)
{
    return r->l2_per_row > 0 && !(r->l1 > 0) && !(r->l2 > 0) && r->weight_decay == 0 &&
           !(l->clip_norm > 0) && !(l->clip_value > 0) && !l->optim->decoupled;
}

/* Before the others, in each step: find the way for this batch, and what it needs. */
void       cnn_rows_begin(const cnn_learner *l, const cnn_range *r, cnn_row_grad *g, int64_t n_row,
                          double lr);
/* CNN_ERR_GRADIENT, with the first gradient in the order of tiles that is not finite. */
cnn_status cnn_rows_check(const cnn_learner *l, const cnn_range *r, cnn_row_grad *g,
                          int32_t n_thread, cnn_fault *fault);
/* Sum of squares of the gradients times `factor`. */
double     cnn_rows_measure(const cnn_learner *l, const cnn_range *r, cnn_row_grad *g,
                            double factor, int32_t n_thread);
void       cnn_rows_update(const cnn_learner *l, const cnn_range *r, cnn_row_grad *g,
                           int64_t n_row, double lr, double scale, double factor,
                           int32_t n_thread);
#endif
