#include "ctl/cli/queue_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/cli/options.h"
#include "proto/check.h"

int bit_queue_options_priority(const struct bit_cli_verb *verb, struct bit_queue_options *q, const char *value)
{
    char *end;

    errno = 0;
    const long priority = strtol(value, &end, 10);
    if (end == value || *end != '\0' || errno != 0 || priority < -BIT_PRIORITY_MAX || priority > BIT_PRIORITY_MAX)
        return bit_usage(verb, "priority takes a number from -%d to %d, not '%s'", BIT_PRIORITY_MAX, BIT_PRIORITY_MAX,
                         value);
    q->has_priority = true;
    q->priority = (int32_t)priority;
    return 0;
}

int bit_queue_options_after(const struct bit_cli_verb *verb, struct bit_queue_options *q, const char *value)
{
    if (value[0] == '\0' || strcmp(value, "ok:") == 0)
        return bit_usage(verb, "--after takes a run, as in --after r7 or --after ok:r7");
    if (q->after_count == BIT_AFTER_MAX)
        return bit_usage(verb, "--after may be given %d times at most", BIT_AFTER_MAX);
    q->after[q->after_count++] = bit_lend(value);
    return 0;
}
