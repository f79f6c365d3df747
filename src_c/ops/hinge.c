/* hinge - the margin loss, one per row, with two kinds of targets:
 *
 *   t real, -1 or +1:  y_r = mean_j max(0, 1 - t_rj z_rj)
 *   t int32 labels:    y_r = max(0, 1 + max_{c != t_r} z_rc - z_r,t_r)
 *
 *   forward    operands: z (B, ...), t (as many elements to a row); or z (B, C), t (B,); y (B,)
 *   gradient   operands: z, t, y, dy (B,), dz or dt
 *   fused_loss operands: z, t, y, coef (B,), dz
 *   gradient:  real: dz_rj = -t_rj dy_r / n and dt_rj = -z_rj dy_r / n where 1 - t z > 0, else
 *              0, for n elements to a row.  Labels: where y_r > 0, dy_r at the first largest
 *              other class and -dy_r at the label, 0 at all others.
 *   A label outside [0, C) is an error, found before anything is written.
 *   NaN:       propagates to its row.
 *   source:    labels: Crammer, Singer 2001
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_labels.h"
#include "cnn_row_loss.h"

/* 1 - t z < 0 is false for NaN, which therefore propagates. */
static inline real K(hinge_term)(real z, real t, real a, real *dz)
{
    const real margin = 1 - t * z;
    (void)a;
    *dz = margin > 0 ? -t : 0;
    return margin < 0 ? 0 : margin;
}

#define HINGE_SLOPE_T(z, t, a) (1 - (t) * (z) > 0 ? -(z) : 0)

CNN_ROW_LOSS(hinge_real, CNN_NO_PARAM, K(hinge_term), HINGE_SLOPE_T)

/* The class besides the label with the largest score, the first of equals; NaN counts as
 * largest. */
static int64_t K(hinge_rival)(int64_t n_class, const real *z, int64_t label)
{
    int64_t rival = label == 0;
    for (int64_t i = rival + 1; i < n_class; i++)
        if (i != label && !(z[i] <= z[rival]))
            rival = i;
    return rival;
}

static cnn_status K(hinge_labels)(const cnn_call *c, int with_y, int with_dz)
{
    const int64_t  n_class = OPERAND(c, 0)->size;
    const int32_t *t = LABELS(c, 1);
    const real    *z = ROWS(c, 0), *coef = with_dz ? ROWS(c, 3) : NULL;
    real          *y = with_y ? ROWS(c, 2) : NULL, *dz = with_dz ? ROWS(c, 4) : NULL;
    const cnn_status status = cnn_check_labels(c, c->end - c->begin, t, n_class, CNN_NO_LABEL);

    for (int64_t r = 0; status == CNN_OK && r < c->end - c->begin; r++, z += n_class) {
        const int64_t rival = K(hinge_rival)(n_class, z, t[r]);
        const real    margin = 1 + (z[rival] - z[t[r]]);
        if (with_y)
            y[r] = margin < 0 ? 0 : margin;
        if (!with_dz)
            continue;
        for (int64_t i = 0; !c->step->accumulate && i < n_class; i++)
            dz[r * n_class + i] = 0;
        if (margin > 0) {
            dz[r * n_class + rival] += coef[r];
            dz[r * n_class + t[r]] -= coef[r];
        }
    }
    return status;
}

static cnn_status K(hinge_forward)(const cnn_call *c)
{
    return OPERAND(c, 1)->dtype == CNN_I32 ? K(hinge_labels)(c, 1, 0) : K(hinge_real_forward)(c);
}

static cnn_status K(hinge_grad_z)(const cnn_call *c)
{
    return OPERAND(c, 1)->dtype == CNN_I32 ? K(hinge_labels)(c, 0, 1) : K(hinge_real_grad_p)(c);
}

static cnn_status K(hinge_fused_loss)(const cnn_call *c)
{
    return OPERAND(c, 1)->dtype == CNN_I32 ? K(hinge_labels)(c, 1, 1)
                                           : K(hinge_real_fused_loss)(c);
}

#else
#define CNN_SELF "ops/hinge.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(hinge, .forward = CNN_TYPED(hinge_forward),
              .grad = {CNN_TYPED(hinge_grad_z), CNN_TYPED(hinge_real_grad_t)},
              .fused_loss = CNN_TYPED(hinge_fused_loss));
#endif
