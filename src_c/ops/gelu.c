/* gelu - y = x Phi(x), any shape, with Phi the standard normal distribution function.
 *
 *   attributes: form - 0: Phi(x) = (1 + erf(x / sqrt 2)) / 2
 *                      1: Phi(x) = (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = (Phi(x) + x Phi'(x)) dy
 *   NaN:       propagates.  Infinities: f(inf) = inf, f(-inf) = 0.
 *   source:    Hendrycks, Gimpel 2016
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_elementwise.h"
#include "math/cnn_math.h"

#define GELU_ERF(x, a)              K(cnn_gelu)(x)
#define GELU_ERF_GRAD(x, y, dy, a)  (K(cnn_gelu_grad)(x) * (dy))
#define GELU_TANH(x, a)             K(cnn_gelu_tanh)(x)
#define GELU_TANH_GRAD(x, y, dy, a) (K(cnn_gelu_tanh_grad)(x) * (dy))

CNN_UNARY(gelu_erf, GELU_ERF, GELU_ERF_GRAD)
CNN_UNARY(gelu_tanh, GELU_TANH, GELU_TANH_GRAD)

static void K(gelu_map)(int64_t n, const void *x, void *y, const cnn_attr *attr)
{
    (attr[0].i ? K(gelu_tanh_map) : K(gelu_erf_map))(n, x, y, attr);
}

static cnn_status K(gelu_forward)(const cnn_call *c)
{
    return (ATTR_I(c, 0) ? K(gelu_tanh_forward) : K(gelu_erf_forward))(c);
}

static cnn_status K(gelu_grad)(const cnn_call *c)
{
    return (ATTR_I(c, 0) ? K(gelu_tanh_grad) : K(gelu_erf_grad))(c);
}

#else
#define CNN_SELF "ops/gelu.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(gelu, .forward = CNN_TYPED(gelu_forward), .grad = {CNN_TYPED(gelu_grad)},
              .map = CNN_TYPED(gelu_map));
#endif
