#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "ctl/cli/queue_options.h"
#include "ctl/client/change.h"
#include "ctl/verbs/verbs.h"
#include "proto/err.h"
#include "proto/text/nearest.h"

enum { OPT_AT };
static const struct bit_option options[] = {
    {"at", 0, "STEP|+N",
     "From STEP on, the first step that is trained with it; or N steps after the earliest possible."},
    {0},
};

static int take_at(void *arg, int option, const char *value)
{
    Bit__ChangeRequest *ask = arg;
    const bool later = value[0] == '+';
    uint64_t step;

    if (!bit_parse_u64(value + later, &step) || (step == 0 && !later))
        return bit_usage(&bit_cmd_set, "--at takes a step from 1 on or +N, not '%s'", value);
    ask->has_later = later;
    ask->has_first_step = !later;
    *(later ? &ask->later : &ask->first_step) = step;
    return 0;
}

static const char *priority_of(const char *assignment)
{
    static const char key[] = "priority=";

    return strncmp(assignment, key, strlen(key)) == 0 ? assignment + strlen(key) : NULL;
}

/* A key without a dot is a short one or, more rarely, a field at the top of a specification. */
static int check_key(const char *assignment)
{
    static const char *const shorts[] = {"priority", "decay", "weight_decay", NULL};
    char key[BIT_NEAREST_WORD_MAX + 1], hint[BIT_NEAREST_HINT];
    const size_t bytes = strcspn(assignment, "+=");

    if (bytes >= sizeof key || memchr(assignment, '.', bytes) != NULL)
        return 0;
    snprintf(key, sizeof key, "%.*s", (int)bytes, assignment);
    for (size_t i = 0; shorts[i] != NULL; i++)
        if (strcmp(key, shorts[i]) == 0)
            return 0;
    if (protobuf_c_message_descriptor_get_field_by_name(&bit__run_spec__descriptor, key) != NULL ||
        *bit_nearest_hint(key, shorts, hint) == '\0')
        return 0; /* bitd suggests a field */
    return bit_usage(&bit_cmd_set, "there is no setting '%s'%s", key, hint);
}

/* The priority belongs to the queue, not to the specification, so it must be given alone. */
static int set_priority(struct bit_cli *cli, const Bit__ChangeRequest *ask, const char *value)
{
    Bit__PriorityRequest m = BIT__PRIORITY_REQUEST__INIT;
    struct bit_queue_options q = {0};

    if (ask->n_set > 1 || ask->has_first_step || ask->has_later)
        return bit_usage(&bit_cmd_set, "priority=N is no setting from a step on: give it alone, without --at");
    int code = bit_queue_options_priority(&bit_cmd_set, &q, value);
    if (code != 0)
        return code;
    m.run = ask->run;
    m.priority = q.priority;
    return bit_change_send(cli, BIT_MSG_PRIORITY_REQUEST, &m);
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    Bit__ChangeRequest ask = BIT__CHANGE_REQUEST__INIT;
    struct bit_options o = {&bit_cmd_set, cli, take_at, &ask, .least = 1, .most = BIT_WORDS_MANY};
    int code = bit_options_parse(&o, argc, argv);

    if (code >= 0)
        return code;
    ask.run = o.word[0];
    ask.set = o.word + 1;
    ask.n_set = (size_t)(o.words - 1);
    if (ask.n_set == 0)
        return bit_usage(&bit_cmd_set, "give a setting: KEY=VALUE, as in schedule.peak_lr=3e-4");
    for (size_t i = 0; i < ask.n_set && code < 0; i++)
        code = check_key(ask.set[i]) != 0 ? BIT_EXIT_USAGE : code;
    if (code >= 0)
        return code;
    for (size_t i = 0; i < ask.n_set; i++)
        if (priority_of(ask.set[i]) != NULL)
            return set_priority(cli, &ask, priority_of(ask.set[i]));
    return bit_change_send(cli, BIT_MSG_CHANGE_REQUEST, &ask);
}

static const struct bit_verb_object objects[] = {
    {&bit__done_reply__descriptor, "once it is journalled; step is the first that is trained with it; of priority=N "
                                   "the last one done"},
    {0},
};

const struct bit_cli_verb bit_cmd_set = {
    .name = "set",
    .summary = "change settings of a run while it runs, or its place in the queue",
    .synopsis = "RUN KEY=VALUE... [--at=STEP|+N] | RUN priority=N",
    .description =
        "Changes fields of the specification from a step on: the schedule (rate, shape, decay, length), weight\n"
        "decay, ramp and factor of the switch, the intervals of checkpoints and evaluations, the guard. Without\n"
        "--at it is the earliest step that bitd has not yet ordered. The change is journalled before this\n"
        "returns, and every rank trains that step with it or none does. A step that is repeated after a crash has\n"
        "the settings that it had before. What cannot be changed is refused with the reason, as are values that\n"
        "the rules of a specification do not allow: nothing is changed then.\n\n"
        "decay=N begins a decay: the run ends N steps later, and its learning rate falls linearly from its\n"
        "present value to the final one, whatever the schedule's shape was. weight_decay=X is the weight decay\n"
        "from then on, before a switch as after it. Both are journalled as the fields that they stand for.\n\n"
        "priority=N is the run's place in the queue from now on, as --priority of `bitctl submit`. For a run that\n"
        "trains or is paused it takes effect when the run is queued again; a run that has begun is never stopped\n"
        "for another. Only bitd's user, root and administrators may give one above 0.",
    .options = options,
    .quiet = "Print nothing; the exit code is the answer.",
    .json = objects,
    .examples = "$ bitctl set @last schedule.peak_lr=3e-4\n"
                "$ bitctl set @last weight_decay=0 --at +100\n"
                "$ bitctl set @last decay=6000\n"
                "$ bitctl set @last priority=10\n"
                "$ bitctl set @last checkpoint.every=500 guard.spike=SKIP_STEP",
    .run = run,
};
