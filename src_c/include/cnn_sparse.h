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

/* shared/sparse.c.  m is a matrix with rows of `width` elements, of which the first n_col matter;
 * at[p] numbers one of them and v[p] is a factor, p from 0 to n - 1.
 *
 *   times: y[j] = start[j] + sum over p of v[p] m[at[p], j], start NULL: 0; then relu
 *   add:   m[at[p], j] += factor v[p] d[j]
 *   ask:   for the rows of m that `times` or `add` begins with
 *
 * An element is one chain of multiply-adds in the order of p, as that of a dense product is. */
#define cnn_sparse_times_f32 CNN_FOR_ISA(cnn_sparse_times_f32)
#define cnn_sparse_times_f64 CNN_FOR_ISA(cnn_sparse_times_f64)
#define cnn_sparse_add_f32   CNN_FOR_ISA(cnn_sparse_add_f32)
#define cnn_sparse_add_f64   CNN_FOR_ISA(cnn_sparse_add_f64)
#define cnn_sparse_ask_f32   CNN_FOR_ISA(cnn_sparse_ask_f32)
#define cnn_sparse_ask_f64   CNN_FOR_ISA(cnn_sparse_ask_f64)
#define CNN_DECLARE_SPARSE(real, suffix)                                                          \
    void cnn_sparse_times_##suffix(int64_t n, const int32_t *at, const real *v, const real *m,    \
                                   int64_t width, int64_t n_col, const real *start, int relu,     \
                                   real *y);                                                      \
    void cnn_sparse_add_##suffix(int64_t n, const int32_t *at, const real *v, real factor,        \
                                 const real *d, int64_t n_col, int64_t width, real *m);           \
    void cnn_sparse_ask_##suffix(int64_t n, const int32_t *at, const real *m, int64_t width);
CNN_DECLARE_SPARSE(float, f32)
CNN_DECLARE_SPARSE(double, f64)
#endif
