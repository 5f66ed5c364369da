/* Assertions that stay in release builds, and casts and products that cannot lose bits. */
#ifndef BIT_PROTO_CHECK_H
#define BIT_PROTO_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* For programming errors only: failures from outside are returned as error codes. Never compiled out. */
#define BIT_ASSERT(cond)                                                                                               \
    do {                                                                                                               \
        if (__builtin_expect(!(cond), 0)) {                                                                            \
            fprintf(stderr, "%s:%d: assertion failed: %s\n", __FILE__, __LINE__, #cond);                               \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

#define BIT_COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* A constant expression if both arguments are; one argument is evaluated twice. */
#define BIT_MIN(a, b) ((a) < (b) ? (a) : (b))
#define BIT_MAX(a, b) ((a) > (b) ? (a) : (b))

/* False if the result does not fit; *out is then untouched. */
static inline bool bit_mul_size(size_t a, size_t b, size_t *out)
{
    size_t product;

    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *out = product;
    return true;
}

static inline bool bit_add_size(size_t a, size_t b, size_t *out)
{
    size_t sum;

    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *out = sum;
    return true;
}

/* Casts that assert instead of truncating, for values that the program itself has bounded. */
static inline int bit_to_int(int64_t v)
{
    BIT_ASSERT(v >= INT32_MIN && v <= INT32_MAX);
    return (int)v;
}

static inline uint32_t bit_to_u32(uint64_t v)
{
    BIT_ASSERT(v <= UINT32_MAX);
    return (uint32_t)v;
}

/* Drops const for an interface that takes char * but only reads it: protobuf-c's messages, the argv of execv. */
static inline char *bit_lend(const char *text)
{
    return (char *)(uintptr_t)text;
}

static inline int64_t bit_round_up(int64_t v, int64_t to)
{
    return (v + to - 1) / to * to;
}

#endif
