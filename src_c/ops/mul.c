/* mul - y = a b, broadcast together by NumPy's rule, up to 6 axes.
 *
 *   attributes: the axes of a row, see cnn_broadcast.h
 *   forward  operands: a, b, y
 *   gradient operands: a, b, y, dy, da or db
 *   gradient:  da = b dy and db = a dy, 0 where dy is 0; added up over the axes where the operand is
 *              repeated
 *   NaN:       propagates; 0 inf is NaN.
 */
#include "cnn_times.h"

CNN_DEFINE_TIMES(mul);
