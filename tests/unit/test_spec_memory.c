/* The specification's whole way with memory running out at every single allocation: an error each time, nothing lost.
 */
#include <errno.h>

#include "proto/msg.h"
#include "proto/spec.h"
#include "tests/test.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAVE_OWN_MALLOC 0
#else
#define HAVE_OWN_MALLOC 1
#endif

static long allowed = -1; /* allocations left before they fail; -1: as many as you like */
static long live;         /* blocks not freed yet */

#if HAVE_OWN_MALLOC
/* glibc's own names, under which its allocator is reached when these stand before it. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void __libc_free(void *block);

static bool granted(void)
{
    if (allowed == 0) {
        errno = ENOMEM;
        return false;
    }
    allowed -= allowed > 0;
    return true;
}

void *malloc(size_t size)
{
    void *block = granted() ? __libc_malloc(size) : NULL;

    live += block != NULL;
    return block;
}

void *calloc(size_t count, size_t size)
{
    void *block = granted() ? __libc_calloc(count, size) : NULL;

    live += block != NULL;
    return block;
}

void *realloc(void *old, size_t size)
{
    void *block = granted() ? __libc_realloc(old, size) : NULL;

    live += block != NULL && old == NULL;
    return block;
}

void free(void *block)
{
    live -= block != NULL;
    __libc_free(block);
}
#endif

static struct bit_problems problems;

static int whole_way(void)
{
    static const char text[] = "model { preset: 'olmo_20m' } data { train: ['a' 'b', 'c'] }"
                               "phases { switch { at_step: 3 } } eval { set { name: 'x' path: 'y' } }";
    ProtobufCMessage *msg = NULL;
    char *printed = NULL, *json = NULL;

    problems = (struct bit_problems){0};
    int err = bit_text_parse(&bit__run_spec__descriptor, text, sizeof text - 1, &msg, &problems);
    Bit__RunSpec *spec = (Bit__RunSpec *)msg;
    if (err == 0)
        err = bit_spec_set(spec, "data.train+=['q', 'r']", &problems);
    if (err == 0)
        err = bit_spec_normalise(spec, "/data", &problems);
    if (err == 0)
        err = bit_spec_validate(spec, &problems);
    if (err == 0)
        err = bit_text_print(msg, &printed, NULL);
    if (err == 0)
        err = bit_json_print(msg, &json, NULL);
    free(json);
    free(printed);
    bit_msg_free(msg);
    return err;
}

TEST(every_allocation_may_fail)
{
    if (!HAVE_OWN_MALLOC)
        SKIP("the sanitizer has the allocator");

    int err = -ENOMEM;
    for (long n = 0; err != 0 && n < 100000; n++) {
        long before = live;
        allowed = n;
        err = whole_way();
        allowed = -1;
        if (!EXPECT(err == 0 || err == -ENOMEM) || !EXPECT_EQ(live, before)) {
            fprintf(stderr, "    after %ld allocations\n", n);
            return;
        }
    }
    EXPECT_EQ(err, 0);
    EXPECT_EQ(problems.count, 0);
}

TEST_MAIN
