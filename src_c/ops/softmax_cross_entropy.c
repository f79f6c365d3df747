/* softmax_cross_entropy - y_r = sum_c t'_rc (log(sum_k exp(z_rk)) - z_rc), one loss per row.
 *
 *   t' = (1 - s) t + s / C, where t is the given row, or 1 at the label and 0 elsewhere
 *
 *   attributes: s, the label to ignore (CNN_NO_LABEL: none), the most that a row's loss counts (0:
 *   whatever it is), which no gradient knows of
 *   forward    operands: z (B, C), t (B,) int32 or (B, C), y (B,)
 *   gradient   operands: z, t, y, dy (B,), dz or dt (B, C)
 *   fused_loss operands: z, t, y, coef (B,), dz
 *   gradient:  dz_rc = dy_r (T_r softmax(z)_rc - t'_rc) with T_r = sum_c t'_rc, 1 for labels
 *              dt_rc = dy_r (1 - s) (log(sum_k exp(z_rk)) - z_rc)
 *   An ignored row has y = 0 and dz = 0, and one whose dy or coef is 0 dz = 0, whatever they hold.
 *   Any other label outside [0, C) is an error, found
 *   before anything is written.
 *   NaN:       as in softmax; -inf at a class whose t' is 0 adds nothing to the loss.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_labels.h"
#include "cnn_softmax.h"

typedef struct {
    int64_t        n_class;
    const real    *z, *row;             /* of this call's rows; row or label is NULL       */
    const int32_t *label;
    int64_t        ignored;             /* outside int32 where no label is ignored         */
    real           keep, floor;         /* 1 - s, s / C                                    */
    real           most;                /* of a loss                                       */
    const real    *coef;                /* dy or coef                                      */
    real          *y, *dz;              /* NULL: not wanted                                */
    int            add;
} K(sce_task);

/* The numbers of n rows, one to a lane; the lanes that are left repeat the last one.  With
 * n == CNN_GROUPS known to the compiler these loops are vector code. */
static inline void K(sce_spread)(int64_t n, const real *restrict x, real *restrict lane)
{
    for (int64_t l = 0; l < CNN_GROUPS; l++)
        lane[l] = x[n == CNN_GROUPS || l < n ? l : n - 1];
}

static inline void K(sce_spread_labels)(int64_t n, const int32_t *restrict x,
                                        int32_t *restrict lane)
{
    for (int64_t l = 0; l < CNN_GROUPS; l++)
        lane[l] = x[n == CNN_GROUPS || l < n ? l : n - 1];
}

/* The targets t' of n rows from row r on, and their sums. */
static inline void K(sce_targets)(const K(sce_task) *k, int64_t n_class, int64_t r, int64_t n,
                                  K(cnn_lane) *restrict t, real *restrict total)
{
    const real low = k->floor, keep = k->keep, high = keep + low;

    if (k->label) {
        int32_t whole[CNN_GROUPS];
        real    label[CNN_GROUPS];
        K(sce_spread_labels)(n, k->label + r, whole);
        for (int64_t l = 0; l < CNN_GROUPS; l++) {
            label[l] = (real)whole[l];
            total[l] = 1;
        }
        for (int64_t i = 0; i < n_class; i++)
            for (int l = 0; l < CNN_GROUPS; l++)
                t[i][l] = label[l] == (real)i ? high : low;
        return;
    }
    K(cnn_load_lanes)(n, n_class, k->row + r * n_class, t);
    for (int l = 0; l < CNN_GROUPS; l++)
        total[l] = 0;
    for (int64_t i = 0; i < n_class; i++)
        for (int l = 0; l < CNN_GROUPS; l++) {
            t[i][l] = keep * t[i][l] + low;
            total[l] += t[i][l];
        }
}

static inline int K(sce_ignores)(const K(sce_task) *k, int64_t r)
{
    return k->label && k->label[r] == k->ignored;
}

/* Zeros in the place of values that belong to ignored rows. */
static inline void K(sce_blank)(const K(sce_task) *k, int64_t n_class, int64_t r, int64_t n,
                                real *restrict loss, K(cnn_lane) *restrict dz)
{
    if (!k->label || k->ignored < INT32_MIN)
        return;
    for (int64_t l = 0; l < n; l++)
        if (k->label[r + l] == k->ignored) {
            loss[l] = 0;
            for (int64_t i = 0; i < n_class; i++)
                dz[i][l] = 0;
        }
}

/* Rows [r, r + n), at most CNN_GROUPS, of few classes. */
CNN_INLINE void K(sce_lanes)(const K(sce_task) *k, int64_t n_class, int64_t r, int64_t n)
{
    K(cnn_lane) u[CNN_LANE_CLASSES], e[CNN_LANE_CLASSES], t[CNN_LANE_CLASSES];
    real sum[CNN_GROUPS], log_sum[CNN_GROUPS], total[CNN_GROUPS], coef[CNN_GROUPS];
    real loss[CNN_GROUPS] = {0};

    K(cnn_load_lanes)(n, n_class, k->z + r * n_class, u);
    K(cnn_lanes_exp)(n_class, u, e, sum, log_sum);
    K(sce_targets)(k, n_class, r, n, t, total);
    if (k->y)
        for (int64_t i = 0; i < n_class; i++)
            for (int l = 0; l < CNN_GROUPS; l++)
                loss[l] += t[i][l] == 0 ? 0 : t[i][l] * (log_sum[l] - u[i][l]);
    for (int l = 0; l < CNN_GROUPS; l++)
        loss[l] = loss[l] > k->most ? k->most : loss[l];
    if (k->dz) {
        K(sce_spread)(n, k->coef + r, coef);
        for (int l = 0; l < CNN_GROUPS; l++)
            total[l] /= sum[l];
        for (int64_t i = 0; i < n_class; i++)
            for (int l = 0; l < CNN_GROUPS; l++)
                e[i][l] = coef[l] * (e[i][l] * total[l] - t[i][l]);
    }
    K(sce_blank)(k, k->dz ? n_class : 0, r, n, loss, e);
    if (k->y)
        memcpy(k->y + r, loss, (size_t)n * sizeof(real));
    if (k->dz)
        K(cnn_store_lanes)(n, n_class, (const K(cnn_lane) *)e, k->dz + r * n_class, k->add);
}

/* Whole blocks are compiled apart for the commonest numbers of classes. */
static void K(sce_block)(const K(sce_task) *k, int64_t r, int64_t n)
{
    if (n < CNN_GROUPS)
        K(sce_lanes)(k, k->n_class, r, n);
    else
        switch (k->n_class) {
        case 2: K(sce_lanes)(k, 2, r, CNN_GROUPS); break;
        case 3: K(sce_lanes)(k, 3, r, CNN_GROUPS); break;
        case 10: K(sce_lanes)(k, 10, r, CNN_GROUPS); break;
        default: K(sce_lanes)(k, k->n_class, r, CNN_GROUPS);
        }
}

static int K(sce_any_0)(int64_t n, const real *coef)
{
    int some = 0;
    for (int64_t r = 0; r < n; r++)
        some |= coef[r] == 0;
    return some;
}

/* The same where the coef of some row is 0: its dz is 0 whatever the row holds.  The gradient is
 * made apart, so that the usual block need not look. */
CNN_COLD static void K(sce_spare_block)(const K(sce_task) *k, int64_t r, int64_t n)
{
    const int64_t n_class = k->n_class;
    real          made[CNN_GROUPS * CNN_LANE_CLASSES], *dz = k->dz + r * n_class;
    K(sce_task)   own = *k;

    own.z += r * n_class, own.coef += r, own.dz = made, own.add = 0;
    own.row = k->row ? k->row + r * n_class : NULL;
    own.label = k->label ? k->label + r : NULL;
    own.y = k->y ? k->y + r : NULL;
    K(sce_block)(&own, 0, n);
    for (int64_t l = 0; l < n; l++)
        for (int64_t i = l * n_class; i < (l + 1) * n_class; i++)
            dz[i] = (k->add ? dz[i] : 0) + CNN_FLOW(own.coef[l], made[i]);
}

static void K(sce_blocks)(const K(sce_task) *k, int64_t n)
{
    const int spare = k->dz && K(sce_any_0)(n, k->coef);
    for (int64_t r = 0; r < n; r += CNN_GROUPS) {
        const int64_t m = n - r < CNN_GROUPS ? n - r : CNN_GROUPS;
        if (spare && K(sce_any_0)(m, k->coef + r))
            K(sce_spare_block)(k, r, m);
        else
            K(sce_block)(k, r, m);
    }
}

/* The targets t' of classes [i, i + n) of row r. */
static void K(sce_part)(const K(sce_task) *k, int64_t r, int64_t i, int64_t n,
                        real *restrict target)
{
    const real keep = k->keep, floor = k->floor;
    const real *restrict t = k->row ? k->row + r * k->n_class + i : NULL;
    const int64_t own = k->label ? k->label[r] - i : -1;

    if (t)
        for (int64_t j = 0; j < n; j++)
            target[j] = keep * t[j] + floor;
    else
        for (int64_t j = 0; j < n; j++)
            target[j] = floor;
    if (own >= 0 && own < n)
        target[own] += keep;
}

/* The loss of one row of many classes; `total` gets the sum of its targets. */
static double K(sce_row_loss)(const K(sce_task) *k, int64_t r, real max, real log_sum, real *total)
{
    const real *restrict z = k->z + r * k->n_class;
    double loss = 0, sum = 0;
    real   target[CNN_PART], term[CNN_PART];

    *total = 1;
    if (k->label && k->floor == 0)
        return k->keep * (log_sum - (z[k->label[r]] - max));
    for (int64_t i = 0; i < k->n_class; i += CNN_PART) {
        const int64_t n = k->n_class - i < CNN_PART ? k->n_class - i : CNN_PART;
        K(sce_part)(k, r, i, n, target);
        for (int64_t j = 0; j < n; j++)
            term[j] = target[j] == 0 ? 0 : target[j] * (log_sum - (z[i + j] - max));
        loss += K(cnn_sum)(n, term);
        sum += K(cnn_sum)(n, target);
    }
    if (k->row)
        *total = (real)sum;
    return loss;
}

/* One row of many classes. */
static void K(sce_row)(const K(sce_task) *k, int64_t r)
{
    const int64_t n_class = k->n_class;
    const int     ignored = K(sce_ignores)(k, r);
    const real   *restrict z = k->z + r * n_class;
    real          max, sum, log_sum, total = 1, target[CNN_PART], p[CNN_PART];
    double        loss = 0;

    K(cnn_group_exp)(n_class, z, NULL, &max, &sum, &log_sum);
    if (!ignored)
        loss = K(sce_row_loss)(k, r, max, log_sum, &total);
    if (k->y)
        k->y[r] = loss > k->most ? k->most : (real)loss;
    for (int64_t i = 0; k->dz && i < n_class; i += CNN_PART) {
        const int64_t n = n_class - i < CNN_PART ? n_class - i : CNN_PART;
        real *restrict dz = k->dz + r * n_class + i;
        const real coef = k->coef[r], scale = total / sum;
        K(sce_part)(k, r, i, n, target);
        for (int64_t j = 0; j < n; j++)
            p[j] = coef * (K(cnn_exp)(z[i + j] - max) * scale - target[j]);
        for (int64_t j = 0; j < n; j++)
            dz[j] = (k->add ? dz[j] : 0) + (ignored || coef == 0 ? 0 : p[j]);
    }
}

/* All kernels but the gradient of t: the operands stand in the same places. */
static cnn_status K(sce_run)(const cnn_call *c, int with_y, int with_dz)
{
    const int64_t n_class = OPERAND(c, 0)->size, n = c->end - c->begin;
    const int     labels = OPERAND(c, 1)->dtype == CNN_I32;
    const K(sce_task) k = {
        .n_class = n_class,
        .z = ROWS(c, 0),
        .row = labels ? NULL : ROWS(c, 1),
        .label = labels ? LABELS(c, 1) : NULL,
        .ignored = ATTR_I(c, 1),
        .keep = (real)(1 - ATTR_F(c, 0)),
        .floor = (real)(ATTR_F(c, 0) / (double)n_class),
        .most = ATTR_F(c, 2) > 0 ? (real)ATTR_F(c, 2) : (real)INFINITY,
        .y = with_y ? ROWS(c, 2) : NULL,
        .coef = with_dz ? ROWS(c, 3) : NULL,
        .dz = with_dz ? ROWS(c, 4) : NULL,
        .add = c->step->accumulate,
    };
    const cnn_status status =
        labels ? cnn_check_labels(c, n, k.label, n_class, k.ignored) : CNN_OK;

    if (status == CNN_OK && n_class <= CNN_LANE_CLASSES)
        K(sce_blocks)(&k, n);
    else if (status == CNN_OK)
        for (int64_t r = 0; r < n; r++)
            K(sce_row)(&k, r);
    return status;
}

static cnn_status K(sce_forward)(const cnn_call *c)    { return K(sce_run)(c, 1, 0); }
static cnn_status K(sce_grad_z)(const cnn_call *c)     { return K(sce_run)(c, 0, 1); }
static cnn_status K(sce_fused_loss)(const cnn_call *c) { return K(sce_run)(c, 1, 1); }

static cnn_status K(sce_grad_t)(const cnn_call *c)
{
    const int64_t n_class = OPERAND(c, 0)->size;
    const real   *z = ROWS(c, 0), *dy = ROWS(c, 3), keep = (real)(1 - ATTR_F(c, 0));
    real         *dt = ROWS(c, 4);
    const int     add = c->step->accumulate;

    for (int64_t r = 0; r < c->end - c->begin; r++, z += n_class, dt += n_class) {
        real max, sum, log_sum;
        K(cnn_group_exp)(n_class, z, NULL, &max, &sum, &log_sum);
        CNN_IVDEP
        for (int64_t i = 0; i < n_class; i++)
            dt[i] = (add ? dt[i] : 0) + CNN_FLOW(dy[r], dy[r] * keep * (log_sum - (z[i] - max)));
    }
    return CNN_OK;
}

#else
#define CNN_SELF "ops/softmax_cross_entropy.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(softmax_cross_entropy, .forward = CNN_TYPED(sce_forward),
              .grad = {CNN_TYPED(sce_grad_z), CNN_TYPED(sce_grad_t)},
              .fused_loss = CNN_TYPED(sce_fused_loss));
#endif
