/* CRC-32C (Castagnoli), by the processor's instruction where it has one. crc32c("123456789") = e3069283. */
#ifndef BIT_PROTO_CRC32C_H
#define BIT_PROTO_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/** CRC of data, continued from `crc` (0 to begin): crc32c(crc32c(0, a), b) is the CRC of a followed by b. */
uint32_t bit_crc32c(uint32_t crc, const void *data, size_t bytes);

/** The CRC of a followed by b, from the CRC of each and the length of b. */
uint32_t bit_crc32c_join(uint32_t a, uint32_t b, uint64_t bytes_of_b);

/**
 * The same as bit_crc32c, by tables on every processor: the fallback of bit_crc32c, and the reference of its tests.
 */
uint32_t bit_crc32c_portable(uint32_t crc, const void *data, size_t bytes);

#endif
