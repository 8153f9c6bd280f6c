#include "CTowlineDigest.h"

#include <pthread.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// The polynomial with its bits reflected: the highest bit stands for x^0.
#define POLYNOMIAL UINT64_C(0xC96C5795D7870F42)

// Tables for eight bytes at a time, and the powers of x that folding needs; made once.
static uint64_t table[8][256];
static uint64_t fold_by_16[2], fold_by_64[2];
static int can_fold;
static pthread_once_t once = PTHREAD_ONCE_INIT;

// x^n modulo the polynomial, reflected.
static uint64_t power_of_x(unsigned n) {
    uint64_t value = UINT64_C(1) << 63;
    for (; n > 0; n--) value = (value >> 1) ^ ((value & 1) ? POLYNOMIAL : 0);
    return value;
}

static void prepare(void) {
    for (unsigned byte = 0; byte < 256; byte++) {
        uint64_t value = byte;
        for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ ((value & 1) ? POLYNOMIAL : 0);
        table[0][byte] = value;
    }
    for (unsigned byte = 0; byte < 256; byte++)
        for (int slice = 1; slice < 8; slice++)
            table[slice][byte] = (table[slice - 1][byte] >> 8) ^ table[0][table[slice - 1][byte] & 0xFF];
    // A product of two reflected numbers comes out multiplied by x: each power is one less than the distance.
    fold_by_16[0] = power_of_x(191), fold_by_16[1] = power_of_x(127);
    fold_by_64[0] = power_of_x(575), fold_by_64[1] = power_of_x(511);
#if defined(__x86_64__)
    can_fold = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
#endif
}

static uint64_t by_table(uint64_t state, const uint8_t *bytes, size_t count) {
    for (; count >= 8; bytes += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
#endif
        word ^= state;
        state = table[7][word & 0xFF] ^ table[6][(word >> 8) & 0xFF] ^ table[5][(word >> 16) & 0xFF]
            ^ table[4][(word >> 24) & 0xFF] ^ table[3][(word >> 32) & 0xFF] ^ table[2][(word >> 40) & 0xFF]
            ^ table[1][(word >> 48) & 0xFF] ^ table[0][word >> 56];
    }
    for (; count > 0; bytes++, count--) state = (state >> 8) ^ table[0][(state ^ *bytes) & 0xFF];
    return state;
}

#if defined(__x86_64__)
__attribute__((target("pclmul,sse4.1")))
static __m128i fold(__m128i block, __m128i powers, __m128i next) {
    __m128i low = _mm_clmulepi64_si128(block, powers, 0x00);
    __m128i high = _mm_clmulepi64_si128(block, powers, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

// Folds all whole blocks of 16 bytes into one, which has the same remainder; at least 64 bytes.
__attribute__((target("pclmul,sse4.1")))
static uint64_t by_folding(uint64_t state, const uint8_t *bytes, size_t count) {
    const __m128i far = _mm_set_epi64x((long long)fold_by_64[1], (long long)fold_by_64[0]);
    const __m128i near = _mm_set_epi64x((long long)fold_by_16[1], (long long)fold_by_16[0]);
    __m128i lanes[4];
    for (int lane = 0; lane < 4; lane++) lanes[lane] = _mm_loadu_si128((const __m128i *)(bytes + 16 * lane));
    lanes[0] = _mm_xor_si128(lanes[0], _mm_set_epi64x(0, (long long)state));
    bytes += 64, count -= 64;
    for (; count >= 64; bytes += 64, count -= 64) {
        lanes[0] = fold(lanes[0], far, _mm_loadu_si128((const __m128i *)bytes));
        lanes[1] = fold(lanes[1], far, _mm_loadu_si128((const __m128i *)(bytes + 16)));
        lanes[2] = fold(lanes[2], far, _mm_loadu_si128((const __m128i *)(bytes + 32)));
        lanes[3] = fold(lanes[3], far, _mm_loadu_si128((const __m128i *)(bytes + 48)));
    }
    __m128i block = lanes[0];
    for (int lane = 1; lane < 4; lane++) block = fold(block, near, lanes[lane]);
    for (; count >= 16; bytes += 16, count -= 16) block = fold(block, near, _mm_loadu_si128((const __m128i *)bytes));
    uint8_t last[16];
    _mm_storeu_si128((__m128i *)last, block);
    return by_table(by_table(0, last, 16), bytes, count);
}
#endif

uint64_t ctowline_crc64_portable(uint64_t crc, const void *bytes, size_t count) {
    pthread_once(&once, prepare);
    return ~by_table(~crc, bytes, count);
}

uint64_t ctowline_crc64(uint64_t crc, const void *bytes, size_t count) {
    pthread_once(&once, prepare);
#if defined(__x86_64__)
    if (can_fold && count >= 64) return ~by_folding(~crc, bytes, count);
#endif
    return ~by_table(~crc, bytes, count);
}

// The product of two reflected numbers modulo the polynomial.
static uint64_t multiply(uint64_t first, uint64_t second) {
    uint64_t product = 0;
    for (; first != 0; first <<= 1) {
        if (first & (UINT64_C(1) << 63)) product ^= second;
        second = (second >> 1) ^ ((second & 1) ? POLYNOMIAL : 0);
    }
    return product;
}

uint64_t ctowline_crc64_combine(uint64_t first, uint64_t second, uint64_t second_count) {
    // x^(8 n) by squaring, beginning with x^8.
    uint64_t power = UINT64_C(1) << 63, square = UINT64_C(1) << 55;
    for (; second_count > 0; second_count >>= 1) {
        if (second_count & 1) power = multiply(power, square);
        square = multiply(square, square);
    }
    return multiply(power, first) ^ second;
}
