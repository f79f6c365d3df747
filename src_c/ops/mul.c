/* mul - y = a b, broadcast together by NumPy's rule, up to 6 axes.
 *
 *   attributes: the axes of a row, see cnn_broadcast.h
 *   forward  operands: a, b, y
 *   gradient operands: a, b, y, dy, da or db
 *   gradient:  da = b dy and db = a dy, 0 where dy is 0; added up over the axes where the operand is
 *              repeated
 *   NaN:       propagates; 0 inf is NaN.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_broadcast.h"

#define MUL(a, b)             ((a) * (b))
#define MUL_SLOPE_A(a, b, dy) CNN_FLOW(dy, (b) * (dy))
#define MUL_SLOPE_B(a, b, dy) CNN_FLOW(dy, (a) * (dy))

CNN_BINARY(mul, MUL, MUL_SLOPE_A, MUL_SLOPE_B)

#else
#define CNN_SELF "ops/mul.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(mul, .forward = CNN_TYPED(mul_forward),
              .grad = {CNN_TYPED(mul_grad_a), CNN_TYPED(mul_grad_b)});
#endif
