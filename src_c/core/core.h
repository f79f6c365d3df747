/* core.h - what the files of this folder share. */
#ifndef CNN_CORE_INTERNAL_H
#define CNN_CORE_INTERNAL_H
#include "cnn_core.h"
#include "cnn_typed.h"

#define cnn_plan_run      CNN_FOR_ISA(cnn_plan_run)
#define cnn_plan_parallel CNN_FOR_ISA(cnn_plan_parallel)
#define cnn_plan_execute  CNN_FOR_ISA(cnn_plan_execute)
#define cnn_train_chunk   CNN_FOR_ISA(cnn_train_chunk)
#define cnn_gather        CNN_FOR_ISA(cnn_gather)
#define cnn_gather_rows   CNN_FOR_ISA(cnn_gather_rows)
#define cnn_learn         CNN_FOR_ISA(cnn_learn)
#define cnn_learn_on      CNN_FOR_ISA(cnn_learn_on)
#define cnn_follow        CNN_FOR_ISA(cnn_follow)
#define cnn_add_grads     CNN_FOR_ISA(cnn_add_grads)
#define cnn_mean_grads    CNN_FOR_ISA(cnn_mean_grads)
#define cnn_shuffle       CNN_FOR_ISA(cnn_shuffle)
#define cnn_first_outside CNN_FOR_ISA(cnn_first_outside)
#define cnn_count_blocks  CNN_FOR_ISA(cnn_count_blocks)
#define cnn_step_scratch  CNN_FOR_ISA(cnn_step_scratch)
#define cnn_run_stretch   CNN_FOR_ISA(cnn_run_stretch)
#define cnn_block_bytes   CNN_FOR_ISA(cnn_block_bytes)
#define cnn_ask_watch     CNN_FOR_ISA(cnn_ask_watch)
#define cnn_row_bytes     CNN_FOR_ISA(cnn_row_bytes)

/* What tiles and blocks of rows do before their first step: gather their rows. */
typedef struct {
    const cnn_source *source;
    int32_t           n_source;
    const int64_t    *index;
    int64_t           first_row;
} cnn_feed;

/* Rows or units that one whole call of a step covers. */
static inline int64_t cnn_extent(const cnn_step *step, const cnn_tensor *tensor, int64_t n_row)
{
    if (step->split == CNN_UNITS)
        return step->n_unit;
    return cnn_entry(tensor, step->operand[step->n_operand - 1])->stride ? n_row : 1;
}

/* Whether a stretch takes the rows of this run block by block: two blocks or more. */
static inline int cnn_in_blocks(const cnn_run *run, const cnn_stretch *s)
{
    return run->n_row >= 2 * s->n_row && s->first >= run->first && s->last_sum <= run->last;
}

/* Whether the caller wants this run to end.  Worker 0, its thread, asks and tells the others. */
int cnn_ask_watch(const cnn_run *run, uint64_t mode, int32_t worker);
static inline int cnn_stopped(const cnn_run *run, uint64_t mode, int32_t worker)
{
    return run->watch && cnn_ask_watch(run, mode, worker);
}

/* The rows [call.begin, call.end) through a stretch, on one of the threads; `alone`: on the only
 * one, with the sums.  feed: NULL if the rows are there. */
cnn_status cnn_run_stretch(const cnn_run *run, const cnn_stretch *stretch, cnn_call call,
                           const cnn_feed *feed, int32_t worker, int alone);
int64_t    cnn_block_bytes(int32_t n_tensor, int64_t local);
/* On this thread.  Denormals are flushed already; `mode` is what cnn_flush_denormals returned.
 * feed: NULL if the rows are there, else what the first stretch gathers, in blocks. */
cnn_status cnn_plan_run(const cnn_run *run, uint64_t mode, const cnn_feed *feed,
                        cnn_fault *fault);
/* The same on the threads of the pool, which the caller has taken. */
cnn_status cnn_plan_parallel(const cnn_run *run, uint64_t mode, const cnn_feed *feed,
                             cnn_fault *fault);
/* One or the other: run->n_thread threads if the pool is free, else one. */
cnn_status cnn_plan_execute(const cnn_run *run, cnn_fault *fault);
/* Bytes of working memory that a step asks for, for up to n_row rows. */
int64_t    cnn_step_scratch(const cnn_step *step, const cnn_tensor *tensor, int64_t n_row);
cnn_status cnn_train_chunk(cnn_chunk *chunk, cnn_fault *fault);
void       cnn_gather(const cnn_source *source, const int64_t *index, int64_t first, int64_t n);
/* Rows [begin, end) of the target only. */
void       cnn_gather_rows(const cnn_source *source, const int64_t *index, int64_t first,
                           int64_t begin, int64_t end);
cnn_status cnn_learn(const cnn_learner *learner, const double *lr, int64_t step,
                     cnn_fault *fault);
/* The same on n_thread threads of the pool; 1: without it.  rows: what the ranges number whose
 * gradient comes of the n_row sparse rows of this step. */
cnn_status cnn_learn_on(const cnn_learner *learner, const double *lr, int64_t step,
                        cnn_row_grad *rows, int64_t n_row, int32_t n_thread, cnn_fault *fault);
/* Move running means towards the numbers of now: by 9 in 10 + t after step t, by `least` later. */
void       cnn_follow(cnn_average *average, int32_t dtype, int32_t n_thread);
/* Add gradients, times a weight, to their sums; and make their mean of these. */
void       cnn_add_grads(const cnn_average *sums, int32_t dtype, int32_t first, double weight);
void       cnn_mean_grads(const cnn_average *sums, int32_t dtype, double weight);
/* Bytes of the memory of a cnn_row_grad. */
int64_t    cnn_row_bytes(int64_t n_in, int64_t n_entry, int32_t dtype);
int64_t    cnn_count_blocks(cnn_range *range, int32_t n);
void       cnn_shuffle(uint64_t seed, uint64_t epoch, int64_t n, int64_t *index);
/* The first of n elements, CNN_F32 or CNN_F64, for which |x| <= limit does not hold; -1: none. */
int64_t    cnn_first_outside(int32_t dtype, int64_t n, const void *x, double low, double high);
#endif
