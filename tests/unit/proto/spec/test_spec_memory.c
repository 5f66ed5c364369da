/* A specification is parsed, changed, normalised, checked and printed, with every allocation failing in turn: each time
 * -ENOMEM, and no leak. */
#include <errno.h>

#include "proto/spec/spec.h"
#include "proto/wire/msg.h"
#include "tests/failing_malloc.h"
#include "tests/test.h"

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
    test_every_failure(whole_way);
    EXPECT_EQ(problems.count, 0);
}

TEST_MAIN
