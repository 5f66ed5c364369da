/*
 * Allocation failures on demand, for single-file programs: defines malloc, calloc, realloc and free. Include it once.
 *     test_allowed = k;    the next k allocations succeed, all later ones fail
 *     test_allowed = -1;   none fails
 *     test_every_failure(work);    work() with 0, 1, 2, ... allocations, until it succeeds
 * Does nothing under a sanitizer, which has its own malloc: TEST_HAVE_FAILING_MALLOC is 0 there.
 */
#ifndef BIT_TESTS_FAILING_MALLOC_H
#define BIT_TESTS_FAILING_MALLOC_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "proto/err.h"
#include "tests/sanitizer.h"
#include "tests/test.h"

#if TEST_SANITIZED || !defined(__GLIBC__)
#define TEST_HAVE_FAILING_MALLOC 0
#else
#define TEST_HAVE_FAILING_MALLOC 1
#endif

static long test_allowed = -1; /* allocations that still succeed; -1: all */
static long test_live;         /* blocks not freed yet */

#if TEST_HAVE_FAILING_MALLOC
/* glibc's own names for its allocator, which the functions below override and call. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void __libc_free(void *block);

static bool test_granted(void)
{
    if (test_allowed == 0) {
        errno = ENOMEM;
        return false;
    }
    test_allowed -= test_allowed > 0;
    return true;
}

void *malloc(size_t size)
{
    void *block = test_granted() ? __libc_malloc(size) : NULL;

    test_live += block != NULL;
    return block;
}

void *calloc(size_t count, size_t size)
{
    void *block = test_granted() ? __libc_calloc(count, size) : NULL;

    test_live += block != NULL;
    return block;
}

void *realloc(void *old, size_t size)
{
    void *block = test_granted() ? __libc_realloc(old, size) : NULL;

    test_live += block != NULL && old == NULL;
    return block;
}

void free(void *block)
{
    test_live -= block != NULL;
    __libc_free(block);
}
#endif

#define TEST_ALLOCATIONS_MAX 100000

/* Call `work` with one more allocation granted each time, until it succeeds. Each time before, it returns -ENOMEM and
 * leaks nothing. */
static void test_every_failure(int (*work)(void))
{
    int err = -ENOMEM;
    long granted = 0;

    if (!TEST_HAVE_FAILING_MALLOC)
        SKIP("a sanitizer has its own malloc");
    for (; err < 0 && granted < TEST_ALLOCATIONS_MAX; granted++) {
        long live = test_live;
        test_allowed = granted;
        err = work();
        test_allowed = -1;
        if (!EXPECT(err == 0 || err == -ENOMEM))
            fprintf(stderr, "    with %ld allocations granted: %s\n", granted, bit_fail_text());
        if (!EXPECT_EQ(test_live, live))
            fprintf(stderr, "    with %ld allocations granted\n", granted);
    }
    EXPECT_EQ(err, 0);
    EXPECT(granted > 1);
}

#endif
