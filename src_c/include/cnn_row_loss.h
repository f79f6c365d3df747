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
#include "cnn_reduce.h"

#define CNN_CHUNK 256

/* What a chunk function does with n elements: value = f, dx (+)= scale df/dp (unless NULL). */
typedef void (*K(cnn_chunk_fn))(int64_t n, const real *p, const real *t, const real *scale,
                                const cnn_attr *attr, real *value, real *dx, int add);

/* Rows of one element: the values are the losses. */
static inline void K(cnn_single_rows)(const cnn_call *c, K(cnn_chunk_fn) chunk, real *y, real *dx)
{
    const int64_t n_row = c->end - c->begin;
    const real   *p = ROWS(c, 0), *t = ROWS(c, 1), *coef = dx ? ROWS(c, 3) : NULL;
    real          value[CNN_CHUNK];

    for (int64_t r = 0; r < n_row; r += CNN_CHUNK)
        chunk(n_row - r < CNN_CHUNK ? n_row - r : CNN_CHUNK, p + r, t + r, dx ? coef + r : NULL,
              c->step->attr, y ? y + r : value, dx ? dx + r : NULL, c->step->accumulate);
}

static inline real K(cnn_short_mean)(int64_t size, const real *value)
{
    double sum = 0;
    if (size >= 2 * CNN_WIDE_LANES)
        sum = K(cnn_sum)(size, value);
    else
        for (int64_t j = 0; j < size; j++)
            sum += (double)value[j];
    return (real)(sum / (double)size);
}

/* Rows of at most CNN_CHUNK elements, several to a chunk. */
static inline void K(cnn_short_rows)(const cnn_call *c, K(cnn_chunk_fn) chunk, real *y, real *dx)
{
    const int64_t size = OPERAND(c, 0)->size, n_row = c->end - c->begin;
    const int64_t per_chunk = CNN_CHUNK / size;
    const real   *p = ROWS(c, 0), *t = ROWS(c, 1), *coef = dx ? ROWS(c, 3) : NULL;
    const real    part = 1 / (real)size;
    real          value[CNN_CHUNK], scale[CNN_CHUNK];

    for (int64_t r = 0; r < n_row; r += per_chunk) {
        const int64_t n = n_row - r < per_chunk ? n_row - r : per_chunk;
        real         *to = scale;
        for (int64_t i = 0; dx && i < n; i++)
            for (int64_t j = 0; j < size; j++)
                *to++ = coef[r + i] * part;
        chunk(n * size, p + r * size, t + r * size, scale, c->step->attr, value,
              dx ? dx + r * size : NULL, c->step->accumulate);
        for (int64_t i = 0; y && i < n; i++)
            y[r + i] = K(cnn_short_mean)(size, value + i * size);
    }
}

/* Longer rows, several chunks to a row. */
static inline void K(cnn_long_rows)(const cnn_call *c, K(cnn_chunk_fn) chunk, real *y, real *dx)
{
    const int64_t size = OPERAND(c, 0)->size;
    const real   *p = ROWS(c, 0), *t = ROWS(c, 1), *coef = dx ? ROWS(c, 3) : NULL;
    const real    part = 1 / (real)size;
    real          value[CNN_CHUNK], scale[CNN_CHUNK];

    for (int64_t r = 0; r < c->end - c->begin; r++, p += size, t += size) {
        double sum = 0;
        for (int64_t j = 0; dx && j < CNN_CHUNK; j++)
            scale[j] = coef[r] * part;
        for (int64_t j = 0; j < size; j += CNN_CHUNK) {
            const int64_t n = size - j < CNN_CHUNK ? size - j : CNN_CHUNK;
            chunk(n, p + j, t + j, scale, c->step->attr, value, dx ? dx + r * size + j : NULL,
                  c->step->accumulate);
            sum += y ? K(cnn_sum)(n, value) : 0;
        }
        if (y)
            y[r] = (real)(sum / (double)size);
    }
}

static inline cnn_status K(cnn_row_loss)(const cnn_call *c, K(cnn_chunk_fn) chunk, int with_y,
                                         int with_dx)
{
    real *y = with_y ? ROWS(c, 2) : NULL, *dx = with_dx ? ROWS(c, 4) : NULL;
    const int64_t size = OPERAND(c, 0)->size;

    if (size == 1)
        K(cnn_single_rows)(c, chunk, y, dx);
    else if (size <= CNN_CHUNK)
        K(cnn_short_rows)(c, chunk, y, dx);
    else
        K(cnn_long_rows)(c, chunk, y, dx);
    return CNN_OK;
}

#define CNN_ROW_LOSS(op, PARAM, TERM, SLOPE_T)                                               \
    static void K(op##_chunk)(int64_t n, const real *restrict p, const real *restrict t,     \
                              const real *restrict scale, const cnn_attr *attr,              \
                              real *restrict value, real *restrict dx, int add)              \
    {                                                                                        \
        const real a = (real)PARAM(attr);                                                    \
        real       slope;                                                                    \
        (void)attr;                                                                          \
        if (!dx)                                                                             \
            for (int64_t i = 0; i < n; i++)                                                  \
                value[i] = TERM(p[i], t[i], a, &slope);                                      \
        else if (add)                                                                        \
            for (int64_t i = 0; i < n; i++) {                                                \
                value[i] = TERM(p[i], t[i], a, &slope);                                      \
                dx[i] += CNN_FLOW(scale[i], scale[i] * slope);                               \
            }                                                                                \
        else                                                                                 \
            for (int64_t i = 0; i < n; i++) {                                                \
                value[i] = TERM(p[i], t[i], a, &slope);                                      \
                dx[i] = CNN_FLOW(scale[i], scale[i] * slope);                                \
            }                                                                                \
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
