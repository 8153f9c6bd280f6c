#ifndef CTOWLINE_DIGEST_H
#define CTOWLINE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

/// Continues a CRC-64 (ECMA-182 polynomial, bits reflected, inverted at both ends: the one that OSS sends as
/// x-oss-hash-crc64ecma) over further bytes. Begin with 0.
uint64_t ctowline_crc64(uint64_t crc, const void *bytes, size_t count);

/// The same by table alone, whatever the processor offers; for tests.
uint64_t ctowline_crc64_portable(uint64_t crc, const void *bytes, size_t count);

/// The CRC-64 of two texts in a row, from the CRC-64 of each and the length of the second.
uint64_t ctowline_crc64_combine(uint64_t first, uint64_t second, uint64_t second_count);

#endif
