/* dispatch - the state that is chosen once at import: instruction set and BLAS. */
#include "cnn_core.h"
#include "gemm/cnn_gemm.h"
#include "gemm/choice.h"
#include <stddef.h>
#include <string.h>

cnn_blas cnn_blas_table;
int32_t  cnn_gemm_mode;

CNN_PUBLIC const char cnn_core_library[] = "cnn_core";

void cnn_set_blas(const cnn_blas *blas, int32_t gemm_mode)
{
    cnn_blas_table = *blas;
    cnn_gemm_mode = gemm_mode;
}

/* The rule of choice.h leaves large products to BLAS, if any. */
int32_t cnn_needs_blas(int32_t gemm_mode)
{
    const int64_t large = (int64_t)1 << 31;
    (void)large;
    return gemm_mode == CNN_GEMM_BLAS ||
           (gemm_mode == CNN_GEMM_AUTO && !(CNN_OWN_IS_FASTER(large, large)));
}

#define X(isa) extern const cnn_api cnn_api_##isa;
#include "cnn_isa_index.inc"
#undef X

static int cpu_has_baseline(void) { return 1; }

#if defined(__GNUC__) && defined(__x86_64__) && !defined(_WIN32)
static int cpu_has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
static int cpu_has_avx512(void)
{
    return cpu_has_avx2() && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl");
}
#elif defined(_MSC_VER) && defined(_M_X64)
#include <immintrin.h>
#include <intrin.h>
/* Bits of CPUID leaf 7 and the register state that the system saves (XCR0). */
static int cpu_has(int leaf7_ebx, unsigned xcr0)
{
    int r[4];
    __cpuidex(r, 1, 0);
    if (!(r[2] & 1 << 27) || !(r[2] & 1 << 12) || (_xgetbv(0) & xcr0) != xcr0)
        return 0;
    __cpuidex(r, 7, 0);
    return (r[1] & leaf7_ebx) == leaf7_ebx;
}
static int cpu_has_avx2(void) { return cpu_has(1 << 5, 0x6); }
static int cpu_has_avx512(void)
{
    return cpu_has(1 << 5 | 1 << 16 | 1 << 17 | 1 << 30 | (int)(1u << 31), 0xe6);
}
#endif

static const struct { const char *name; const cnn_api *api; int (*cpu_has)(void); } built[] = {
#define X(isa) {#isa, &cnn_api_##isa, cpu_has_##isa},
#include "cnn_isa_index.inc"
#undef X
};
enum { N_BUILT = sizeof built / sizeof *built };

const char *cnn_simd_name(int32_t i)
{
    return i >= 0 && i < N_BUILT ? built[i].name : NULL;
}

const cnn_api *cnn_get_api(const char *simd)
{
    for (int32_t i = N_BUILT - 1; i >= 0; i--)
        if ((!simd || strcmp(built[i].name, simd) == 0) && built[i].cpu_has())
            return built[i].api;
    return NULL;
}
