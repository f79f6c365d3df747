/* registry - every operation and optimizer of one instruction set, and the interface to it.
 * The lists are made by the build from the files in src_c/ops and src_c/optim. */
#include "core.h"
#include "gemm/cnn_gemm.h"
#include "pool.h"
#include <stddef.h>
#include <string.h>

#define X(name) extern const cnn_op CNN_FOR_ISA(cnn_op_##name);
#include "cnn_op_index.inc"
#undef X
#define X(name) extern const cnn_optim CNN_FOR_ISA(cnn_optim_##name);
#include "cnn_optim_index.inc"
#undef X

static const cnn_op *const ops[] = {
#define X(name) &CNN_FOR_ISA(cnn_op_##name),
#include "cnn_op_index.inc"
#undef X
};
static const cnn_optim *const optims[] = {
#define X(name) &CNN_FOR_ISA(cnn_optim_##name),
#include "cnn_optim_index.inc"
#undef X
};
enum { N_OP = sizeof ops / sizeof *ops, N_OPTIM = sizeof optims / sizeof *optims };

static const cnn_op *find_op(const char *name)
{
    for (int32_t i = 0; i < N_OP; i++)
        if (strcmp(ops[i]->name, name) == 0)
            return ops[i];
    return NULL;
}

static const cnn_optim *find_optim(const char *name)
{
    for (int32_t i = 0; i < N_OPTIM; i++)
        if (strcmp(optims[i]->name, name) == 0)
            return optims[i];
    return NULL;
}

static const cnn_op *op_at(int32_t i)
{
    return i >= 0 && i < N_OP ? ops[i] : NULL;
}

#define STRING_(x) #x
#define STRING(x)  STRING_(x)

extern const cnn_api CNN_FOR_ISA(cnn_api);
const cnn_api CNN_FOR_ISA(cnn_api) = {
    .simd = STRING(CNN_ISA), .find_op = find_op, .find_optim = find_optim, .op = op_at,
    .run = cnn_plan_execute, .train = cnn_train_chunk, .gather = cnn_gather, .learn = cnn_learn,
    .shuffle = cnn_shuffle, .first_outside = cnn_first_outside, .count_blocks = cnn_count_blocks,
    .grow_pool = cnn_pool_grow, .gemm = CNN_TYPED(cnn_gemm), .scratch_bytes = cnn_step_scratch,
    .block_bytes = cnn_block_bytes, .row_bytes = cnn_row_bytes,
};
