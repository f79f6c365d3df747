/* gather - copies picked rows of a source array into an input, converting as it goes. */
#include "core.h"
#include <string.h>

/* One row of n elements, from any element type, to real. */
#define CONVERT(name, from, real)                                                            \
    static void name(int64_t n, const from *restrict x, real scale, real shift,              \
                     real *restrict y)                                                       \
    {                                                                                        \
        for (int64_t i = 0; i < n; i++)                                                      \
            y[i] = (real)x[i] * scale + shift;                                               \
    }
CONVERT(f32_to_f32, float, float)
CONVERT(f64_to_f32, double, float)
CONVERT(u8_to_f32, uint8_t, float)
CONVERT(f32_to_f64, float, double)
CONVERT(f64_to_f64, double, double)
CONVERT(u8_to_f64, uint8_t, double)

/* Rows picked at random are in no cache: they are asked for ahead of time.  Of short rows the
 * first line is enough; of long ones every line, up to where the CPU goes on by itself. */
#define AHEAD       4
#define SHORT_ROW   512
#define MAX_ASKED   2048
#ifdef __GNUC__
#  define PREFETCH(p) __builtin_prefetch(p)
#else
#  define PREFETCH(p) ((void)0)
#endif

/* Bytes [0, n) of a row; n of at least 1. */
static void ask_for(const char *row, int64_t n)
{
    for (int64_t at = 0; at < n - 1; at += CNN_LINE)
        PREFETCH(row + at);
    PREFETCH(row + n - 1);
}

static const int64_t item_size[] = {[CNN_F32] = 4, [CNN_F64] = 8, [CNN_I32] = 4, [CNN_U8] = 1,
                                    [CNN_I64] = 8};

/* Copy n bytes, a multiple of 4: a call of memcpy costs more than a short row. */
static void copy_row(int64_t n, const void *x, void *y)
{
    if (n > 256) {
        memcpy(y, x, (size_t)n);
        return;
    }
    const uint32_t *restrict from = x;
    uint32_t *restrict to = y;
    for (int64_t i = 0; i < n / 4; i++)
        to[i] = from[i];
}

/* Labels.  One that an int32 cannot hold becomes the least int32, which is no label. */
static void i64_to_i32(int64_t n, const int64_t *restrict x, int32_t *restrict y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] < INT32_MIN || x[i] > INT32_MAX ? INT32_MIN : (int32_t)x[i];
}

static void convert_row(const cnn_source *s, int64_t n, const void *x, void *y)
{
    const int    from = s->dtype;
    const float  scale = (float)s->scale, shift = (float)s->shift;
    if (s->target->dtype == CNN_I32) {
        i64_to_i32(n, x, y);
    } else if (s->target->dtype == CNN_F32) {
        if (from == CNN_F32) f32_to_f32(n, x, scale, shift, y);
        if (from == CNN_F64) f64_to_f32(n, x, scale, shift, y);
        if (from == CNN_U8) u8_to_f32(n, x, scale, shift, y);
    } else {
        if (from == CNN_F32) f32_to_f64(n, x, s->scale, s->shift, y);
        if (from == CNN_F64) f64_to_f64(n, x, s->scale, s->shift, y);
        if (from == CNN_U8) u8_to_f64(n, x, s->scale, s->shift, y);
    }
}

void cnn_gather_rows(const cnn_source *s, const int64_t *index, int64_t first, int64_t begin,
                     int64_t end)
{
    const cnn_tensor *t = s->target;
    const int64_t from_row = t->size * item_size[s->dtype], to_row = t->size * item_size[t->dtype];
    const int plain = s->dtype == (int32_t)t->dtype && s->scale == 1 && s->shift == 0;

    if (plain && !index) {
        memcpy((char *)t->data + begin * to_row, (const char *)s->data + (first + begin) * from_row,
               (size_t)((end - begin) * to_row));
        return;
    }
    const int64_t asked = from_row <= SHORT_ROW ? 1 : from_row < MAX_ASKED ? from_row : MAX_ASKED;
    for (int64_t r = begin; index && asked > 1 && r < end && r < begin + AHEAD; r++)
        ask_for((const char *)s->data + index[r] * from_row, asked);
    for (int64_t r = begin; r < end; r++) {
        if (index && r + AHEAD < end)
            ask_for((const char *)s->data + index[r + AHEAD] * from_row, asked);
        const char *x = (const char *)s->data + (index ? index[r] : first + r) * from_row;
        char       *y = (char *)t->data + r * to_row;
        if (plain)
            copy_row(to_row, x, y);
        else
            convert_row(s, t->size, x, y);
    }
}

void cnn_gather(const cnn_source *s, const int64_t *index, int64_t first, int64_t n)
{
    cnn_gather_rows(s, index, first, 0, n);
}
