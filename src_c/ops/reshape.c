/* reshape - y = x, the same numbers in the same order under another shape.
 *
 *   attributes: where y starts in a row of x and the axes of a row of y, see cnn_view.h
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = dy under the shape of x
 *   NaN:       propagates with the number that it is.
 */
#include "cnn_view.h"

CNN_DEFINE_VIEW(reshape);
