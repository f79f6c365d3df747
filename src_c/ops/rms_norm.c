/* rms_norm - y = x / sqrt(mean x^2 + eps) scale, over the last axis.
 *
 *   x (..., N)   scale (N,)   y (..., N); operands and attributes: see cnn_row_norm.h
 *   With u = x r, r = 1 / sqrt(mean x^2 + eps) and g = dy scale:
 *   gradients:  dx = r (g - u mean(g u))    dscale = sum dy u
 *               all in one pass; 0 in a row whose dy are all 0
 *   NaN:        propagates within its row.  A row of zeros gives 0.
 *   source:     Zhang, Sennrich 2019
 */
#include "cnn_row_norm.h"

CNN_DEFINE_ROW_NORM(rms_norm);
