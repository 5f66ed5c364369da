/* TEST_SANITIZED: 1 if this program is built with a sanitizer, which replaces the allocator, retains freed memory and
 * is slow; otherwise 0. gcc defines a macro for it, clang has __has_feature. */
#ifndef BIT_TESTS_SANITIZER_H
#define BIT_TESTS_SANITIZER_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TEST_SANITIZED 1
#endif
#endif
#ifndef TEST_SANITIZED
#define TEST_SANITIZED 0
#endif

#endif
