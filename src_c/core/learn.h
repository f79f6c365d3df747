/* learn.h - what learn.c asks of learn_rows.c, for a range whose gradient comes of sparse rows. */
#ifndef CNN_LEARN_H
#define CNN_LEARN_H
#include "core.h"

#define cnn_rows_begin   CNN_FOR_ISA(cnn_rows_begin)
#define cnn_rows_check   CNN_FOR_ISA(cnn_rows_check)
#define cnn_rows_measure CNN_FOR_ISA(cnn_rows_measure)
#define cnn_rows_update  CNN_FOR_ISA(cnn_rows_update)

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
