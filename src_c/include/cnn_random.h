/* cnn_random.h - random numbers by counter: a pure function of seed, step, stream and position,
 * so that they do not depend on what else was drawn, on threads or on how a batch is split.
 *
 * Philox4x32-7 (Salmon, Moraes, Dror, Shaw 2011: "Parallel random numbers: as easy as 1, 2, 3"),
 * the fewest rounds with which it passes BigCrush.  The key is the seed; the counter words are
 * position (64 bits), step (32 bits), and the stream mixed with the rest of the step.
 *
 * One block is 64 numbers: 16 counters side by side in vector lanes, four numbers from each.
 * Number i of block k, written as 16 w + lane, is word w of the counter at position 16 k + lane.
 */
#ifndef CNN_RANDOM_H
#define CNN_RANDOM_H
#include <stdint.h>

#define CNN_RANDOM_BLOCK 64
#define CNN_RANDOM_LANES 16

static inline uint32_t cnn_mul_high(uint32_t a, uint32_t b)
{
    return (uint32_t)(((uint64_t)a * b) >> 32);
}

/* Written out seven times below, so that the state stays in registers. */
#define CNN_PHILOX_ROUND(i)                                                                  \
    {                                                                                        \
        const uint32_t high0 = cnn_mul_high(0xD2511F53u, x0), low0 = 0xD2511F53u * x0;       \
        const uint32_t high2 = cnn_mul_high(0xCD9E8D57u, x2), low2 = 0xCD9E8D57u * x2;       \
        x0 = high2 ^ x1 ^ (key0 + (uint32_t)(i) * 0x9E3779B9u);                              \
        x2 = high0 ^ x3 ^ (key1 + (uint32_t)(i) * 0xBB67AE85u);                              \
        x1 = low2;                                                                           \
        x3 = low0;                                                                           \
    }

static inline void cnn_random_block(uint64_t seed, int64_t step, uint32_t stream, uint64_t block,
                                    uint32_t *restrict out)
{
    const uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);
    const uint64_t first = block * CNN_RANDOM_LANES;     /* lanes do not carry into the high word */

    for (uint32_t l = 0; l < CNN_RANDOM_LANES; l++) {
        uint32_t x0 = (uint32_t)first + l, x1 = (uint32_t)(first >> 32), x2 = (uint32_t)step;
        uint32_t x3 = stream ^ (uint32_t)((uint64_t)step >> 32);
        CNN_PHILOX_ROUND(0)
        CNN_PHILOX_ROUND(1)
        CNN_PHILOX_ROUND(2)
        CNN_PHILOX_ROUND(3)
        CNN_PHILOX_ROUND(4)
        CNN_PHILOX_ROUND(5)
        CNN_PHILOX_ROUND(6)
        out[l] = x0;
        out[CNN_RANDOM_LANES + l] = x1;
        out[2 * CNN_RANDOM_LANES + l] = x2;
        out[3 * CNN_RANDOM_LANES + l] = x3;
    }
}
#endif
