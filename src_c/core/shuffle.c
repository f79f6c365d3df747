/* shuffle - an order of rows that depends on two numbers alone.
 *
 * Fisher and Yates' shuffle (Knuth, volume 2, 3.4.2, algorithm P) with xoshiro256** (Blackman
 * and Vigna 2021), started by splitmix64 from seed and epoch.  A number below n is the high
 * half of a 64-bit random number times n (Lemire 2019); without his rejection the chances of
 * two rows differ by less than n / 2^64.
 */
#include "core.h"

typedef struct { uint64_t s[4]; } random_state;

static uint64_t splitmix64(uint64_t *x)
{
    uint64_t z = *x += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t rotate_left(uint64_t x, int k) { return x << k | x >> (64 - k); }

static uint64_t next_random(random_state *r)
{
    const uint64_t result = rotate_left(r->s[1] * 5, 7) * 9, t = r->s[1] << 17;
    r->s[2] ^= r->s[0];
    r->s[3] ^= r->s[1];
    r->s[1] ^= r->s[2];
    r->s[0] ^= r->s[3];
    r->s[2] ^= t;
    r->s[3] = rotate_left(r->s[3], 45);
    return result;
}

/* The high 64 bits of a b, from four products of 32 bits: every compiler has those. */
static uint64_t multiply_high(uint64_t a, uint64_t b)
{
    const uint64_t al = (uint32_t)a, ah = a >> 32, bl = (uint32_t)b, bh = b >> 32;
    const uint64_t middle = ah * bl + (al * bl >> 32), low = al * bh + (uint32_t)middle;
    return ah * bh + (middle >> 32) + (low >> 32);
}

void cnn_shuffle(uint64_t seed, uint64_t epoch, int64_t n, int64_t *index)
{
    random_state r;
    uint64_t x = seed;
    x = splitmix64(&x) ^ epoch;         /* seed and epoch do not simply add up */
    for (int i = 0; i < 4; i++)
        r.s[i] = splitmix64(&x);
    for (int64_t i = 0; i < n; i++)
        index[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        const int64_t j = (int64_t)multiply_high(next_random(&r), (uint64_t)i + 1);
        const int64_t moved = index[i];
        index[i] = index[j];
        index[j] = moved;
    }
}
