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
#define TINY_ROW    64
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

/* A row of n bytes, at least 64: apart, so that short ones take no longer. */
CNN_APART static void copy_long(int64_t n, const char *restrict x, char *restrict y)
{
    enum { PIECE = 32 };
    if (n > 256) {
        memcpy(y, x, (size_t)n);
        return;
    }
    for (int64_t i = 0; i < n - PIECE; i += PIECE)
        memcpy(y + i, x + i, PIECE);
    memcpy(y + n - PIECE, x + n - PIECE, PIECE);
}

/* Copy n bytes, a multiple of 4: a call of memcpy costs more than a short row, and so the compiler
 * should not find one in a loop.  The last piece overlaps the one before it. */
static void copy_row(int64_t n, const char *restrict x, char *restrict y)
{
    enum { PIECE = 16 };
    if (n >= 64) {
        copy_long(n, x, y);
    } else if (n >= PIECE) {
        for (int64_t i = 0; i < n - PIECE; i += PIECE)
            memcpy(y + i, x + i, PIECE);
        memcpy(y + n - PIECE, x + n - PIECE, PIECE);
    } else if (n >= 8) {
        memcpy(y, x, 8);
        memcpy(y + n - 8, x + n - 8, 8);
    } else if (n > 0) {
        memcpy(y, x, 4);
    }
}

/* Labels.  One that an int32 cannot hold becomes the least int32, which is no label. */
static int32_t label_of(int64_t x)
{
    return x < INT32_MIN || x > INT32_MAX ? INT32_MIN : (int32_t)x;
}

static void i64_to_i32(int64_t n, const int64_t *restrict x, int32_t *restrict y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = label_of(x[i]);
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

/* Rows so short that the CPU has the next ones under way while it waits for one. */
static void gather_tiny(const cnn_source *s, const int64_t *restrict index, int64_t n, int plain,
                        int64_t from_row, char *restrict y)
{
    const char *x = s->data;
    if (plain && from_row >= 8 && from_row <= 16)
        for (int64_t r = 0; r < n; r++) {   /* copy_row without its choice */
            memcpy(y + r * from_row, x + index[r] * from_row, 8);
            memcpy(y + (r + 1) * from_row - 8, x + (index[r] + 1) * from_row - 8, 8);
        }
    else if (plain)
        for (int64_t r = 0; r < n; r++)
            copy_row(from_row, x + index[r] * from_row, y + r * from_row);
    else if (s->target->dtype == CNN_I32)
        for (int64_t r = 0; r < n; r++)
            ((int32_t *)y)[r] = label_of(((const int64_t *)x)[index[r]]);
    else
        for (int64_t r = 0; r < n; r++)
            convert_row(s, 1, x + index[r] * from_row, y + r * item_size[s->target->dtype]);
}

void cnn_gather_rows(const cnn_source *s, const int64_t *index, int64_t first, int64_t begin,
                     int64_t end)
{
    const cnn_tensor *t = s->target;
    const int64_t from_row = t->size * item_size[s->dtype], to_row = t->size * item_size[t->dtype];
    const int   plain = s->dtype == (int32_t)t->dtype && s->scale == 1 && s->shift == 0;
    const char *x = s->data;
    char       *y = (char *)t->data + begin * to_row;

    if (!index) {
        x += (first + begin) * from_row;
        if (plain)
            memcpy(y, x, (size_t)((end - begin) * to_row));
        else
            convert_row(s, (end - begin) * t->size, x, y);
        return;
    }
    if (from_row <= TINY_ROW && (plain || t->size == 1)) {
        gather_tiny(s, index + begin, end - begin, plain, from_row, y);
        return;
    }
    const int64_t asked = from_row <= SHORT_ROW ? 1 : from_row < MAX_ASKED ? from_row : MAX_ASKED;
    for (int64_t r = begin; asked > 1 && r < end && r < begin + AHEAD; r++)
        ask_for(x + index[r] * from_row, asked);
    for (int64_t r = begin; r < end; r++, y += to_row) {
        if (r + AHEAD < end)
            ask_for(x + index[r + AHEAD] * from_row, asked);
        if (plain)
            copy_row(to_row, x + index[r] * from_row, y);
        else
            convert_row(s, t->size, x + index[r] * from_row, y);
    }
}

void cnn_gather(const cnn_source *s, const int64_t *index, int64_t first, int64_t n)
{
    cnn_gather_rows(s, index, first, 0, n);
}
