/* transpose - y = x with its axes in another order.
 *
 *   attributes: where y starts in a row of x and the axes of a row of y, see cnn_view.h
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = dy with the axes back in order
 *   NaN:       propagates with the number that it is.
 */
#include "cnn_view.h"

CNN_DEFINE_VIEW(transpose);
