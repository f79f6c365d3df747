/* cnn_row_loss.h - losses y_r = mean_j f(p_rj, t_rj): one value per row, from the elements of
 * a row of predictions and a row of targets.
 *
 * CNN_ROW_LOSS(op, PARAM, TERM, SLOPE_T) defines K(op_forward), K(op_grad_p), K(op_grad_t)
 * and K(op_fused_loss) from
 *   PARAM(attr)          an option `a` (CNN_NO_PARAM: none)
 *   TERM(p, t, a, dp)    f(p, t), and at dp the slope df/dp
 *   SLOPE_T(p, t, a)     the slope df/dt
 * A row whose dy or coef is 0 has the gradient 0, whatever it holds (CNN_FLOW).
 * Operands: p, t, y for forward; p, t, y, dy, dx for the gradients and, with coef for dy, for
 * the fused loss.  The row sums are added up in double.
 *
 * The work goes in chunks of at most CNN_CHUNK elements, of several short rows or of a part of
 * a long one, so that the loops over elements vectorise for every row length.
 */
#include "cnn_elementwise.h"

#define CNN_CHUNK 256
#define cnn_row_loss_f32 CNN_FOR_ISA(cnn_row_loss_f32)
#define cnn_row_loss_f64 CNN_FOR_ISA(cnn_row_loss_f64)

/* What a chunk function does with n elements: value = f, dx (+)= scale df/dp (unless NULL). */
typedef void (*K(cnn_chunk_fn))(int64_t n, const real *p, const real *t, const real *scale,
                                const cnn_attr *attr, real *value, real *dx, int add);

/* A loss, its gradient, or both: see shared/row_loss.c. */
cnn_status K(cnn_row_loss)(const cnn_call *c, K(cnn_chunk_fn) chunk, int with_y, int with_dx);

#define CNN_ROW_LOSS(op, PARAM, TERM, SLOPE_T)                                               \
    static void K(op##_chunk)(int64_t n, const real *restrict p, const real *restrict t,     \
                              const real *restrict scale, const cnn_attr *attr,              \
                              real *restrict value, real *restrict dx, int add)              \
    {                                                                                        \
        const real a = (real)PARAM(attr);                                                    \
        real       slope, made[CNN_CHUNK];                                                   \
        real *restrict to = add ? made : dx;                                                 \
        (void)attr;                                                                          \
        if (!dx)                                                                             \
            for (int64_t i = 0; i < n; i++)                                                  \
                value[i] = TERM(p[i], t[i], a, &slope);                                      \
        else                                                                                 \
            for (int64_t i = 0; i < n; i++) {                                                \
                value[i] = TERM(p[i], t[i], a, &slope);                                      \
                to[i] = CNN_FLOW(scale[i], scale[i] * slope);                                \
            }                                                                                \
        for (int64_t i = 0; add && dx && i < n; i++)                                         \
            dx[i] += to[i];                                                                  \
    }                                                                                        \
    static void K(op##_chunk_t)(int64_t n, const real *restrict p, const real *restrict t,   \
                                const real *restrict scale, const cnn_attr *attr,            \
                                real *restrict value, real *restrict dt, int add)            \
    {                                                                                        \
        const real a = (real)PARAM(attr);                                                    \
        (void)attr, (void)a, (void)p, (void)t, (void)value;                                  \
        for (int64_t i = 0; i < n; i++)                                                      \
            dt[i] = (add ? dt[i] : 0) +                                                      \
                    CNN_FLOW(scale[i], scale[i] * SLOPE_T(p[i], t[i], a));                   \
    }                                                                                        \
    static cnn_status K(op##_forward)(const cnn_call *c)                                     \
    {                                                                                        \
        return K(cnn_row_loss)(c, K(op##_chunk), 1, 0);                                      \
    }                                                                                        \
    static cnn_status K(op##_grad_p)(const cnn_call *c)                                      \
    {                                                                                        \
        return K(cnn_row_loss)(c, K(op##_chunk), 0, 1);                                      \
    }                                                                                        \
    static cnn_status K(op##_grad_t)(const cnn_call *c)                                      \
    {                                                                                        \
        return K(cnn_row_loss)(c, K(op##_chunk_t), 0, 1);                                    \
    }                                                                                        \
    static cnn_status K(op##_fused_loss)(const cnn_call *c)                                  \
    {                                                                                        \
        return K(cnn_row_loss)(c, K(op##_chunk), 1, 1);                                      \
    }
