/* where - y = a where m != 0, else b; broadcast together by NumPy's rule, up to 6 axes.
 *
 *   attributes: where the second list of axes starts; the axes of a row for m and a, then those
 *               for m and b, each as in cnn_broadcast.h
 *   forward  operands: m, a, b, y
 *   gradient operands: m, a, b, y, dy, da or db
 *   gradient:  da = dy where m != 0, else 0;  db = dy where m == 0, else 0;
 *              added up over the axes where the operand is repeated.  m has none
 *   NaN:       a NaN in m counts as not 0; of a and b only what is taken propagates.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_broadcast.h"

#define WHERE(m, a)            ((m) != 0 ? (a) : 0)
#define WHERE_SLOPE_A(m, a, dy) ((m) != 0 ? (dy) : 0)
#define WHERE_SLOPE_B(m, b, dy) ((m) != 0 ? 0 : (dy))

CNN_BINARY_FORWARD(where_take, WHERE)
CNN_BINARY_GRAD(where_slope_a, 1, WHERE_SLOPE_A)
CNN_BINARY_GRAD(where_slope_b, 1, WHERE_SLOPE_B)

/* y = b where m == 0, for the operands m, b, y. */
static void K(where_fill)(const cnn_call *c)
{
    cnn_point at = {0};
    cnn_axes s;

    cnn_read_pair_axes(c, c->end - c->begin, &s);
    const cnn_axis in = s.axis[s.n - 1];
    do {
        const real *a = (const real *)ROWS(c, 0) + at.a, *b = (const real *)ROWS(c, 1) + at.b;
        real       *y = ROWS(c, 2) + at.dense;
        CNN_INNER(in.n, in.a, in.b, y[i] = a[ia] != 0 ? y[i] : b[ib]);
    } while (cnn_next(s.n - 1, s.axis, &at));
}

static cnn_status K(where_forward)(const cnn_call *c)
{
    const int32_t *of = c->step->operand;
    int32_t pair[] = {of[0], of[1], of[3]};
    cnn_step step = *c->step;
    cnn_call call = *c;

    call.step = &step;
    step.operand = pair;
    step.attr = c->step->attr + 1;
    K(where_take_forward)(&call);
    pair[1] = of[2];
    step.attr = c->step->attr + ATTR_I(c, 0);
    K(where_fill)(&call);
    return CNN_OK;
}

/* The gradient of input `which`, as that of the second operand of a pair. */
static cnn_status K(where_grad)(const cnn_call *c, int which, cnn_kernel grad)
{
    const int32_t *of = c->step->operand;
    const int32_t pair[] = {of[0], of[which], of[3], of[4], of[5]};
    cnn_step step = *c->step;
    cnn_call call = *c;

    call.step = &step;
    step.operand = pair;
    step.attr = c->step->attr + (which == 1 ? 1 : ATTR_I(c, 0));
    return grad(&call);
}

static cnn_status K(where_grad_a)(const cnn_call *c)
{
    return K(where_grad)(c, 1, K(where_slope_a));
}

static cnn_status K(where_grad_b)(const cnn_call *c)
{
    return K(where_grad)(c, 2, K(where_slope_b));
}

#else
#define CNN_SELF "ops/where.c"
#include "cnn_instantiate.h"
/* The mask has no gradient; its place is never asked for. */
CNN_DEFINE_OP(where, .forward = CNN_TYPED(where_forward),
              .grad = {CNN_TYPED(where_grad_a), CNN_TYPED(where_grad_a),
                       CNN_TYPED(where_grad_b)});
#endif
