/* plain_gemm - matrix products as plain loops, so that an operation can be compiled alone. */
#include "gemm/cnn_gemm.h"
#include <stddef.h>

#define DEFINE(real, suffix)                                                                 \
    cnn_status cnn_gemm_##suffix(const cnn_product *p, cnn_scratch scratch)                  \
    {                                                                                        \
        const real *a = p->a, *b = p->b, *bias = p->bias;                                    \
        (void)scratch;                                                                       \
        for (int64_t i = 0; i < p->m; i++)                                                   \
            for (int64_t j = 0; j < p->n; j++) {                                             \
                real *c = (real *)p->c + i * p->ldc + j, sum = p->accumulate ? *c : 0;       \
                for (int64_t k = 0; k < p->k; k++)                                           \
                    sum += (p->trans_a ? a[k * p->lda + i] : a[i * p->lda + k]) *            \
                           (p->trans_b ? b[j * p->ldb + k] : b[k * p->ldb + j]);             \
                sum += bias ? bias[j] : 0;                                                   \
                *c = p->relu && sum < 0 ? 0 : sum;                                           \
            }                                                                                \
        return CNN_OK;                                                                       \
    }
#define DEFINE_AS(real, name) DEFINE(real, name)
DEFINE_AS(float, f32)
DEFINE_AS(double, f64)
