#include "ctl/client/change.h"
#include "ctl/verbs/verbs.h"

enum { OPT_AT, OPT_NOW, OPT_RESET, OPT_KEEP, OPT_CANCEL };
static const struct bit_option options[] = {
    {"at", 0, "STEP", "The last 16-bit step; STEP + 1 is the first ternary one."},
    {"now", 0, NULL, "At the earliest step that bitd has not yet ordered."},
    {"reset-optimizer", 0, NULL, "Zero Adam's moments and its step count at the switch."},
    {"keep-optimizer", 0, NULL, "Carry Adam's moments over."},
    {"cancel", 0, NULL, "No switch: the run stays in 16-bit."},
    {0},
};

static int set_optimizer(Bit__SwitchRequest *ask, Bit__OptimizerAtSwitch optimizer)
{
    if (ask->has_optimizer && ask->optimizer != optimizer)
        return bit_usage(&bit_cmd_switch, "--reset-optimizer and --keep-optimizer exclude each other");
    ask->has_optimizer = true;
    ask->optimizer = optimizer;
    return 0;
}

static int take_option(void *arg, int option, const char *value)
{
    Bit__SwitchRequest *ask = arg;

    switch (option) {
    case OPT_AT:
        ask->has_at_step = true;
        return bit_options_number(&bit_cmd_switch, option, value, 0, UINT64_MAX, &ask->at_step);
    case OPT_NOW:
        ask->has_now = ask->now = true;
        return 0;
    case OPT_CANCEL:
        ask->has_cancel = ask->cancel = true;
        return 0;
    case OPT_RESET:
        return set_optimizer(ask, BIT__OPTIMIZER_AT_SWITCH__RESET);
    default:
        return set_optimizer(ask, BIT__OPTIMIZER_AT_SWITCH__KEEP);
    }
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    Bit__SwitchRequest ask = BIT__SWITCH_REQUEST__INIT;
    struct bit_options o = {&bit_cmd_switch, cli, take_option, &ask, .least = 1, .most = 1};
    const int code = bit_options_parse(&o, argc, argv);

    if (code >= 0)
        return code;
    if (ask.has_at_step + ask.now + ask.cancel > 1)
        return bit_usage(&bit_cmd_switch, "--at, --now and --cancel exclude each other");
    if (!ask.has_at_step && !ask.now && !ask.cancel && !ask.has_optimizer)
        return bit_usage(&bit_cmd_switch, "give --at STEP, --now, --cancel, or what to do with the optimizer");
    return bit_change_each(&o, BIT_MSG_SWITCH_REQUEST, &ask);
}

static const struct bit_verb_object objects[] = {
    {&bit__done_reply__descriptor, "once it is journalled"},
    {0},
};

const struct bit_cli_verb bit_cmd_switch = {
    .name = "switch",
    .summary = "move the switch to 1.58 bits while the run runs",
    .synopsis = "RUN --at STEP | --now | --cancel [--reset-optimizer | --keep-optimizer]",
    .description =
        "Moves the step at which the run goes from 16-bit to ternary, or what happens to the optimizer there,\n"
        "without a restart. The change is journalled before this returns, and every rank takes the switch at the\n"
        "same step boundary or none does. The switch cannot be moved before a step that bitd has already ordered\n"
        "in 16-bit: the error names the earliest possible step. Learning rate and ramp follow the specification\n"
        "from wherever the switch ends up.",
    .options = options,
    .quiet = "Print nothing; the exit code is the answer.",
    .json = objects,
    .examples = "$ bitctl switch @last --at 4000\n"
                "$ bitctl switch @last --at 6000 --reset-optimizer\n"
                "$ bitctl switch @last --now",
    .run = run,
};
