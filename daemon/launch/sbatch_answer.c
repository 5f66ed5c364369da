#include "daemon/launch/sbatch_answer.h"

#include <stdbool.h>
#include <string.h>

#include "proto/check.h"
#include "proto/format.h"

static bool says_any(const char *text, const char *const *what, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strstr(text, what[i]) != NULL)
            return true;
    return false;
}

static const char *skip_prefixes(const char *line)
{
    static const char *const prefixes[] = {
        "sbatch: ", "error: ", "fatal: ", "allocation failure: ", "Batch job submission failed: "};

    for (size_t i = 0; i < BIT_COUNT(prefixes); i++)
        if (strncmp(line, prefixes[i], strlen(prefixes[i])) == 0)
            line += strlen(prefixes[i]);
    return line;
}

/* sbatch's lines without their common prefixes. */
static void join_lines(const char *said, char *text, size_t room)
{
    text[0] = '\0';
    for (const char *line = said; *line != '\0';) {
        const size_t bytes = strcspn(line, "\n");
        const char *begin = skip_prefixes(line);
        const size_t left = begin < line + bytes ? (size_t)(line + bytes - begin) : 0;
        if (left > 0 && strncmp(begin, "Try \"sbatch", 11) != 0)
            bit_format_more(text, room, "%s%.*s", text[0] ? "; " : "", bit_format_fit(begin, left), begin);
        line += bytes + (line[bytes] == '\n');
    }
}

enum bit_sbatch_answer bit_sbatch_answer_read(const struct bit_child_output *r, char *text, size_t room)
{
    static const char *const later[] = {
        "Unable to contact slurm controller",
        "Socket timed out",
        "onnection failure",
        "Zero Bytes were transmitted",
        "temporarily",
        "controller in standby",
        "slurm_persist_conn",
        "Protocol authentication error",
        "MaxSubmitJob", /* the user's limit of jobs */
        "configuration source",
        "configuration file",
        "Unable to resolve", /* Slurm is installed, but not set up here */
    };
    static const char *const no_nodes[] = {"node configuration is not available", "node count specification invalid"};

    text[0] = '\0';
    if (bit_child_output_ok(r))
        return BIT_SBATCH_TAKEN;
    if (r->spawn_err == 0 && !r->late && r->signal == 0)
        join_lines((const char *)r->err, text, room);
    if (text[0] == '\0') {
        bit_child_output_explain(r, "sbatch", text, room);
        return r->status != 0 && r->spawn_err == 0 && !r->late && r->signal == 0 ? BIT_SBATCH_REFUSED
                                                                                 : BIT_SBATCH_NOT_NOW;
    }
    if (says_any(text, later, BIT_COUNT(later)))
        return BIT_SBATCH_NOT_NOW;
    return says_any(text, no_nodes, BIT_COUNT(no_nodes)) ? BIT_SBATCH_NO_NODES : BIT_SBATCH_REFUSED;
}
