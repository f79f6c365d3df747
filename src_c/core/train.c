/* train - whole minibatch steps: gather, forward, backward, update, sum of the loss. */
#include "core.h"
#include "denormals.h"
#include <stddef.h>

static double read_scalar(const cnn_tensor *t)
{
    return t->dtype == CNN_F32 ? *(const float *)t->data : *(const double *)t->data;
}

static void gather_inputs(const cnn_chunk *c, int64_t at, int64_t n)
{
    for (int32_t i = 0; i < c->n_source; i++)
        cnn_gather(&c->source[i], c->index ? c->index + at : NULL, c->first_row + at, n);
}

static void add_loss(cnn_chunk *c, int64_t n_row)
{
    c->last_loss = read_scalar(c->loss);
    c->loss_sum += c->total ? c->total[0] : c->last_loss * (double)n_row;
    c->weight_sum += c->total ? c->total[1] : (double)n_row;
}

/* A step that fails ends the chunk before its update: the parameters are those of the last
 * whole step, and `done` says how many there were. */
cnn_status cnn_train_chunk(cnn_chunk *c, cnn_fault *fault)
{
    cnn_run run = c->run;
    cnn_status status = CNN_OK;
    const uint64_t mode = cnn_flush_denormals();

    for (int64_t at = 0; at < c->n_total; at += c->batch) {
        run.n_row = c->n_total - at < c->batch ? c->n_total - at : c->batch;
        gather_inputs(c, at, run.n_row);
        status = cnn_plan_run(&run, fault);
        if (status != CNN_OK)
            break;
        run.counter++;
        if (c->learner)
            cnn_learn(c->learner, c->lr[c->done], run.counter);
        add_loss(c, run.n_row);
        c->done++;
    }
    cnn_restore_denormals(mode);
    return status;
}
