/* core.h - what the files of this folder share. */
#ifndef CNN_CORE_INTERNAL_H
#define CNN_CORE_INTERNAL_H
#include "cnn_core.h"
#include "cnn_typed.h"

#define cnn_plan_run    CNN_FOR_ISA(cnn_plan_run)
#define cnn_train_chunk CNN_FOR_ISA(cnn_train_chunk)
#define cnn_gather      CNN_FOR_ISA(cnn_gather)
#define cnn_learn       CNN_FOR_ISA(cnn_learn)

cnn_status cnn_plan_run(const cnn_run *run, cnn_fault *fault);
cnn_status cnn_train_chunk(cnn_chunk *chunk, cnn_fault *fault);
void       cnn_gather(const cnn_source *source, const int64_t *index, int64_t first, int64_t n);
void       cnn_learn(const cnn_learner *learner, double lr, int64_t step);
#endif
