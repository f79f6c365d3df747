/* cnn_join.h - the kernels of operations that put several operands side by side.  In
 * shared/join.c.
 *
 * Operands: x_0 ... x_last, y; for the gradient y, dy, dx.
 * Attributes (cnn_core/ir/join.py): into how many blocks a row of each operand is cut; y has
 * block after block, of x_0, x_1 and so on.  For the gradient also the element of a row of y
 * where the first block of the operand begins.
 * Gradient: the blocks of dy that are those of the operand.
 */
#include "cnn_op.h"

#ifndef CNN_JOIN_H
#define CNN_JOIN_H
#define cnn_join_forward_f32 CNN_FOR_ISA(cnn_join_forward_f32)
#define cnn_join_forward_f64 CNN_FOR_ISA(cnn_join_forward_f64)
#define cnn_join_grad_f32    CNN_FOR_ISA(cnn_join_grad_f32)
#define cnn_join_grad_f64    CNN_FOR_ISA(cnn_join_grad_f64)

cnn_status cnn_join_forward_f32(const cnn_call *c);
cnn_status cnn_join_forward_f64(const cnn_call *c);
cnn_status cnn_join_grad_f32(const cnn_call *c);
cnn_status cnn_join_grad_f64(const cnn_call *c);

/* Behind the head of an operation's file: all else that it has. */
#define CNN_DEFINE_JOIN(op)                                                                  \
    CNN_DEFINE_OP(op, .forward = CNN_TYPED(cnn_join_forward), .grad = {CNN_TYPED(cnn_join_grad)})
#endif
