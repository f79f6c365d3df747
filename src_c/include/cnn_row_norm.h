/* cnn_row_norm.h - layer_norm and rms_norm: rows that are scaled to one size.  In shared/.
 *
 *   A row is the last axis of x, N elements; a batch row of x holds T of them, all of x where
 *   nothing is batched.
 *
 *   attributes: N, T, eps (negative: the machine epsilon of the type), 1 for layer_norm: the mean
 *               is taken off, and there is a shift
 *   forward    operands: x, scale, [shift], saved, y
 *   grad[0]    operands: x, scale, [shift], saved, [rest, blocks], y, dy, dx
 *   sums       operands: x, scale, [shift], saved, rest, blocks, y, dy
 *   grad[1]    operands: rest, blocks, d(scale) or d(shift)
 *   saved:     m, r, b of each row: with u = (x - m) r + b, y = u scale + shift
 *   sums:      of dy u and then of dy, per column, over BLOCK rows each: two rows of N elements,
 *              or the first alone.  Those of the last rows, if they are fewer, are in `rest`
 */
#include "cnn_op.h"

#ifndef CNN_ROW_NORM_H
#define CNN_ROW_NORM_H
#define cnn_row_norm_forward_f32 CNN_FOR_ISA(cnn_row_norm_forward_f32)
#define cnn_row_norm_forward_f64 CNN_FOR_ISA(cnn_row_norm_forward_f64)
#define cnn_row_norm_grad_f32    CNN_FOR_ISA(cnn_row_norm_grad_f32)
#define cnn_row_norm_grad_f64    CNN_FOR_ISA(cnn_row_norm_grad_f64)
#define cnn_row_norm_sum_f32     CNN_FOR_ISA(cnn_row_norm_sum_f32)
#define cnn_row_norm_sum_f64     CNN_FOR_ISA(cnn_row_norm_sum_f64)

cnn_status cnn_row_norm_forward_f32(const cnn_call *c);
cnn_status cnn_row_norm_forward_f64(const cnn_call *c);
cnn_status cnn_row_norm_grad_f32(const cnn_call *c);     /* also for sums */
cnn_status cnn_row_norm_grad_f64(const cnn_call *c);
cnn_status cnn_row_norm_sum_f32(const cnn_call *c);
cnn_status cnn_row_norm_sum_f64(const cnn_call *c);

/* Where the sums of block k lie among those of the batch, `size` to a batch row of `t` rows. */
static inline int64_t cnn_row_block(int64_t k, int64_t t, int64_t size, int64_t length)
{
    /* Those of CNN_ROW_BLOCK batch rows, T blocks, lie within as many rows of the buffer. */
    return k / t * (CNN_ROW_BLOCK * size) + k % t * length;
}

/* The operation: its file says no more. */
#define CNN_DEFINE_ROW_NORM(op)                                                                \
    static const cnn_more cnn_more_##op = {.sums = CNN_TYPED(cnn_row_norm_grad)};              \
    CNN_DEFINE_OP(op, .forward = CNN_TYPED(cnn_row_norm_forward), .more = &cnn_more_##op,      \
                  .grad = {CNN_TYPED(cnn_row_norm_grad), CNN_TYPED(cnn_row_norm_sum)})
#endif
