/* outer - y_ij = a_i b_j over the last axes of a and b; their other axes are broadcast together.
 *
 *   a (..., N)   b (..., M)   y (..., N, M), up to 6 axes
 *   attributes: the axes of a row of y for a (..., N, 1) and b (..., 1, M), see cnn_broadcast.h
 *   forward  operands: a, b, y
 *   gradient operands: a, b, y, dy, da or db
 *   gradient:  da_i = sum_j b_j dy_ij and db_j = sum_i a_i dy_ij, of terms that are 0 where dy is
 *              0; added up further over the axes where the operand is repeated
 *   NaN:       propagates; 0 inf is NaN.
 */
#include "cnn_times.h"

CNN_DEFINE_TIMES(outer);
