/*
 * Byte order: integers of 16, 32 and 64 bits at any address, big-endian (network order) or
 * little-endian. No alignment is needed; compilers turn each of these into one load or store.
 */
#ifndef FRAMED_BYTEORDER_H
#define FRAMED_BYTEORDER_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

/* framed_get_uN(at) reads, framed_put_uN(at, value) writes N bits at AT. */
#define FRAMED_BYTEORDER_PAIR(bits, order, from, to)                                               \
    static inline uint##bits##_t framed_get_u##bits##order(const void *at)                         \
    {                                                                                              \
        uint##bits##_t value;                                                                      \
        memcpy(&value, at, sizeof(value));                                                         \
        return from(value);                                                                        \
    }                                                                                              \
    static inline void framed_put_u##bits##order(void *at, uint##bits##_t value)                   \
    {                                                                                              \
        value = to(value);                                                                         \
        memcpy(at, &value, sizeof(value));                                                         \
    }

FRAMED_BYTEORDER_PAIR(16, be, be16toh, htobe16)
FRAMED_BYTEORDER_PAIR(16, le, le16toh, htole16)
FRAMED_BYTEORDER_PAIR(32, be, be32toh, htobe32)
FRAMED_BYTEORDER_PAIR(32, le, le32toh, htole32)
FRAMED_BYTEORDER_PAIR(64, be, be64toh, htobe64)
FRAMED_BYTEORDER_PAIR(64, le, le64toh, htole64)

#undef FRAMED_BYTEORDER_PAIR

#endif
