/* transpose.h - copy a matrix the other way round: to[c, r] = from[r, c].
 *
 * Blocks of LANES x LANES in registers: first the small squares inside each 128-bit lane,
 * then the lanes among each other.
 */
#ifndef CNN_TRANSPOSE_H
#define CNN_TRANSPOSE_H
#include "vector.h"

#ifdef MM_f32
/* Rows of a square inside each lane: 4 x 4 floats, 2 x 2 doubles. */
CNN_INLINE void swap_in_lanes_f32(vector_f32 *r)
{
    const vector_f32 low01 = MM_f32(unpacklo)(r[0], r[1]), high01 = MM_f32(unpackhi)(r[0], r[1]);
    const vector_f32 low23 = MM_f32(unpacklo)(r[2], r[3]), high23 = MM_f32(unpackhi)(r[2], r[3]);
    r[0] = MM_f32(shuffle)(low01, low23, 0x44);
    r[1] = MM_f32(shuffle)(low01, low23, 0xee);
    r[2] = MM_f32(shuffle)(high01, high23, 0x44);
    r[3] = MM_f32(shuffle)(high01, high23, 0xee);
}

CNN_INLINE void swap_in_lanes_f64(vector_f64 *r)
{
    const vector_f64 low = MM_f64(unpacklo)(r[0], r[1]);
    r[1] = MM_f64(unpackhi)(r[0], r[1]);
    r[0] = low;
}
#endif

#if CNN_VECTOR_BYTES == 64
#  define SHUFFLE_LANES_f32 _mm512_shuffle_f32x4
#  define SHUFFLE_LANES_f64 _mm512_shuffle_f64x2
#  define SHUFFLE_LANES     CNN_CAT(SHUFFLE_LANES, CNN_SUFFIX)
#endif
#endif

#ifdef MM_f32
CNN_INLINE void K(transpose_square)(VECTOR *r)
{
    enum { STEP = 16 / sizeof(real) };
    CNN_UNROLL for (int i = 0; i < LANES; i += STEP)
        K(swap_in_lanes)(r + i);
#if CNN_VECTOR_BYTES == 64
    CNN_UNROLL for (int i = 0; i < STEP; i++) {
        const VECTOR even01 = SHUFFLE_LANES(r[i], r[i + STEP], 0x88);
        const VECTOR odd01 = SHUFFLE_LANES(r[i], r[i + STEP], 0xdd);
        const VECTOR even23 = SHUFFLE_LANES(r[i + 2 * STEP], r[i + 3 * STEP], 0x88);
        const VECTOR odd23 = SHUFFLE_LANES(r[i + 2 * STEP], r[i + 3 * STEP], 0xdd);
        r[i] = SHUFFLE_LANES(even01, even23, 0x88);
        r[i + STEP] = SHUFFLE_LANES(odd01, odd23, 0x88);
        r[i + 2 * STEP] = SHUFFLE_LANES(even01, even23, 0xdd);
        r[i + 3 * STEP] = SHUFFLE_LANES(odd01, odd23, 0xdd);
    }
#else
    CNN_UNROLL for (int i = 0; i < STEP; i++) {
        const VECTOR low = MM(permute2f128)(r[i], r[i + STEP], 0x20);
        r[i + STEP] = MM(permute2f128)(r[i], r[i + STEP], 0x31);
        r[i] = low;
    }
#endif
}

CNN_INLINE void K(transpose_block)(int64_t rows, int64_t cols, const real *from,
                                   int64_t from_row, real *to, int64_t to_row, int pad)
{
    VECTOR     r[CNN_VECTOR_BYTES / sizeof(real)];
    const int  whole = pad || rows == LANES;    /* a masked store costs many plain ones */
    const PART from_part = V_PART(cols), to_part = V_PART(rows);
    CNN_UNROLL for (int i = 0; i < LANES; i++)
        r[i] = i < rows ? V_LOAD_PART(from + i * from_row, from_part) : V_ZERO();
    K(transpose_square)(r);
    CNN_UNROLL for (int i = 0; i < LANES; i++)
        if (i < cols) {
            if (whole)
                V_STORE(to + i * to_row, r[i]);
            else
                V_STORE_PART(to + i * to_row, to_part, r[i]);
        }
}

CNN_INLINE void K(transpose_whole_block)(const real *from, int64_t from_row, real *to,
                                         int64_t to_row)
{
    VECTOR r[CNN_VECTOR_BYTES / sizeof(real)];
    CNN_UNROLL for (int i = 0; i < LANES; i++)
        r[i] = V_LOAD(from + i * from_row);
    K(transpose_square)(r);
    CNN_UNROLL for (int i = 0; i < LANES; i++)
        V_STORE(to + i * to_row, r[i]);
}
#else
CNN_INLINE void K(transpose_block)(int64_t rows, int64_t cols, const real *from,
                                   int64_t from_row, real *to, int64_t to_row, int pad)
{
    for (int64_t c = 0; c < cols; c++)
        for (int64_t r = 0; r < (pad ? LANES : rows); r++)
            to[c * to_row + r] = r < rows ? from[r * from_row + c] : 0;
}
#  define transpose_whole_block_f32(from, from_row, to, to_row) \
    transpose_block_f32(CNN_VECTOR_BYTES / 4, CNN_VECTOR_BYTES / 4, from, from_row, to, to_row, 0)
#  define transpose_whole_block_f64(from, from_row, to, to_row) \
    transpose_block_f64(CNN_VECTOR_BYTES / 8, CNN_VECTOR_BYTES / 8, from, from_row, to, to_row, 0)
#endif

/* from[rows, cols] to to[cols, rows].  With `pad`, the rows of `to` are filled with zeros up
 * to a whole number of vectors; otherwise nothing beyond its `rows` columns is written. */
static void K(transpose)(int64_t rows, int64_t cols, const real *from, int64_t from_row,
                         real *to, int64_t to_row, int pad)
{
    for (int64_t r = 0; r < rows; r += LANES) {
        const int64_t in_block = rows - r < LANES ? rows - r : LANES;
        int64_t       c = 0;
        if (in_block == LANES)
            for (; c + LANES <= cols; c += LANES)
                K(transpose_whole_block)(from + r * from_row + c, from_row, to + c * to_row + r,
                                         to_row);
        for (; c < cols; c += LANES)
            K(transpose_block)(in_block, cols - c < LANES ? cols - c : LANES,
                               from + r * from_row + c, from_row, to + c * to_row + r, to_row,
                               pad);
    }
}
