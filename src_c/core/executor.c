/* executor - runs a range of a plan's steps, on one thread or on several. */
#include "core.h"
#include "denormals.h"
#include "gemm/cnn_gemm.h"
#include "pool.h"
#include <float.h>
#include <stddef.h>

int64_t cnn_step_scratch(const cnn_step *step, const cnn_tensor *tensor, int64_t n_row)
{
    int64_t need = 0;
    if (!step->products)
        return 0;
    step->kernel(&(cnn_call){.step = step, .tensor = tensor, .end = cnn_extent(step, tensor, n_row),
                             .n_row = n_row, .scratch = {.need = &need}});
    return (need + CNN_LINE - 1) / CNN_LINE * CNN_LINE;
}

static cnn_scratch scratch_of(const cnn_run *run, int32_t worker)
{
    return (cnn_scratch){.memory = run->scratch + worker * (run->scratch_bytes + run->block_bytes),
                         .bytes = run->scratch_bytes};
}

int cnn_ask_watch(const cnn_run *run, uint64_t mode, int32_t worker)
{
    if (worker > 0)
        return cnn_pool_stopped();
    if (!run->watch->stop(run->watch, mode))
        return 0;
    cnn_pool_stop();
    return 1;
}

/* Make a call of a step in pieces, between which the caller may end the run. */
CNN_COLD static cnn_status run_in_pieces(const cnn_run *run, const cnn_call *call, int32_t worker)
{
    cnn_status status = CNN_OK;
    cnn_call   piece = *call;
    for (; piece.begin < call->end && status == CNN_OK; piece.begin = piece.end) {
        const int64_t left = call->end - piece.begin, most = call->step->piece;
        piece.end = most && most < left ? piece.begin + most : call->end;
        status = cnn_stopped(run, call->float_mode, worker) ? CNN_ERR_CALLBACK
                                                            : call->step->kernel(&piece);
    }
    return status;
}

static inline cnn_status run_kernel(const cnn_run *run, const cnn_call *call, int32_t worker)
{
    return run->watch ? run_in_pieces(run, call, worker) : call->step->kernel(call);
}

/* Look through the operand that a step has just written. */
static cnn_status check_written(const cnn_run *run, const cnn_step *step, cnn_fault *fault)
{
    const cnn_tensor *t = cnn_entry(run->tensor, step->operand[step->n_operand - 1]);
    const int64_t n = t->size * (t->stride ? cnn_extent(step, run->tensor, run->n_row) : 1);
    const int     real = t->dtype == CNN_F32 || t->dtype == CNN_F64;
    const int64_t i = real ? cnn_first_outside((int32_t)t->dtype, n, t->data, -DBL_MAX, DBL_MAX) : -1;
    if (i < 0)
        return CNN_OK;
    fault->index = i;
    fault->value = t->dtype == CNN_F32 ? ((const float *)t->data)[i] : ((const double *)t->data)[i];
    return CNN_ERR_NOT_FINITE;
}

/* The next stretch, from *i on, that is taken in blocks; NULL: none. */
static inline const cnn_stretch *next_stretch(const cnn_run *run, int32_t *i)
{
    while (*i < run->n_stretch) {
        const cnn_stretch *s = &run->stretch[(*i)++];
        if (cnn_in_blocks(run, s))
            return s;
    }
    return NULL;
}

cnn_status cnn_plan_run(const cnn_run *run, uint64_t mode, const cnn_feed *feed, cnn_fault *fault)
{
    cnn_call call = {.tensor = run->tensor, .n_row = run->n_row, .seed = run->seed,
                     .counter = run->counter, .float_mode = mode, .scratch = scratch_of(run, 0),
                     .fault = fault};
    cnn_status status = CNN_OK;

    for (int32_t s = run->first, i = 0;;) {
        const cnn_stretch *stretch = next_stretch(run, &i);
        const int32_t      last = stretch ? stretch->first : run->last;
        for (; s < last && status == CNN_OK; s++) {
            call.step = &run->step[s];
            call.end = cnn_extent(call.step, run->tensor, run->n_row);
            status = run_kernel(run, &call, 0);
            if (status == CNN_OK && run->check_finite)
                status = check_written(run, call.step, fault);
            if (status != CNN_OK)
                fault->step = s;
        }
        if (!stretch || status != CNN_OK)
            return status;
        call.end = run->n_row;
        status = cnn_run_stretch(run, stretch, call, feed, 0, 1);
        s = stretch->last_sum;
        feed = NULL;
    }
}

/* Make the call of a step, of which the caller has set the range. */
static cnn_status run_call(const cnn_run *run, int32_t step, cnn_call call, int32_t worker,
                           cnn_fault *fault)
{
    call.step = &run->step[step];
    call.tensor = run->tensor;
    call.n_row = run->n_row;
    call.seed = run->seed;
    call.counter = run->counter;
    call.scratch = scratch_of(run, worker);
    call.fault = fault;
    const cnn_status status = run_kernel(run, &call, worker);
    if (status != CNN_OK)
        fault->step = step;
    return status;
}

static cnn_status step_range(const cnn_run *run, int32_t step, int64_t begin, int64_t end,
                             uint64_t mode, int32_t worker, cnn_fault *fault)
{
    const cnn_call range = {
        .begin = begin, .float_mode = mode,
        .end = end >= 0 ? end : cnn_extent(&run->step[step], run->tensor, run->n_row)};
    return run_call(run, step, range, worker, fault);
}

/* The failed tile of least number that a thread has met; status CNN_OK: none. */
typedef struct {
    cnn_status status;
    int32_t    tile;
    cnn_fault  fault;
} failure;

/* One segment as its threads see it.  Each thread keeps its first failure in the order of tiles;
 * the first of all is the one that counts, whichever thread met it when. */
typedef struct {
    const cnn_run     *run;
    cnn_segment        segment;
    const cnn_stretch *stretch;           /* what the steps of the segment are; NULL: none   */
    const cnn_feed    *feed;
    uint64_t           mode;              /* of the calling thread; see cnn_call.float_mode */
    int64_t            rows_per_tile;
    int32_t            tiles_per_call;    /* of columns */
    failure            worker[CNN_MAX_THREAD];
} segment_work;

static void note(segment_work *w, int32_t worker, int32_t tile, cnn_status status,
                 const cnn_fault *fault)
{
    failure *first = &w->worker[worker];
    if (status == CNN_ERR_CALLBACK)    /* what was asked for from outside counts first */
        tile = -1;
    if (status != CNN_OK && (first->status == CNN_OK || tile < first->tile))
        *first = (failure){status, tile, *fault};
}

static void run_rows(void *context, int32_t tile, int32_t worker)
{
    segment_work  *w = context;
    const int64_t  begin = tile * w->rows_per_tile, last = begin + w->rows_per_tile;
    const int64_t  end = last < w->run->n_row ? last : w->run->n_row;
    const cnn_feed *f = w->feed;
    cnn_status status = CNN_OK;
    cnn_fault  fault;

    if (w->stretch) {
        const cnn_call call = {.begin = begin, .end = end, .n_row = w->run->n_row,
                               .seed = w->run->seed, .counter = w->run->counter,
                               .float_mode = w->mode, .scratch = scratch_of(w->run, worker),
                               .fault = &fault};
        note(w, worker, tile, cnn_run_stretch(w->run, w->stretch, call, f, worker, 0), &fault);
        return;
    }
    for (int32_t i = 0; f && i < f->n_source; i++)
        if (f->source[i].target->size > 1)
            cnn_gather_rows(&f->source[i], f->index, f->first_row, begin, end);
    for (int32_t s = w->segment.first; s < w->segment.last && status == CNN_OK; s++)
        status = step_range(w->run, s, begin, end, w->mode, worker, &fault);
    note(w, worker, tile, status, &fault);
}

static void run_units(void *context, int32_t tile, int32_t worker)
{
    segment_work   *w = context;
    const cnn_tile *t = &w->run->tile[w->segment.first_tile + tile];
    cnn_fault        fault;
    const cnn_status status =
        step_range(w->run, t->step, t->begin, t->end, w->mode, worker, &fault);
    note(w, worker, tile, status, &fault);
}

static void run_columns(void *context, int32_t tile, int32_t worker)
{
    segment_work   *w = context;
    const cnn_tile *t = &w->run->tile[w->segment.first_tile];
    const int32_t   first = tile * w->tiles_per_call, after = first + w->tiles_per_call;
    const int32_t   last = (after < w->segment.n_tile ? after : w->segment.n_tile) - 1;
    const cnn_call  columns = {.end = w->run->n_row, .column = t[first].begin,
                               .n_column = t[last].end - t[first].begin, .float_mode = w->mode};
    cnn_fault fault;
    note(w, worker, tile, run_call(w->run, t->step, columns, worker, &fault), &fault);
}

/* Rows of a tile: as many tiles as threads, since every tile packs the weights anew; whole
 * blocks, so that rows which share a vector or a sum are not parted. */
static int64_t rows_per_tile(const cnn_run *run)
{
    const int64_t even = (run->n_row + run->n_thread - 1) / run->n_thread;
    return even < CNN_ROW_BLOCK ? CNN_ROW_BLOCK
                                : (even + CNN_ROW_BLOCK - 1) / CNN_ROW_BLOCK * CNN_ROW_BLOCK;
}

static int by_rows(const cnn_run *run, const cnn_segment *s)
{
    return s->split == CNN_ROWS || (s->split == CNN_COLUMNS && run->n_row > s->max_row);
}

/* The segment that begins at *i, for this number of rows; *i moves past it. */
static cnn_segment next_segment(const cnn_run *run, int32_t *i)
{
    cnn_segment s = run->segment[(*i)++];
    if (by_rows(run, &s)) {
        s.split = CNN_ROWS;
        while (*i < run->n_segment && by_rows(run, &run->segment[*i]))
            s.last = run->segment[(*i)++].last;
    }
    return s;
}

/* The stretch that these row-wise steps are, if it is to be taken in blocks; else NULL. */
static const cnn_stretch *stretch_of(const cnn_run *run, const cnn_segment *s)
{
    for (int32_t i = 0; i < run->n_stretch; i++) {
        const cnn_stretch *t = &run->stretch[i];
        if (t->first == s->first && t->last == s->last && cnn_in_blocks(run, t))
            return t;
    }
    return NULL;
}

/* The failure that counts, of a segment in which one was met; status CNN_OK if none was. */
static failure first_failure(const segment_work *w)
{
    failure first = w->worker[0];
    for (int32_t i = 1; i < w->run->n_thread; i++)
        if (w->worker[i].status != CNN_OK &&
            (first.status == CNN_OK || w->worker[i].tile < first.tile))
            first = w->worker[i];
    return first;
}

/* Run a segment on the pool. */
static void run_segment(segment_work *w, cnn_segment s)
{
    cnn_fault fault;
    w->segment = s;
    switch (s.split) {
    case CNN_WHOLE:
        for (int32_t step = s.first; step < s.last && w->worker[0].status == CNN_OK; step++)
            note(w, 0, 0, step_range(w->run, step, 0, -1, w->mode, 0, &fault), &fault);
        break;
    case CNN_ROWS:
        s.n_tile = (int32_t)((w->run->n_row + w->rows_per_tile - 1) / w->rows_per_tile);
        w->stretch = stretch_of(w->run, &s);
        cnn_pool_loop(s.n_tile, run_rows, w);
        w->feed = NULL;
        break;
    case CNN_COLUMNS:   /* a single row has the weights read as they lie, in long pieces */
        w->tiles_per_call =
            w->run->n_row == 1 ? (s.n_tile + w->run->n_thread - 1) / w->run->n_thread : 1;
        s.n_tile = (s.n_tile + w->tiles_per_call - 1) / w->tiles_per_call;
        cnn_pool_loop(s.n_tile, run_columns, w);
        break;
    default:
        cnn_pool_loop(s.n_tile, run_units, w);
    }
}

cnn_status cnn_plan_parallel(const cnn_run *run, uint64_t mode, const cnn_feed *feed,
                             cnn_fault *fault)
{
    segment_work work;      /* of all threads that may be, those there are get values */
    work.run = run, work.feed = feed, work.mode = mode;
    work.rows_per_tile = rows_per_tile(run);
    CNN_NEED(run->n_thread <= CNN_MAX_THREAD);
    for (int32_t i = 0; i < run->n_thread; i++)
        work.worker[i].status = CNN_OK;
    for (int32_t i = 0; i < run->n_segment;) {
        const cnn_segment s = next_segment(run, &i);
        if (s.split == CNN_COLUMNS && work.feed)    /* which needs all the rows at once */
            run_segment(&work, (cnn_segment){.split = CNN_ROWS});
        run_segment(&work, s);
        const failure first = first_failure(&work);
        if (first.status != CNN_OK) {
            *fault = first.fault;
            return first.status;
        }
    }
    return CNN_OK;
}

cnn_status cnn_plan_execute(const cnn_run *run, cnn_fault *fault)
{
    const int32_t  n_thread = cnn_pool_take(run->n_thread);
    const uint64_t mode = cnn_flush_denormals();
    cnn_status     status;
    if (n_thread < 2) {
        status = cnn_plan_run(run, mode, NULL, fault);
    } else {
        cnn_run on_pool = *run;
        on_pool.n_thread = n_thread;
        status = cnn_plan_parallel(&on_pool, mode, NULL, fault);
        cnn_pool_give();
    }
    cnn_restore_denormals(mode);
    return status;
}
