/* cnn_gemm.h - the one door to matrix products.
 *
 *   C[m, n] = A[m, k] B[k, n]   (+ C)   (+ bias[n] on every row)   (then max(., 0))
 *
 * Every matrix is row-major with its own row length (lda, ldb, ldc, in elements).
 * A transposed operand is stored the other way round: A as [k, m], B as [n, k].
 */
#ifndef CNN_GEMM_H
#define CNN_GEMM_H
#include "cnn_core.h"
#include "cnn_typed.h"

typedef struct cnn_product {
    int64_t     m, n, k;
    const void *a, *b, *bias;        /* bias: NULL for none                            */
    void       *c;
    int64_t     lda, ldb, ldc;
    int32_t     trans_a, trans_b;
    int32_t     accumulate;          /* add to C instead of overwriting it             */
    int32_t     relu;                /* max(., 0) after everything; NaN stays NaN      */
    int32_t     lone;                /* m = 1, and not as a part of more rows: its sums
                                      * need not have the order that theirs have       */
} cnn_product;

#define cnn_gemm_f32 CNN_FOR_ISA(cnn_gemm_f32)
#define cnn_gemm_f64 CNN_FOR_ISA(cnn_gemm_f64)
/* Asked for its working memory (see cnn_scratch), a product says what it and any one of no more
 * rows, columns and steps, but otherwise like it, take at most. */
cnn_status cnn_gemm_f32(const cnn_product *p, cnn_scratch scratch);
cnn_status cnn_gemm_f64(const cnn_product *p, cnn_scratch scratch);

/* The injected BLAS; NULL pointers until cnn_set_blas. */
extern cnn_blas cnn_blas_table;

/* Who computes: the faster as measured, or always the same one (for comparisons). */
enum { CNN_GEMM_AUTO = 0, CNN_GEMM_OWN = 1, CNN_GEMM_BLAS = 2 };
extern int32_t cnn_gemm_mode;
#endif
