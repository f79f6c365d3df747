/* cnn_times.h - the kernels of y = a b with broadcasting, which mul and outer share.
 * In shared/times.c.
 *
 * Operands and attributes: see cnn_broadcast.h.
 */
#include "cnn_op.h"

#ifndef CNN_TIMES_H
#define CNN_TIMES_H
#define cnn_times_forward_f32 CNN_FOR_ISA(cnn_times_forward_f32)
#define cnn_times_forward_f64 CNN_FOR_ISA(cnn_times_forward_f64)
#define cnn_times_grad_a_f32  CNN_FOR_ISA(cnn_times_grad_a_f32)
#define cnn_times_grad_a_f64  CNN_FOR_ISA(cnn_times_grad_a_f64)
#define cnn_times_grad_b_f32  CNN_FOR_ISA(cnn_times_grad_b_f32)
#define cnn_times_grad_b_f64  CNN_FOR_ISA(cnn_times_grad_b_f64)

cnn_status cnn_times_forward_f32(const cnn_call *c);
cnn_status cnn_times_forward_f64(const cnn_call *c);
cnn_status cnn_times_grad_a_f32(const cnn_call *c);
cnn_status cnn_times_grad_a_f64(const cnn_call *c);
cnn_status cnn_times_grad_b_f32(const cnn_call *c);
cnn_status cnn_times_grad_b_f64(const cnn_call *c);

/* Behind the head of an operation's file: all else that it has. */
#define CNN_DEFINE_TIMES(op)                                                                 \
    CNN_DEFINE_OP(op, .forward = CNN_TYPED(cnn_times_forward),                               \
                  .grad = {CNN_TYPED(cnn_times_grad_a), CNN_TYPED(cnn_times_grad_b)})
#endif
