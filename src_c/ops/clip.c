/* clip - y = min(max(x, low), high), any shape; high everywhere where low > high.
 *
 *   attributes: low, high; either may be infinite
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   gradient:  dx = dy where low <= x <= high, the bounds included, else 0
 *   NaN:       propagates; its gradient is 0.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_elementwise.h"

typedef struct { real low, high; } K(clip_range);

static inline K(clip_range) K(clip_range_of)(const cnn_attr *attr)
{
    return (K(clip_range)){(real)attr[0].f, (real)attr[1].f};
}

static inline real K(clip_below)(real x, real high)
{
    return x > high ? high : x;
}

#define CLIP(x, a)             K(clip_below)((x) < (a).low ? (a).low : (x), (a).high)
#define CLIP_GRAD(x, y, dy, a) ((x) >= (a).low && (x) <= (a).high ? (dy) : 0)

CNN_UNARY_AS(clip, K(clip_range), K(clip_range_of), CLIP, CLIP_GRAD)

#else
#define CNN_SELF "ops/clip.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(clip, .forward = CNN_TYPED(clip_forward), .grad = {CNN_TYPED(clip_grad)},
              .map = CNN_TYPED(clip_map));
#endif
