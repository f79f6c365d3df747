/* add - y = a + b, broadcast together by NumPy's rule, up to 6 axes.
 *
 *   attributes: the axes of a row, see cnn_broadcast.h
 *   forward  operands: a, b, y
 *   gradient operands: a, b, y, dy, da or db
 *   gradient:  da = dy and db = dy, added up over the axes where the operand is repeated
 *   NaN:       propagates; inf - inf is NaN.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_broadcast.h"

#define ADD(a, b)             ((a) + (b))
#define ADD_SLOPE_A(a, b, dy) (dy)
#define ADD_SLOPE_B(a, b, dy) (dy)

CNN_BINARY(add, ADD, ADD_SLOPE_A, ADD_SLOPE_B)

#else
#define CNN_SELF "ops/add.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(add, .forward = CNN_TYPED(add_forward),
              .grad = {CNN_TYPED(add_grad_a), CNN_TYPED(add_grad_b)});
#endif
