/* stack - y = the operands one after the other along a new axis.
 *
 *   attributes: into how many blocks a row of each operand is cut; for the gradient also where
 *               the operand begins, see cnn_join.h
 *   forward  operands: x_0 ... x_last, y
 *   gradient operands: y, dy, dx_i
 *   gradient:  dx_i = the part of dy that is the operand's
 *   NaN:       propagates with the number that it is.
 */
#include "cnn_join.h"

CNN_DEFINE_JOIN(stack);
