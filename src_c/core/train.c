/* train - whole minibatch steps: gather, forward, backward, update, sum of the loss. */
#include "core.h"
#include "denormals.h"
#include "pool.h"
#include <math.h>
#include <stddef.h>

static double read_scalar(const cnn_tensor *t)
{
    return t->dtype == CNN_F32 ? *(const float *)t->data : *(const double *)t->data;
}

/* Gather what tiles or blocks of rows do not gather themselves: inputs of one element to a row,
 * such as labels, may be needed whole before the first of them starts. */
static void gather_inputs(const cnn_feed *feed, int64_t n, int in_parts)
{
    for (int32_t i = 0; i < feed->n_source; i++)
        if (!in_parts || feed->source[i].target->size == 1)
            cnn_gather(&feed->source[i], feed->index, feed->first_row, n);
}

/* The sum of the losses of a step and that of its rows' weights. */
static void read_total(const cnn_chunk *c, int64_t n_row, double *total)
{
    total[0] = c->total ? c->total[0] : read_scalar(c->loss) * (double)n_row;
    total[1] = c->total ? c->total[1] : (double)n_row;
}

static void add_loss(cnn_chunk *c, const double *total, int64_t n_row)
{
    c->loss_sum += total[0];
    c->weight_sum += total[1];
    if (total[1] != 0)                  /* a step in which no row counts has no mean loss */
        c->batch_sum[0] += total[0] / total[1] * (double)n_row;
    if (c->learner && c->learner->batch)
        c->batch_sum[1] += c->learner->batch[1] * (double)n_row;
}

/* Whether the first steps that are taken in blocks may gather the wide inputs. */
static int blocks_first(const cnn_run *run)
{
    for (int32_t i = 0; i < run->n_stretch; i++)
        if (cnn_in_blocks(run, &run->stretch[i]))
            return run->stretch[i].rows_first;
    return 0;
}

static cnn_status one_step(const cnn_run *run, uint64_t mode, const cnn_feed *feed,
                           cnn_fault *fault)
{
    const int in_parts = run->n_thread > 1 ? run->rows_first : blocks_first(run);
    gather_inputs(feed, run->n_row, in_parts);
    if (run->n_thread > 1)
        return cnn_plan_parallel(run, mode, in_parts ? feed : NULL, fault);
    return cnn_plan_run(run, mode, in_parts ? feed : NULL, fault);
}

/* What a step changes besides the parameters, once it has succeeded; nothing here can fail. */
static cnn_status update_states(const cnn_run *run, uint64_t mode, cnn_fault *fault)
{
    cnn_run more = *run;
    more.first = run->last;
    more.last = run->last + run->n_update;
    more.n_stretch = 0;
    more.watch = NULL;
    return cnn_plan_run(&more, mode, NULL, fault);
}

/* The update of a step whose loss is a number.  A batch in which no row counts has the loss NaN
 * and the gradient 0, which is nothing wrong. */
static cnn_status update(const cnn_chunk *c, const cnn_run *run, double weight, cnn_fault *fault)
{
    const double loss = read_scalar(c->loss);
    if (!isfinite(loss) && !(c->total && c->total[1] == 0) && !c->learner->unguarded) {
        fault->value = loss;
        return CNN_ERR_LOSS;
    }
    if (c->learner->batch)
        c->learner->batch[0] = weight;
    return cnn_learn_on(c->learner, c->lr + c->done * c->learner->n_group, run->counter + 1,
                        c->rows, run->n_row, run->n_thread, fault);
}

/* The gradients of a step whose rows are taken in parts, one after the other: their mean, each as
 * its rows weigh.  *total gets the sum of the losses and that of the weights. */
static cnn_status in_parts(const cnn_chunk *c, const cnn_run *whole, uint64_t mode,
                           const cnn_feed *feed, double *total, cnn_fault *fault)
{
    const cnn_learner *l = c->learner;
    cnn_status status = CNN_OK;
    cnn_run    run = *whole;
    cnn_feed   part = *feed;

    run.counter *= (c->batch + l->part - 1) / l->part;      /* each draws random numbers anew */
    for (int64_t at = 0; at < whole->n_row && status == CNN_OK; at += l->part, run.counter++) {
        run.n_row = whole->n_row - at < l->part ? whole->n_row - at : l->part;
        part.index = feed->index ? feed->index + at : NULL;
        part.first_row = feed->first_row + at;
        status = one_step(&run, mode, &part, fault);
        const double loss = read_scalar(c->loss), w = c->total ? c->total[1] : (double)run.n_row;
        if (status == CNN_OK && !isfinite(loss) && w > 0 && !l->unguarded) {
            fault->value = loss;
            status = CNN_ERR_LOSS;
        }
        cnn_add_grads(l->gathered, l->dtype, at == 0, w);
        total[0] += w > 0 ? w * loss : 0;
        total[1] += w;
    }
    cnn_mean_grads(l->gathered, l->dtype, total[1]);
    return status;
}

/* A step that fails ends the chunk before its update: the parameters are those of the last
 * whole step, and `done` says how many there were. */
cnn_status cnn_train_chunk(cnn_chunk *c, cnn_fault *fault)
{
    cnn_run run = c->run;
    cnn_status status = CNN_OK;
    const uint64_t mode = cnn_flush_denormals();

    run.n_thread = cnn_pool_take(run.n_thread);
    for (int64_t at = 0; at < c->n_total; at += c->batch) {
        const cnn_feed feed = {c->source, c->n_source, c->index ? c->index + at : NULL,
                               c->first_row + at};
        run.n_row = c->n_total - at < c->batch ? c->n_total - at : c->batch;
        const int parted = c->learner && c->learner->part > 0;
        double    total[2] = {0};
        status = parted ? in_parts(c, &run, mode, &feed, total, fault)
                        : one_step(&run, mode, &feed, fault);
        if (!parted)
            read_total(c, run.n_row, total);
        if (status == CNN_OK && c->learner)
            status = update(c, &run, total[1], fault);
        if (status == CNN_OK && c->learner && run.n_update)
            status = update_states(&run, mode, fault);
        if (status == CNN_OK && c->learner && c->learner->average)
            cnn_follow(c->learner->average, c->learner->dtype, run.n_thread);
        if (status == CNN_ERR_LOSS || status == CNN_ERR_GRADIENT)
            c->last_loss = read_scalar(c->loss);
        if (status != CNN_OK)
            break;
        run.counter++;
        c->last_loss = parted ? total[0] / total[1] : read_scalar(c->loss);
        add_loss(c, total, run.n_row);
        c->done++;
    }
    if (run.n_thread > 1)
        cnn_pool_give();
    cnn_restore_denormals(mode);
    return status;
}
