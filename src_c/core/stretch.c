/* stretch - row-wise steps, block of rows by block of rows.
 *
 * A block's rows of the local tensors lie in the block memory of the thread.  So the steps run over
 * a copy of the table of tensors, at the start of that memory, in which these tensors begin where
 * the whole batch would have to begin for the block's rows to come to lie there.
 */
#include <string.h>
#include "core.h"

typedef struct {
    const cnn_run     *run;
    const cnn_stretch *stretch;
    const cnn_feed    *feed;
    cnn_tensor        *table;
    char              *local;
    int                alone;
} stretch_work;

static int is_fed(const stretch_work *w, int32_t tensor)
{
    for (int32_t i = 0; w->feed && i < w->feed->n_source; i++)
        if (w->feed->source[i].target == &w->run->tensor[tensor])
            return 1;
    return 0;
}

/* Let the local tensors hold the rows [begin, end). */
static void place(const stretch_work *w, int64_t begin, int64_t end)
{
    (void)end;
    for (int32_t i = 0; i < w->stretch->n_local; i++) {
        const cnn_local *l = &w->run->local[w->stretch->first_local + i];
        if ((l->summed && !w->alone) || (l->fed && !is_fed(w, l->tensor)))
            continue;
        CNN_NEED(l->offset + (end - begin) * l->row + (w->local - (char *)w->table) <=
                 w->run->block_bytes);
        w->table[l->tensor].data =
            (void *)((uintptr_t)(w->local + l->offset) - (uintptr_t)(begin * l->row));
    }
}

static void gather(const stretch_work *w, int64_t begin, int64_t end)
{
    for (int32_t i = 0; w->feed && i < w->feed->n_source; i++) {
        cnn_source source = w->feed->source[i];
        source.target = &w->table[source.target - w->run->tensor];
        if (source.target->size > 1)
            cnn_gather_rows(&source, w->feed->index, w->feed->first_row, begin, end);
    }
}

static cnn_status run_step(const stretch_work *w, int32_t step, cnn_call *call)
{
    call->step = &w->run->step[step];
    const cnn_status status = call->step->kernel(call);
    if (status != CNN_OK)
        call->fault->step = step;
    return status;
}

/* The sums over the batch take in the rows of the call. */
static cnn_status add_to_sums(const stretch_work *w, cnn_call call)
{
    cnn_part   part = {.begin = call.begin, .end = call.end};
    cnn_status status = CNN_OK;
    call.begin = 0;
    call.part = &part;
    for (int32_t s = w->stretch->last; s < w->stretch->last_sum && status == CNN_OK; s++) {
        const cnn_step *step = &w->run->step[s];
        part.state = w->local + step->state;
        call.end = cnn_extent(step, w->table, call.n_row);
        status = run_step(w, s, &call);
    }
    return status;
}

/* Bytes of the copy of the table. */
static int64_t table_bytes(int32_t n_tensor)
{
    return (n_tensor * (int64_t)sizeof(cnn_tensor) + CNN_LINE - 1) / CNN_LINE * CNN_LINE;
}

int64_t cnn_block_bytes(int32_t n_tensor, int64_t local) { return table_bytes(n_tensor) + local; }

/* Blocks of equal size, so that the last one is no stump, and multiples of 16. */
static int64_t even_rows(int64_t n, int64_t most)
{
    const int64_t n_block = (n + most - 1) / most;
    return n_block > 0 ? ((n + n_block - 1) / n_block + 15) / 16 * 16 : 16;
}

cnn_status cnn_run_stretch(const cnn_run *run, const cnn_stretch *stretch, cnn_call call,
                           const cnn_feed *feed, int32_t worker, int alone)
{
    char *memory = run->scratch + worker * (run->scratch_bytes + run->block_bytes) +
                   run->scratch_bytes;
    const stretch_work w = {run, stretch, feed, (cnn_tensor *)memory,
                            memory + table_bytes(run->n_tensor), alone};
    const int64_t end = call.end, n = even_rows(end - call.begin, stretch->n_row);
    cnn_status    status = CNN_OK;

    memcpy(w.table, run->tensor, (size_t)run->n_tensor * sizeof(cnn_tensor));
    call.tensor = w.table;
    for (; call.begin < end && status == CNN_OK; call.begin = call.end) {
        if (cnn_stopped(run, call.float_mode, worker))
            return CNN_ERR_CALLBACK;
        call.end = end - call.begin < n ? end : call.begin + n;
        place(&w, call.begin, call.end);
        gather(&w, call.begin, call.end);
        for (int32_t s = stretch->first; s < stretch->last && status == CNN_OK; s++)
            status = run_step(&w, s, &call);
        if (status == CNN_OK && alone)
            status = add_to_sums(&w, call);
    }
    return status;
}
