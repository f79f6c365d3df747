/* slice - y = x[begin:end:step, ...], along any axes but the batch axis.
 *
 *   attributes: where y starts in a row of x and the axes of a row of y, see cnn_view.h
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = dy at the places that are taken, else 0
 *   NaN:       propagates with the number that it is.
 */
#include "cnn_view.h"

CNN_DEFINE_VIEW(slice);
