#include "daemon/launch/sbatch_answer.h"

#include <string.h>

#include "proto/check.h"
#include "tests/test.h"

static enum bit_sbatch_answer read_answer(int64_t status, const char *err, char text[256])
{
    const struct bit_child_output r = {
        .status = status, .err = (const uint8_t *)err, .err_bytes = strlen(err), .out = (const uint8_t *)""};

    return bit_sbatch_answer_read(&r, text, 256);
}

TEST(a_refusal_is_told_from_what_passes)
{
    static const struct {
        int64_t status;
        const char *err;
        enum bit_sbatch_answer answer;
        const char *text;
    } cases[] = {
        {0, "sbatch: Job 1 to start at 2026-11-30T01:34:08 using 1 processors on nodes n1 in partition main\n",
         BIT_SBATCH_TAKEN, ""},
        {1,
         "sbatch: error: invalid partition specified: nowhere\nallocation failure: Invalid partition name specified\n",
         BIT_SBATCH_REFUSED, "invalid partition specified: nowhere; Invalid partition name specified"},
        {1,
         "sbatch: error: invalid partition specified: nowhere\n"
         "sbatch: error: Batch job submission failed: Invalid partition name specified\n",
         BIT_SBATCH_REFUSED, "invalid partition specified: nowhere; Invalid partition name specified"},
        {255, "sbatch: unrecognized option '--bogus'\nTry \"sbatch --help\" for more information\n", BIT_SBATCH_REFUSED,
         "unrecognized option '--bogus'"},
        {1, "allocation failure: Requested node configuration is not available\n", BIT_SBATCH_NO_NODES,
         "Requested node configuration is not available"},
        {1, "allocation failure: Unable to contact slurm controller (connect failure)\n", BIT_SBATCH_NOT_NOW,
         "Unable to contact slurm controller (connect failure)"},
        {1,
         "sbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: Job violates "
         "accounting/QOS policy (job submit limit, user's size and/or time limits)\n",
         BIT_SBATCH_NOT_NOW,
         "AssocMaxSubmitJobLimit; Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"},
        {1,
         "sbatch: error: fetch_config: DNS SRV lookup failed\nsbatch: error: _establish_config_source: failed to fetch "
         "config\nsbatch: fatal: Could not establish a configuration source\n",
         BIT_SBATCH_NOT_NOW,
         "fetch_config: DNS SRV lookup failed; _establish_config_source: failed to fetch config; Could not establish a "
         "configuration source"},
        {1, "", BIT_SBATCH_REFUSED, "sbatch ended with 1 and printed nothing"},
    };
    char text[256];

    for (size_t i = 0; i < BIT_COUNT(cases); i++) {
        EXPECT_EQ(read_answer(cases[i].status, cases[i].err, text), cases[i].answer);
        EXPECT_STREQ(text, cases[i].text);
    }
}

TEST(an_sbatch_that_did_not_end_by_itself_says_nothing)
{
    char text[256];
    const struct bit_child_output gone = {.spawn_err = -ENOENT, .err = (const uint8_t *)"", .out = (const uint8_t *)""};
    const struct bit_child_output late = {
        .late = true, .signal = 9, .err = (const uint8_t *)"", .out = (const uint8_t *)""};

    EXPECT_EQ(bit_sbatch_answer_read(&gone, text, sizeof text), BIT_SBATCH_NOT_NOW);
    EXPECT_CONTAINS(text, "No such file");
    EXPECT_EQ(bit_sbatch_answer_read(&late, text, sizeof text), BIT_SBATCH_NOT_NOW);
    EXPECT_CONTAINS(text, "took too long");
}

TEST_MAIN
