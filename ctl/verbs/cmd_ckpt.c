#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ctl/cli/options.h"
#include "ctl/client/change.h"
#include "ctl/client/checkpoint_of.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/show/table.h"
#include "ctl/verbs/ckpt_show.h"
#include "ctl/verbs/ckpt_verify.h"
#include "ctl/verbs/ckpt_word.h"
#include "ctl/verbs/verbs.h"
#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/format.h"
#include "proto/limits.h"

static const struct bit_option options[] = {
    {"force", 0, NULL, "With rm: also the newest checkpoint; a resume then starts further back."},
    {0},
};

static const char *kept_for(const Bit__CheckpointInfo *c)
{
    if (c->pinned)
        return c->pre_switch ? "pinned, before the switch" : "pinned";
    return c->pre_switch ? "before the switch" : "";
}

static const struct bit_table_column columns[] = {
    {"NAME"}, {"PHASE", .leave = 1},   {"SIZE", .right = true},
    {"KEPT"}, {"WRITTEN", .leave = 2}, {"WEIGHTS", .leave = 3},
};

static void add_row(struct bit_table *t, const Bit__CheckpointInfo *c)
{
    char bytes[BIT_TEXT], when[BIT_TEXT], digest[17];

    snprintf(digest, sizeof digest, "%016" PRIx64, c->weights_digest);
    const char *const cells[] = {c->name,     bit_text_precision(c->precision), bit_text_bytes((double)c->bytes, bytes),
                                 kept_for(c), bit_text_time(c->time_ns, when),  digest};
    bit_table_add(t, cells);
}

static int list(struct bit_cli *cli, const char *run)
{
    Bit__CheckpointListReply *reply = NULL;
    struct bit_table table;
    int code = bit_checkpoint_of_list(cli, run, &reply);

    if (code)
        return code;
    bit_table_init(&table, columns, BIT_COUNT(columns));
    for (size_t i = 0; i < reply->n_checkpoint; i++) {
        if (cli->json)
            bit_print_json(reply->checkpoint[i]);
        else if (cli->quiet)
            bit_show(stdout, "%s\n", reply->checkpoint[i]->path);
        else
            add_row(&table, reply->checkpoint[i]);
    }
    if (!cli->json && !cli->quiet)
        bit_table_print(stdout, &table, bit_terminal_columns(stdout), SIZE_MAX);
    bit_table_finish(&table);
    bit_msg_free(reply);
    return 0;
}

static int verify(struct bit_cli *cli, const char *what)
{
    char path[BIT_PATH_MAX];

    return bit_ckpt_word_is_folder(what) ? bit_ckpt_verify(cli, bit_ckpt_word_folder(what, path))
                                         : bit_ckpt_verify_of_run(cli, what);
}

static int for_each(struct bit_cli *cli, int count, char **what, int (*act)(struct bit_cli *cli, const char *what))
{
    int first = 0;

    for (int i = 0; i < count; i++) {
        int code = act(cli, what[i]);
        first = first ? first : code;
    }
    return first;
}

/* "8" or "step-00000008" */
static bool parse_step(const char *text, uint64_t *out)
{
    uint64_t step;
    const int64_t named = bit_checkpoint_step(text);

    if (named < 0 && !bit_parse_u64(text, &step))
        return false;
    *out = named < 0 ? step : (uint64_t)named;
    return true;
}

/* A folder, RUN, or RUN@STEP. The step follows the last '@' unless that is the first character: @last is a run. */
static int show(struct bit_cli *cli, const char *what)
{
    char path[BIT_PATH_MAX], run[BIT_PATH_MAX];
    uint64_t step;

    if (bit_ckpt_word_is_folder(what))
        return bit_ckpt_show(cli, bit_ckpt_word_folder(what, path));
    const char *at = strrchr(what, '@');
    bool has_step = at != NULL && at != what;
    snprintf(run, sizeof run, "%s", what);
    if (has_step && (size_t)(at - what) < sizeof run)
        run[at - what] = '\0';
    if (has_step && !parse_step(at + 1, &step))
        return bit_usage(&bit_cmd_ckpt, "'%s' is no step: 2000 or step-00002000", at + 1);
    return bit_ckpt_show_of_run(cli, run, has_step ? &step : NULL);
}

/* ---- pins and removals */

/* run becomes the id of the run that was changed. */
static int change(struct bit_cli *cli, const char *how, char *run, uint64_t step, bool force)
{
    Bit__CheckpointPinRequest pin = BIT__CHECKPOINT_PIN_REQUEST__INIT;
    Bit__CheckpointRemoveRequest remove = BIT__CHECKPOINT_REMOVE_REQUEST__INIT;

    if (strcmp(how, "rm") == 0) {
        remove.run = run;
        remove.step = step;
        remove.has_force = remove.force = force;
        return bit_change_send_found(cli, BIT_MSG_CHECKPOINT_REMOVE_REQUEST, &remove, run);
    }
    pin.run = run;
    pin.step = step;
    pin.has_unpin = pin.unpin = strcmp(how, "unpin") == 0;
    return bit_change_send_found(cli, BIT_MSG_CHECKPOINT_PIN_REQUEST, &pin, run);
}

/* words: RUN STEP... All steps are parsed before the first checkpoint is changed. */
static int change_all(struct bit_cli *cli, const char *how, int count, char **words, bool force)
{
    char run[BIT_NAME_MAX + BIT_RUN_ID_MAX];
    uint64_t step;
    int first = 0;

    if (count < 2)
        return bit_usage(&bit_cmd_ckpt, "%s which STEP of %s?", how, words[0]);
    for (int i = 1; i < count; i++)
        if (!parse_step(words[i], &step))
            return bit_usage(&bit_cmd_ckpt, "'%s' is no step: 2000 or step-00002000", words[i]);
    bit_format(run, sizeof run, "%s", words[0]);
    for (int i = 1; i < count; i++) {
        parse_step(words[i], &step);
        int code = change(cli, how, run, step, force);
        first = first ? first : code;
    }
    return first;
}

static int take_force(void *arg, int option, const char *value)
{
    *(bool *)arg = true;
    return 0;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    static const char *const subverbs[] = {"ls", "show", "verify", "pin", "unpin", "rm", NULL};
    bool force = false;
    struct bit_options o = {&bit_cmd_ckpt, cli, take_force, &force, .least = 1, .most = BIT_WORDS_MANY};
    const int code = bit_options_parse(&o, argc, argv);

    if (code >= 0)
        return code;
    const char *how = o.word[0];
    const int count = o.words - 1;
    char **words = o.word + 1;
    const bool removes = strcmp(how, "rm") == 0, lists = strcmp(how, "ls") == 0, shows = strcmp(how, "show") == 0;
    if (!removes && !lists && !shows && strcmp(how, "verify") != 0 && strcmp(how, "pin") != 0 &&
        strcmp(how, "unpin") != 0)
        return bit_usage_names(&bit_cmd_ckpt, "ckpt", how, subverbs);
    if (force && !removes)
        return bit_usage(&bit_cmd_ckpt, "--force is for rm only");
    if (count == 0)
        return bit_usage(&bit_cmd_ckpt, "which RUN?");
    if (lists && count > 1)
        return bit_usage(&bit_cmd_ckpt, "'%s' is one word too many", words[1]);
    if (lists)
        return list(cli, words[0]);
    if (shows)
        return for_each(cli, count, words, show);
    if (strcmp(how, "verify") == 0)
        return for_each(cli, count, words, verify);
    return change_all(cli, how, count, words, force);
}

static const struct bit_verb_object objects[] = {
    {&bit__checkpoint_info__descriptor, "ls: for each checkpoint"},
    {&bit__shown_checkpoint__descriptor, "show: for each checkpoint"},
    {&bit__checkpoint_verdict__descriptor, "verify: for each checkpoint, the bad ones too"},
    {&bit__done_reply__descriptor, "pin, unpin, rm: for each checkpoint"},
    {0},
};

const struct bit_cli_verb bit_cmd_ckpt = {
    .name = "ckpt",
    .summary = "list, show, verify, pin and remove a run's checkpoints",
    .synopsis =
        "ls RUN | show RUN[@STEP]|FOLDER... | verify RUN|FOLDER... | pin|unpin RUN STEP... | rm RUN STEP... [--force]",
    .description =
        "`ls` lists a run's checkpoints with phase, size, time, the digest of their weights and what keeps them.\n"
        "`show` describes a checkpoint: the newest of a run, or the one after STEP, or that of a folder, which\n"
        "needs no daemon. For each matrix it prints the share of its codes that are 0, and the scale of each\n"
        "segment, as the workers compute them from the weights; for a 16-bit checkpoint, what a switch would\n"
        "produce. The matrices' bytes are compared with their checksums.\n\n"
        "`verify` reads every byte and compares it with the manifest's checksums: of all checkpoints of runs, or\n"
        "of folders, which needs no daemon. A damaged one is named with file, chunk and offset, and the exit code\n"
        "is 65.\n\n"
        "A pinned checkpoint is kept until `unpin`, whatever checkpoint.keep_last says. Those that `bitctl\n"
        "checkpoint` wrote are pinned from the beginning. A pinned checkpoint is removed only if the guard goes\n"
        "back to a step before it, because its steps are then given up.\n\n"
        "`rm` removes a checkpoint that is not pinned. It refuses the newest, from which a resume starts, and\n"
        "prints what would be lost; --force removes it anyway. A checkpoint that another run still has to begin\n"
        "from stays.\n\n"
        "A STEP is 2000 or step-00002000. Each run, folder or STEP that is verified, pinned or removed gets a\n"
        "line; the exit code is the first that is not 0.",
    .options = options,
    .quiet = "ls: print only the folders, one per line; show: only the totals; verify: only the bad checkpoints.",
    .json = objects,
    .examples = "$ bitctl ckpt ls @last\n"
                "$ bitctl ckpt show @last\n"
                "$ bitctl ckpt verify @last\n"
                "$ bitctl ckpt verify ./step-00002000\n"
                "$ bitctl ckpt pin r7 2000 4000",
    .run = run,
};
