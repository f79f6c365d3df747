/* cnn_op.h - included first by every file in src_c/ops. */
#ifndef CNN_OP_H
#define CNN_OP_H
#include <math.h>
#include <stddef.h>
#include <string.h>
#include "cnn_core.h"
#include "cnn_typed.h"

#define CNN_DEFINE_OP(op, ...) \
    const cnn_op CNN_FOR_ISA(cnn_op_##op) = {.name = #op, __VA_ARGS__}

#define OPERAND(c, i) cnn_entry((c)->tensor, (c)->step->operand[i])
#define ATTR_F(c, k)  ((c)->step->attr[k].f)
#define ATTR_I(c, k)  ((c)->step->attr[k].i)

/* `product`, which is dy times a slope, but 0 where dy is 0: for operations whose slope can be
 * infinite or NaN.  dy is 0 in a branch that is not taken and in a row that counts nothing, and
 * such places must not matter.  A mask over the bits: of a choice the compiler may make branches,
 * or take it after a conversion to double, where it costs twice as much. */
static inline float cnn_flow_f32(float dy, float product)
{
    uint32_t bits;
    memcpy(&bits, &product, sizeof bits);
    bits &= dy != 0 ? UINT32_MAX : 0;
    memcpy(&product, &bits, sizeof bits);
    return product;
}
static inline double cnn_flow_f64(double dy, double product)
{
    uint64_t bits;
    memcpy(&bits, &product, sizeof bits);
    bits &= dy != 0 ? UINT64_MAX : 0;
    memcpy(&product, &bits, sizeof bits);
    return product;
}
#define CNN_FLOW(dy, product) K(cnn_flow)(dy, product)

/* The first element of operand i that belongs to this call's rows. */
#define ROWS(c, i) \
    ((real *)OPERAND(c, i)->data + (c)->begin * OPERAND(c, i)->stride)

/* Elements of operand i within this call's rows. */
static inline int64_t cnn_count(const cnn_call *c, int i)
{
    return (c->end - c->begin) * OPERAND(c, i)->size;
}

/* Rows of operand i in the whole batch; 1 for a tensor without a batch axis. */
static inline int64_t cnn_n_row(const cnn_call *c, int i)
{
    return OPERAND(c, i)->stride ? c->n_row : 1;
}

/* The batch rows of a sum over the batch in this call: the first of them, and how many, where
 * operand i has the batch. */
static inline int64_t cnn_first_row(const cnn_call *c) { return c->part ? c->part->begin : 0; }
static inline int64_t cnn_n_summed(const cnn_call *c, int i)
{
    return c->part ? c->part->end - c->part->begin : cnn_n_row(c, i);
}
#endif
