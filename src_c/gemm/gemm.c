/* gemm - which implementation serves a product, and the parts of it that BLAS has not. */
#include "cnn_gemm.h"
#include <limits.h>
#include <stddef.h>
#include "choice.h"
#include "own.h"

#ifdef real

/* Bias and relu for a whole C: one pass, or none. */
static void K(finish)(const cnn_product *p)
{
    const real *restrict bias = p->bias;
    for (int64_t i = 0; i < p->m; i++) {
        real *restrict c = (real *)p->c + i * p->ldc;
        if (bias)
            for (int64_t j = 0; j < p->n; j++)
                c[j] += bias[j];
        if (p->relu)
            for (int64_t j = 0; j < p->n; j++)
                c[j] = c[j] < 0 ? 0 : c[j];
    }
}

static cnn_status K(by_blas)(const cnn_product *p)
{
    if (p->m > INT_MAX || p->n > INT_MAX || p->k > INT_MAX || p->lda > INT_MAX ||
        p->ldb > INT_MAX || p->ldc > INT_MAX)
        return CNN_ERR_TOO_LARGE;
    cnn_blas_table.K(gemm)(ROW_MAJOR, p->trans_a ? TRANSPOSED : PLAIN,
                           p->trans_b ? TRANSPOSED : PLAIN, (int)p->m, (int)p->n, (int)p->k, 1,
                           p->a, (int)p->lda, p->b, (int)p->ldb, p->accumulate, p->c,
                           (int)p->ldc);
    if (p->bias || p->relu)
        K(finish)(p);
    return CNN_OK;
}

/* The choice may depend on n and k, but not on m, which threads split as they like. */
cnn_status K(cnn_gemm)(const cnn_product *p, cnn_scratch scratch)
{
    if (scratch.need) {
        const int64_t bytes = K(cnn_own_scratch)(p);
        *scratch.need = *scratch.need > bytes ? *scratch.need : bytes;
        return CNN_ASKED;
    }
    const int own = cnn_gemm_mode == CNN_GEMM_AUTO ? CNN_OWN_IS_FASTER(p->n, p->k)
                                                   : cnn_gemm_mode == CNN_GEMM_OWN;
    if (!own && p->k > 0 && cnn_blas_table.K(gemm))
        return K(by_blas)(p);
    K(cnn_own_gemm)(p, scratch);
    return CNN_OK;
}

#else
enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 };

#define CNN_SELF "gemm/gemm.c"
#include "cnn_instantiate.h"
#endif
