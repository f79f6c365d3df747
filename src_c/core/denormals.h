/* denormals.h - treat denormal numbers as zero while a plan runs, and restore the mode after.
 * What a plan calls in Python has the caller's mode again (_ext/gate.pxi).
 *
 * Arithmetic on denormals is slower by an order of magnitude on most CPUs; decaying Adam
 * moments and saturated activations produce them in masses.
 */
#ifndef CNN_DENORMALS_H
#define CNN_DENORMALS_H
#include <stdint.h>

#if defined(__SSE__) || defined(_M_X64)
#  include <xmmintrin.h>
#  define CNN_FLUSH_BITS 0x8040u                   /* flush to zero, denormals are zero */
static inline uint64_t cnn_flush_denormals(void)
{
    const unsigned old = _mm_getcsr();
    if ((old & CNN_FLUSH_BITS) != CNN_FLUSH_BITS)
        _mm_setcsr(old | CNN_FLUSH_BITS);
    return old;
}
static inline void cnn_restore_denormals(uint64_t old)
{
    if ((old & CNN_FLUSH_BITS) != CNN_FLUSH_BITS)
        _mm_setcsr((unsigned)old);
}
#elif defined(__aarch64__) && defined(__GNUC__)
static inline uint64_t cnn_flush_denormals(void)
{
    uint64_t old;
    __asm__ volatile("mrs %0, fpcr" : "=r"(old));
    __asm__ volatile("msr fpcr, %0" : : "r"(old | (1u << 24)));
    return old;
}
static inline void cnn_restore_denormals(uint64_t old)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(old));
}
#else
static inline uint64_t cnn_flush_denormals(void) { return 0; }
static inline void cnn_restore_denormals(uint64_t old) { (void)old; }
#endif
#endif
