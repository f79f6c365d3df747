/* cnn_random.h - random numbers by counter: a pure function of seed, step, stream and position,
 * so that they do not depend on what else was drawn, on threads or on how a batch is split.
 *
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011: "Parallel random numbers: as easy as 1, 2,
 * 3"), which passes BigCrush; 7 of its 10 rounds would.  The key is the seed; the counter words
 * are position (64 bits), step (32 bits), and the stream mixed with the rest of the step.
 *
 * One block is 64 numbers: 16 counters side by side in vector lanes, four numbers from each.
 * Number i of block k, written as 16 w + lane, is word w of the counter at position 16 k + lane.
 */
#ifndef CNN_RANDOM_H
#define CNN_RANDOM_H
#include <stdint.h>

#define CNN_RANDOM_BLOCK 64
#define CNN_RANDOM_LANES 16

static inline void cnn_random_block(uint64_t seed, int64_t step, uint32_t stream, uint64_t block,
                                    uint32_t *restrict out)
{
    uint32_t *restrict x0 = out, *restrict x1 = out + CNN_RANDOM_LANES;
    uint32_t *restrict x2 = out + 2 * CNN_RANDOM_LANES, *restrict x3 = out + 3 * CNN_RANDOM_LANES;
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    const uint64_t first = block * CNN_RANDOM_LANES;     /* lanes do not carry into the high word */

    for (uint32_t l = 0; l < CNN_RANDOM_LANES; l++) {
        x0[l] = (uint32_t)first + l;
        x1[l] = (uint32_t)(first >> 32);
        x2[l] = (uint32_t)step;
        x3[l] = stream ^ (uint32_t)((uint64_t)step >> 32);
    }
    for (int round = 0; round < 10; round++) {
        for (int l = 0; l < CNN_RANDOM_LANES; l++) {
            const uint64_t p = (uint64_t)0xD2511F53u * x0[l], q = (uint64_t)0xCD9E8D57u * x2[l];
            const uint32_t y0 = (uint32_t)(q >> 32) ^ x1[l] ^ k0;
            const uint32_t y2 = (uint32_t)(p >> 32) ^ x3[l] ^ k1;
            x1[l] = (uint32_t)q;
            x3[l] = (uint32_t)p;
            x0[l] = y0;
            x2[l] = y2;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}
#endif
