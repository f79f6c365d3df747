/* executor - runs a range of a plan's steps, on one thread or on several. */
#include "core.h"
#include "denormals.h"
#include "gemm/cnn_gemm.h"
#include "pool.h"
#include <math.h>
#include <stddef.h>

/* Rows or units that one whole call of a step covers. */
static int64_t extent(const cnn_step *step, int64_t n_row)
{
    if (step->split == CNN_UNITS)
        return step->n_unit;
    return step->operand[step->n_operand - 1]->stride ? n_row : 1;
}

#define FIRST_NOT_FINITE(real)                                                               \
    static int64_t first_not_finite_##real(int64_t n, const real *x)                         \
    {                                                                                        \
        for (int64_t i = 0; i < n; i++)                                                      \
            if (!isfinite(x[i]))                                                             \
                return i;                                                                    \
        return -1;                                                                           \
    }
FIRST_NOT_FINITE(float)
FIRST_NOT_FINITE(double)

/* Look through the operand that a step has just written. */
static cnn_status check_written(const cnn_step *step, int64_t n_row, cnn_fault *fault)
{
    const cnn_tensor *t = step->operand[step->n_operand - 1];
    const int64_t n = t->size * (t->stride ? n_row : 1);
    const int64_t i = t->dtype == CNN_F32   ? first_not_finite_float(n, t->data)
                      : t->dtype == CNN_F64 ? first_not_finite_double(n, t->data)
                                            : -1;
    if (i < 0)
        return CNN_OK;
    fault->index = i;
    fault->value = t->dtype == CNN_F32 ? ((const float *)t->data)[i] : ((const double *)t->data)[i];
    return CNN_ERR_NOT_FINITE;
}

cnn_status cnn_plan_run(const cnn_run *run, cnn_fault *fault)
{
    cnn_call call = {.n_row = run->n_row, .seed = run->seed, .counter = run->counter,
                     .scratch = run->scratch, .fault = fault};
    cnn_status status = CNN_OK;
    const uint64_t mode = cnn_flush_denormals();

    for (int32_t s = run->first; s < run->last && status == CNN_OK; s++) {
        call.step = &run->step[s];
        call.end = extent(call.step, run->n_row);
        status = call.step->kernel(&call);
        if (status == CNN_OK && run->check_finite)
            status = check_written(call.step, run->n_row, fault);
        if (status != CNN_OK)
            fault->step = s;
    }
    cnn_restore_denormals(mode);
    return status;
}

cnn_status cnn_step_range(const cnn_run *run, int32_t step, int64_t begin, int64_t end,
                          int32_t worker, cnn_fault *fault)
{
    const cnn_step *s = &run->step[step];
    const cnn_call call = {.step = s, .begin = begin,
                           .end = end >= 0 ? end : extent(s, run->n_row), .n_row = run->n_row,
                           .seed = run->seed, .counter = run->counter, .fault = fault,
                           .scratch = run->scratch + worker * CNN_SCRATCH_BYTES};
    const cnn_status status = s->kernel(&call);
    if (status != CNN_OK)
        fault->step = step;
    return status;
}

/* One segment as its threads see it.  Each tile reports into a place of its own; the first
 * fault in the order of tiles is the one that counts, whichever thread met it first. */
typedef struct {
    const cnn_run     *run;
    const cnn_segment *segment;
    const cnn_feed    *feed;
    int64_t            rows_per_tile;
    cnn_status        *status;
    cnn_fault         *fault;
} segment_work;

static void run_rows(void *context, int32_t tile, int32_t worker)
{
    segment_work  *w = context;
    const int64_t  begin = tile * w->rows_per_tile, last = begin + w->rows_per_tile;
    const int64_t  end = last < w->run->n_row ? last : w->run->n_row;
    const cnn_feed *f = w->feed;

    for (int32_t i = 0; f && i < f->n_source; i++)
        if (f->source[i].target->size > 1)
            cnn_gather_rows(&f->source[i], f->index, f->first_row, begin, end);
    w->status[tile] = CNN_OK;
    for (int32_t s = w->segment->first; s < w->segment->last && w->status[tile] == CNN_OK; s++)
        w->status[tile] = cnn_step_range(w->run, s, begin, end, worker, &w->fault[tile]);
}

static void run_units(void *context, int32_t tile, int32_t worker)
{
    segment_work   *w = context;
    const cnn_tile *t = &w->run->tile[w->segment->first_tile + tile];
    w->status[tile] = cnn_step_range(w->run, t->step, t->begin, t->end, worker, &w->fault[tile]);
}

/* Rows of a tile: as many tiles as threads, since every tile packs the weights anew; multiples
 * of 16, so that a block of rows that shares a vector is not cut. */
static int64_t rows_per_tile(const cnn_run *run)
{
    const int64_t even = (run->n_row + run->n_thread - 1) / run->n_thread;
    return (even + 15) / 16 * 16;
}

cnn_status cnn_plan_parallel(const cnn_run *run, const cnn_feed *feed, cnn_fault *fault)
{
    cnn_status status[CNN_MAX_TILE];
    cnn_fault  faults[CNN_MAX_TILE];
    for (int32_t i = 0; i < run->n_segment; i++) {
        const cnn_segment *s = &run->segment[i];
        segment_work work = {.run = run, .segment = s, .rows_per_tile = rows_per_tile(run),
                             .status = status, .fault = faults};
        int32_t n_tile = s->n_tile;
        if (s->split == CNN_WHOLE) {
            n_tile = 1;
            status[0] = CNN_OK;
            for (int32_t step = s->first; step < s->last && status[0] == CNN_OK; step++)
                status[0] = cnn_step_range(run, step, 0, -1, 0, &faults[0]);
        } else if (s->split == CNN_ROWS) {
            n_tile = (int32_t)((run->n_row + work.rows_per_tile - 1) / work.rows_per_tile);
            work.feed = feed;
            feed = NULL;
            cnn_pool_loop(n_tile, run_rows, &work);
        } else {
            cnn_pool_loop(n_tile, run_units, &work);
        }
        for (int32_t t = 0; t < n_tile; t++)
            if (status[t] != CNN_OK) {
                *fault = faults[t];
                return status[t];
            }
    }
    return CNN_OK;
}

cnn_status cnn_plan_execute(const cnn_run *run, cnn_fault *fault)
{
    const int32_t n_thread = cnn_pool_take(run->n_thread);
    if (n_thread < 2)
        return cnn_plan_run(run, fault);
    cnn_run on_pool = *run;
    on_pool.n_thread = n_thread;
    const uint64_t mode = cnn_flush_denormals();
    const cnn_status status = cnn_plan_parallel(&on_pool, NULL, fault);
    cnn_restore_denormals(mode);
    cnn_pool_give();
    return status;
}
