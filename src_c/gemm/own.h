/* own.h - products by the kernels of this folder, in any shape. */
#ifndef CNN_OWN_H
#define CNN_OWN_H
#include "cnn_gemm.h"

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#define cnn_own_gemm_f32 CNN_FOR_ISA(cnn_own_gemm_f32)
#define cnn_own_gemm_f64 CNN_FOR_ISA(cnn_own_gemm_f64)
void cnn_own_gemm_f32(const cnn_product *p, cnn_scratch scratch);
void cnn_own_gemm_f64(const cnn_product *p, cnn_scratch scratch);

#define cnn_own_scratch_f32 CNN_FOR_ISA(cnn_own_scratch_f32)
#define cnn_own_scratch_f64 CNN_FOR_ISA(cnn_own_scratch_f64)
/* Bytes of working memory: see cnn_gemm. */
int64_t cnn_own_scratch_f32(const cnn_product *p);
int64_t cnn_own_scratch_f64(const cnn_product *p);

enum { WIDE_ROW = 128 };    /* few rows of C from this length on meet several rows of B at a time */
#define cnn_thin_gemm_f32 CNN_FOR_ISA(cnn_thin_gemm_f32)
#define cnn_thin_gemm_f64 CNN_FOR_ISA(cnn_thin_gemm_f64)
/* The same for at most `few` rows of C or a single step of k, where that has a way of its own; 0,
 * and nothing done, where it has none. */
int cnn_thin_gemm_f32(const cnn_product *p, int64_t few);
int cnn_thin_gemm_f64(const cnn_product *p, int64_t few);
#endif
