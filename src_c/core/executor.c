/* executor - runs a range of a plan's steps. */
#include "core.h"
#include "denormals.h"
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
