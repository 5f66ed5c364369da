#include "ctl/client/change.h"
#include "ctl/verbs/verbs.h"

enum { OPT_FROM, OPT_STEPS, OPT_STRETCH, OPT_SKIP, OPT_FORCE, OPT_RANKS, OPT_NO_WAIT };
static const struct bit_option options[] = {
    {"from", 0, "STEP",
     "From the checkpoint of STEP. The steps after it are forgotten, and their checkpoints removed; without this, "
     "those after the newest good checkpoint are done again and compared with the journal."},
    {"steps", 0, "N",
     "Train to step N instead. The learning rates that were planned stay: the cosine ends where it ended, and steps "
     "after its end have its last rate."},
    {"stretch", 0, NULL, "With --steps: the cosine ends at step N, too; learning rates change from here on."},
    {"skip", 0, "N", "Leave out the N batches after the checkpoint: for a run that its guard stopped at one of them."},
    {"force", 0, NULL, "Continue although a token file has changed since the run began."},
    {"ranks", 'n', "N", "Continue with N ranks instead. The batches stay the same; sums are added in another order."},
    {"no-wait", 0, NULL, BIT_NO_WAIT_HELP},
    {0},
};

static int take_number(int option, const char *value, uint64_t *out)
{
    return bit_options_number(&bit_cmd_resume, option, value, 1, UINT64_MAX, out);
}

static int take_ranks(Bit__ResumeRequest *ask, const char *value)
{
    uint64_t ranks = 0;
    int code = bit_options_number(&bit_cmd_resume, OPT_RANKS, value, 1, UINT32_MAX, &ranks);

    ask->has_ranks = true;
    ask->ranks = (uint32_t)ranks;
    return code;
}

static int take_option(void *arg, int option, const char *value)
{
    Bit__ResumeRequest *ask = arg;

    switch (option) {
    case OPT_FROM:
        ask->has_from_step = true;
        return take_number(option, value, &ask->from_step);
    case OPT_STEPS:
        ask->has_steps = true;
        return take_number(option, value, &ask->steps);
    case OPT_STRETCH:
        ask->has_stretch = ask->stretch = true;
        return 0;
    case OPT_SKIP:
        ask->has_skip = true;
        return take_number(option, value, &ask->skip);
    case OPT_FORCE:
        ask->has_force = ask->force = true;
        return 0;
    case OPT_RANKS:
        return take_ranks(ask, value);
    default:
        return bit_change_take_no_wait(ask, option, value);
    }
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    Bit__ResumeRequest ask = BIT__RESUME_REQUEST__INIT;
    struct bit_options o = {&bit_cmd_resume, cli, take_option, &ask, .least = 1, .most = BIT_WORDS_MANY};
    const int code = bit_options_parse(&o, argc, argv);

    return code < 0 ? bit_change_each(&o, BIT_MSG_RESUME_REQUEST, &ask) : code;
}

static const struct bit_verb_object objects[] = {
    {&bit__done_reply__descriptor, "once the run trains, is queued, or its launch has failed and is tried again"},
    {&bit__sweep_reply__descriptor, "for a sweep"},
    {0},
};

const struct bit_cli_verb bit_cmd_resume = {
    .name = "resume",
    .summary = "continue a run: paused, failed, cancelled, stopped, or completed with more steps",
    .synopsis = "RUN|SWEEP... [--from=STEP] [--steps=N [--stretch]] [--skip=N] [--force] [--ranks=N] [--no-wait]",
    .description =
        "Starts a run again that is paused or has ended, from its newest good checkpoint, or from the beginning\n"
        "if it has none: with its optimizer, its position in the data and its schedule, so that it ends as if\n"
        "nothing had happened. Prints why it had ended, where it continues, and how many steps are repeated. A\n"
        "completed run needs --steps.\n\n"
        "Returns once the run is training, or queued when every slot is taken; or when its launch has failed,\n"
        "with the reason and when the next one is tried. A token file that was touched is compared with its\n"
        "checksum in dataset.json: if the bytes are the same, the run is resumed. If they differ, or no checksum\n"
        "was known, it is resumed only with --force.\n\n" BIT_EACH_RUN_HELP "\n\n" BIT_SWEEP_TOO_HELP,
    .options = options,
    .quiet = "Print nothing; the exit code is the answer.",
    .json = objects,
    .examples = "$ bitctl resume @last\n"
                "$ bitctl resume r7 --from 2000\n"
                "$ bitctl resume r7 --steps 20000\n"
                "$ bitctl resume @last --ranks 16\n",
    .run = run,
};
