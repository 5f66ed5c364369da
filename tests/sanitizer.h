/* Whether this program is built with a sanitizer, which has an allocator of its own, keeps what was freed and takes its
 * time: 0 or 1. gcc says it by a macro, clang by a feature. */
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
