#include "ctl/cli/submit_options.h"

#include <stdio.h>
#include <string.h>

#include "ctl/cli/options.h"
#include "ctl/show/show.h"
#include "proto/check.h"

static int add_set(struct bit_submit_options *how, const char *value)
{
    if (how->set_count == BIT_SUBMIT_SETS_MAX)
        return bit_usage(how->verb, "--set may be given %d times at most", BIT_SUBMIT_SETS_MAX);
    how->set[how->set_count++] = value;
    return 0;
}

static bool *flag_of(struct bit_submit_options *how, const char *name)
{
    if (strcmp(name, "dry-run") == 0)
        return &how->dry_run;
    if (strcmp(name, "follow") == 0)
        return &how->follow;
    if (strcmp(name, "wait") == 0)
        return &how->wait;
    return strcmp(name, "paused") == 0 ? &how->paused : NULL;
}

int bit_submit_options_take(void *arg, int option, const char *value)
{
    struct bit_submit_options *how = arg;
    const char *name = how->verb->options[option].name;

    if (flag_of(how, name) != NULL) {
        *flag_of(how, name) = true;
        return 0;
    }
    if (strcmp(name, "set") == 0)
        return add_set(how, value);
    if (strcmp(name, "priority") == 0)
        return bit_queue_options_priority(how->verb, &how->queue, value);
    if (strcmp(name, "after") == 0)
        return bit_queue_options_after(how->verb, &how->queue, value);
    if (strcmp(name, "name") == 0) {
        how->name = value;
        return 0;
    }
    BIT_ASSERT(strcmp(name, "request-id") == 0);
    how->request_id = value;
    return 0;
}

int bit_submit_options_check(const struct bit_submit_options *how)
{
    if (how->follow + how->wait + how->dry_run > 1)
        return bit_usage(how->verb, "--dry-run, --follow and --wait exclude each other");
    return -1;
}

bool bit_submit_options_wants_sentence(const struct bit_cli *cli, const struct bit_submit_options *how, const char *id,
                                       const char *name, bool known)
{
    const bool repeated = known && how->request_id != NULL;

    if (cli->quiet)
        bit_show(stdout, "%s\n", id);
    else if (!cli->json && repeated)
        bit_show(stdout, "%s is %s, which exists already\n", name, id);
    return !cli->quiet && !cli->json && !repeated;
}
