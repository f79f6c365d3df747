/* cnn_sparse.h - a batch of rows of which only some entries are given; all others are 0.
 *
 * An input of sparse rows is a batched tensor of three int64 to a row, a cnn_sparse_row: columns and
 * values stay where they are.  Columns ascend strictly; values are of the plan's type.
 */
#ifndef CNN_SPARSE_H
#define CNN_SPARSE_H
#include <stdint.h>
#include "cnn_typed.h"

/* Addresses as whole numbers, of one size everywhere: the caller makes these rows in an array. */
typedef struct { int64_t column, value, n; } cnn_sparse_row;

static inline const int32_t *cnn_columns(const cnn_sparse_row *x)
{
    return (const int32_t *)(uintptr_t)x->column;
}
static inline const void *cnn_values(const cnn_sparse_row *x)
{
    return (const void *)(uintptr_t)x->value;
}

enum { CNN_SPARSE_AHEAD = 12 };     /* entries between where a row of m is asked for and used */

/* The columns of the entries that follow row x of a batch of which `n_after` rows do: `room`, or
 * where they lie.  Behind the last is column 0, which there always is. */
static inline const int32_t *cnn_sparse_next(const cnn_sparse_row *x, int64_t n_after,
                                             int32_t *room)
{
    int64_t n = 0;
    if (n_after > 0 && x[1].n >= CNN_SPARSE_AHEAD)
        return cnn_columns(&x[1]);
    for (int64_t r = 1; r <= n_after && n < CNN_SPARSE_AHEAD; r++)
        for (int64_t p = 0; p < x[r].n && n < CNN_SPARSE_AHEAD; p++)
            room[n++] = cnn_columns(&x[r])[p];
    while (n < CNN_SPARSE_AHEAD)
        room[n++] = 0;
    return room;
}

/* shared/sparse.c.  m is a matrix with rows of `width` elements, of which the first n_col matter;
 * at[p] numbers one of them and v[p] is a factor, p from 0 to n - 1.
 *
 *   times: y[j] = start[j] + sum over p of v[p] m[at[p], j], start NULL: 0; then relu
 *   add:   m[at[p], j] += factor v[p] d[j]
 *
 * `next` numbers the CNN_SPARSE_AHEAD rows of m that the calls to come begin with, so that they are
 * asked for in time; NULL: unknown.
 *
 * An element is one chain of multiply-adds in the order of p, as that of a dense product is. */
#define cnn_sparse_times_f32 CNN_FOR_ISA(cnn_sparse_times_f32)
#define cnn_sparse_times_f64 CNN_FOR_ISA(cnn_sparse_times_f64)
#define cnn_sparse_add_f32   CNN_FOR_ISA(cnn_sparse_add_f32)
#define cnn_sparse_add_f64   CNN_FOR_ISA(cnn_sparse_add_f64)
#define CNN_DECLARE_SPARSE(real, suffix)                                                          \
    void cnn_sparse_times_##suffix(int64_t n, const int32_t *at, const real *v,                   \
                                   const int32_t *next, const real *m, int64_t width,             \
                                   int64_t n_col, const real *start, int relu, real *y);          \
    void cnn_sparse_add_##suffix(int64_t n, const int32_t *at, const real *v,                     \
                                 const int32_t *next, real factor, const real *d, int64_t n_col,  \
                                 int64_t width, real *m);
CNN_DECLARE_SPARSE(float, f32)
CNN_DECLARE_SPARSE(double, f64)
#endif
