/* layer_norm - y = (x - mean x) / sqrt(var x + eps) scale + shift, over the last axis.
 *
 *   x (..., N)   scale, shift (N,)   y (..., N); operands and attributes: see cnn_row_norm.h
 *   With u = (x - mean) r, r = 1 / sqrt(var + eps) and g = dy scale, the means of a row's:
 *   gradients:  dx = r (g - mean g - u mean(g u))    dscale = sum dy u    dshift = sum dy
 *               all in one pass; 0 in a row whose dy are all 0
 *   numerics:   the variance is that about the mean, biased; it and all sums along a row are taken
 *               in double, so a large mean costs no digits
 *   NaN:        propagates within its row.  A row of equal numbers gives shift.
 *   source:     Ba, Kiros, Hinton 2016
 */
#include "cnn_row_norm.h"

CNN_DEFINE_ROW_NORM(layer_norm);
