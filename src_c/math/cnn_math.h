/* cnn_math.h - vector math: every function as name_f32 and name_f64.
 *
 *   bits      fma abs copysign sqrt, round_f64
 *   exp       exp expm1
 *   log       log log1p
 *   trig      sin cos wave
 *   sigmoid   sigmoid silu silu_grad softplus tanh
 *   mish      mish mish_grad
 *   erf       gelu gelu_grad
 *   gelu_tanh gelu_tanh gelu_tanh_grad
 *
 * Typed files call them as K(cnn_exp)(x).  Build with -ffp-contract=off
 * -fno-math-errno -fno-trapping-math and never with -ffast-math.
 */
#ifndef CNN_MATH_H
#define CNN_MATH_H

#include "cnn_bits.h"
#include "cnn_exp.h"
#include "cnn_log.h"
#include "cnn_mish.h"
#include "cnn_sigmoid.h"
#include "cnn_trig.h"
#include "cnn_erf.h"
#include "cnn_gelu_tanh.h"

#endif
