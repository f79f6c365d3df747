/* cnn_view.h - the kernels of operations that pick numbers of x and put them in another order:
 * y[i] = x[place of i], where every place is taken at most once.  In shared/view.c.
 *
 * Operands: x, y and, for the gradient, dy, dx.
 * Attributes (cnn_core/ir/view.py): the place in a row of x where y starts; then the axes of a
 * row of y: their number, and of each, outermost first, its length and the stride in x, which may
 * be negative.
 * Gradient: dx[place of i] = dy[i], 0 at places that are not taken.
 */
#include "cnn_op.h"

#ifndef CNN_VIEW_H
#define CNN_VIEW_H
#define cnn_view_forward_f32 CNN_FOR_ISA(cnn_view_forward_f32)
#define cnn_view_forward_f64 CNN_FOR_ISA(cnn_view_forward_f64)
#define cnn_view_grad_f32    CNN_FOR_ISA(cnn_view_grad_f32)
#define cnn_view_grad_f64    CNN_FOR_ISA(cnn_view_grad_f64)

cnn_status cnn_view_forward_f32(const cnn_call *c);
cnn_status cnn_view_forward_f64(const cnn_call *c);
cnn_status cnn_view_grad_f32(const cnn_call *c);
cnn_status cnn_view_grad_f64(const cnn_call *c);

/* Behind the head of an operation's file: all else that it has. */
#define CNN_DEFINE_VIEW(op)                                                                  \
    CNN_DEFINE_OP(op, .forward = CNN_TYPED(cnn_view_forward), .grad = {CNN_TYPED(cnn_view_grad)})
#endif
