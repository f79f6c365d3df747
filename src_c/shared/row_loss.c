/* row_loss - how a loss that is a mean over the elements of a row goes through its rows.
 *
 * A loss brings what it does with a chunk of elements (cnn_row_loss.h).  Compiled once, and not
 * into every loss.  The values of a chunk are aligned: vectors that cross cache lines cost a row
 * of 300 doubles 5 %.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_reduce.h"
#include "cnn_row_loss.h"

/* Rows of one element: the values are the losses. */
static void K(single_rows)(const cnn_call *c, K(cnn_chunk_fn) chunk, real *y, real *dx)
{
    const int64_t n_row = c->end - c->begin;
    const real   *p = ROWS(c, 0), *t = ROWS(c, 1), *coef = dx ? ROWS(c, 3) : NULL;
    _Alignas(64) real value[CNN_CHUNK];

    for (int64_t r = 0; r < n_row; r += CNN_CHUNK)
        chunk(n_row - r < CNN_CHUNK ? n_row - r : CNN_CHUNK, p + r, t + r, dx ? coef + r : NULL,
              c->step->attr, y ? y + r : value, dx ? dx + r : NULL, c->step->accumulate);
}

static real K(short_mean)(int64_t size, const real *value)
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
static void K(short_rows)(const cnn_call *c, K(cnn_chunk_fn) chunk, real *y, real *dx)
{
    const int64_t size = OPERAND(c, 0)->size, n_row = c->end - c->begin;
    const int64_t per_chunk = CNN_CHUNK / size;
    const real   *p = ROWS(c, 0), *t = ROWS(c, 1), *coef = dx ? ROWS(c, 3) : NULL;
    const real    part = 1 / (real)size;
    _Alignas(64) real value[CNN_CHUNK], scale[CNN_CHUNK];

    for (int64_t r = 0; r < n_row; r += per_chunk) {
        const int64_t n = n_row - r < per_chunk ? n_row - r : per_chunk;
        real         *to = scale;
        for (int64_t i = 0; dx && i < n; i++)
            for (int64_t j = 0; j < size; j++)
                *to++ = coef[r + i] * part;
        chunk(n * size, p + r * size, t + r * size, scale, c->step->attr, value,
              dx ? dx + r * size : NULL, c->step->accumulate);
        for (int64_t i = 0; y && i < n; i++)
            y[r + i] = K(short_mean)(size, value + i * size);
    }
}

/* Longer rows, several chunks to a row. */
static void K(long_rows)(const cnn_call *c, K(cnn_chunk_fn) chunk, real *y, real *dx)
{
    const int64_t size = OPERAND(c, 0)->size;
    const real   *p = ROWS(c, 0), *t = ROWS(c, 1), *coef = dx ? ROWS(c, 3) : NULL;
    const real    part = 1 / (real)size;
    _Alignas(64) real value[CNN_CHUNK], scale[CNN_CHUNK];

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

cnn_status K(cnn_row_loss)(const cnn_call *c, K(cnn_chunk_fn) chunk, int with_y, int with_dx)
{
    real *y = with_y ? ROWS(c, 2) : NULL, *dx = with_dx ? ROWS(c, 4) : NULL;
    const int64_t size = OPERAND(c, 0)->size;

    if (size == 1)
        K(single_rows)(c, chunk, y, dx);
    else if (size <= CNN_CHUNK)
        K(short_rows)(c, chunk, y, dx);
    else
        K(long_rows)(c, chunk, y, dx);
    return CNN_OK;
}

#else
#define CNN_SELF "shared/row_loss.c"
#include "cnn_instantiate.h"
#endif
