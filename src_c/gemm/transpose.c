/* transpose - a matrix the other way round: see transpose.h.
 *
 * Squares of STEP x STEP numbers, whose rows are 128 bits, lie in the two lanes of a register: on
 * top of each other in `from`, so that what was a column is stored at once, or, of the last few
 * rows, side by side.  Longer registers have no more to do than that at a time, and shuffles across
 * their lanes besides.
 */
#include "transpose.h"
#include "own.h"
#include "vector.h"

#ifdef real
#ifdef MM_f32
/* 2 STEP rows, of which those from `last` on repeat it, by n columns, at most STEP: to n rows of
 * 2 STEP numbers. */
CNN_INLINE void K(turn_tall)(int64_t last, int n, const real *from, int64_t from_row, real *to,
                             int64_t to_row)
{
    SQUARES r;
    CNN_UNROLL for (int i = 0; i < STEP; i++) {
        const real *low = from + MIN(i, last) * from_row;
        const real *high = from + MIN(i + STEP, last) * from_row;
        r[i] = n == STEP ? K(join)(MM128(loadu)(low), MM128(loadu)(high))
                         : K(join)(K(load_few)(low, n), K(load_few)(high, n));
    }
    K(swap)(r);
    CNN_UNROLL for (int i = 0; i < STEP; i++)
        if (i < n)
            MM256(storeu)(to + i * to_row, r[i]);
}

/* n rows, at most STEP, by n_col columns, at most 2 STEP: to n_col rows of n numbers. */
CNN_INLINE void K(turn_wide)(const int n, int n_col, const real *from, int64_t from_row, real *to,
                             int64_t to_row)
{
    SQUARES r;
    CNN_UNROLL for (int i = 0; i < STEP; i++) {
        const real *x = from + MIN(i, n - 1) * from_row;
        if (n_col == 2 * STEP)
            r[i] = MM256(loadu)(x);
        else if (n_col > STEP)
            r[i] = K(join)(MM128(loadu)(x), K(load_few)(x + STEP, n_col - STEP));
        else
            r[i] = K(join)(K(load_few)(x, n_col), MM128(setzero)());
    }
    K(swap)(r);
    CNN_UNROLL for (int half = 0; half < 2; half++)
        CNN_UNROLL for (int i = 0; i < STEP; i++) {
            const int c = half * STEP + i;
            if (c >= n_col)
                break;
            if (n == STEP)
                MM128(storeu)(to + c * to_row, K(side)(r[i], half));
            else
                K(store_few)(to + c * to_row, n, K(side)(r[i], half));
        }
}

/* n rows, at most STEP, by all columns. */
CNN_INLINE void K(turn_few)(const int n, int64_t cols, const real *from, int64_t from_row, real *to,
                            int64_t to_row)
{
    for (; cols >= 2 * STEP; cols -= 2 * STEP, from += 2 * STEP, to += 2 * STEP * to_row)
        K(turn_wide)(n, 2 * STEP, from, from_row, to, to_row);
    if (cols > 0)
        K(turn_wide)(n, (int)cols, from, from_row, to, to_row);
}

void K(cnn_transpose)(int64_t rows, int64_t cols, const real *from, int64_t from_row, real *to,
                      int64_t to_row, int pad)
{
    for (; rows >= 2 * STEP; rows -= 2 * STEP, from += 2 * STEP * from_row, to += 2 * STEP) {
        int64_t c = 0;
        for (; c + STEP <= cols; c += STEP)
            K(turn_tall)(2 * STEP, STEP, from + c, from_row, to + c * to_row, to_row);
        if (c < cols)
            K(turn_tall)(2 * STEP, (int)(cols - c), from + c, from_row, to + c * to_row, to_row);
    }
    for (int64_t c = 0; pad && rows > 0 && c < cols; c += STEP)
        K(turn_tall)(rows - 1, (int)MIN(cols - c, STEP), from + c, from_row, to + c * to_row, to_row);
    for (; !pad && rows > 0; rows -= STEP, from += STEP * from_row, to += STEP)
        if (rows >= STEP)
            K(turn_few)(STEP, cols, from, from_row, to, to_row);
        else if (rows == 1)
            K(turn_few)(1, cols, from, from_row, to, to_row);
        else if (STEP > 2 && rows == 2)
            K(turn_few)(2, cols, from, from_row, to, to_row);
        else if (STEP > 2)
            K(turn_few)(3, cols, from, from_row, to, to_row);
}
#else
void K(cnn_transpose)(int64_t rows, int64_t cols, const real *from, int64_t from_row, real *to,
                      int64_t to_row, int pad)
{
    (void)pad;
    for (int64_t r = 0; r < rows; r += LANES)
        for (int64_t c = 0; c < cols; c++)
            for (int64_t i = r; i < MIN(r + LANES, rows); i++)
                to[c * to_row + i] = from[i * from_row + c];
}
#endif

#else
#ifdef MM_f32
#  define SQUARES CNN_CAT(squares, CNN_SUFFIX)
#  define STEP    ((int)(16 / sizeof(real)))
typedef __m256  squares_f32[4];
typedef __m256d squares_f64[2];

CNN_INLINE __m256 join_f32(__m128 low, __m128 high)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(low), high, 1);
}

CNN_INLINE __m256d join_f64(__m128d low, __m128d high)
{
    return _mm256_insertf128_pd(_mm256_castpd128_pd256(low), high, 1);
}

/* The intrinsic wants a literal, which a loop's index is only once the loop is unrolled. */
CNN_INLINE __m128 side_f32(__m256 r, const int high)
{
    return high ? _mm256_extractf128_ps(r, 1) : _mm256_castps256_ps128(r);
}
CNN_INLINE __m128d side_f64(__m256d r, const int high)
{
    return high ? _mm256_extractf128_pd(r, 1) : _mm256_castpd256_pd128(r);
}
CNN_INLINE void swap_f32(__m256 *r)
{
    const __m256 low01 = _mm256_unpacklo_ps(r[0], r[1]), high01 = _mm256_unpackhi_ps(r[0], r[1]);
    const __m256 low23 = _mm256_unpacklo_ps(r[2], r[3]), high23 = _mm256_unpackhi_ps(r[2], r[3]);
    r[0] = _mm256_shuffle_ps(low01, low23, 0x44);
    r[1] = _mm256_shuffle_ps(low01, low23, 0xee);
    r[2] = _mm256_shuffle_ps(high01, high23, 0x44);
    r[3] = _mm256_shuffle_ps(high01, high23, 0xee);
}

CNN_INLINE void swap_f64(__m256d *r)
{
    const __m256d low = _mm256_unpacklo_pd(r[0], r[1]);
    r[1] = _mm256_unpackhi_pd(r[0], r[1]);
    r[0] = low;
}

/* The first n of STEP numbers, which are all that is read or written.  (Stores with a mask take as
 * long as six without on AVX2.) */
CNN_INLINE __m128 load_few_f32(const float *p, int n)
{
    static const int32_t window[8] = {-1, -1, -1, -1};
    return _mm_maskload_ps(p, _mm_loadu_si128((const __m128i *)(window + 4 - n)));
}

CNN_INLINE __m128d load_few_f64(const double *p, int n)
{
    return n == 1 ? _mm_load_sd(p) : _mm_loadu_pd(p);
}

CNN_INLINE void store_few_f32(float *p, int n, __m128 x)
{
    if (n > 1)
        _mm_storel_pi((__m64 *)(void *)p, x);
    if (n > 2)
        x = _mm_movehl_ps(x, x);
    if (n % 2)
        _mm_store_ss(p + n - 1, x);
}

CNN_INLINE void store_few_f64(double *p, int n, __m128d x)
{
    (void)n;
    _mm_store_sd(p, x);
}
#  define MM128_f32(op) _mm_##op##_ps
#  define MM128_f64(op) _mm_##op##_pd
#  define MM256_f32(op) _mm256_##op##_ps
#  define MM256_f64(op) _mm256_##op##_pd
#  define MM128(op)     CNN_CAT(MM128, CNN_SUFFIX)(op)
#  define MM256(op)     CNN_CAT(MM256, CNN_SUFFIX)(op)
#endif

#define CNN_SELF "gemm/transpose.c"
#include "cnn_instantiate.h"
#endif
