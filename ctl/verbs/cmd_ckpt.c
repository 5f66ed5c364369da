#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/cli/failure.h"
#include "ctl/cli/options.h"
#include "ctl/client/connection.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/verbs/verbs.h"
#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/err.h"
#include "proto/limits.h"

static const struct bit_option options[] = {{0}};

static int fetch(struct bit_cli *cli, const char *run, Bit__CheckpointListReply **list)
{
    Bit__CheckpointListRequest ask = BIT__CHECKPOINT_LIST_REQUEST__INIT;

    ask.run = bit_lend(run);
    return bit_connection_ask(cli, BIT_MSG_CHECKPOINT_LIST_REQUEST, &ask, BIT_MSG_CHECKPOINT_LIST_REPLY, list);
}

static int list(struct bit_cli *cli, const char *run)
{
    Bit__CheckpointListReply *reply = NULL;
    char bytes[BIT_TEXT], when[BIT_TEXT];
    int code = fetch(cli, run, &reply);

    if (code)
        return code;
    if (!cli->json && !cli->quiet)
        bit_show(stdout, "%-16s %-9s %10s  %-19s  %-16s  %s\n", "NAME", "PHASE", "SIZE", "WRITTEN", "WEIGHTS", "");
    for (size_t i = 0; i < reply->n_checkpoint; i++) {
        const Bit__CheckpointInfo *c = reply->checkpoint[i];
        if (cli->json)
            bit_print_json(c);
        else if (cli->quiet)
            bit_show(stdout, "%s\n", c->path);
        else
            bit_show(stdout, "%-16s %-9s %10s  %-19s  %016" PRIx64 "  %s\n", c->name, bit_text_precision(c->precision),
                     bit_text_bytes((double)c->bytes, bytes), bit_text_time(c->time_ns, when), c->weights_digest,
                     c->pre_switch ? "before the switch" : "");
    }
    bit_msg_free(reply);
    return 0;
}

static void progress(void *arg, uint64_t done, uint64_t all)
{
    const char *dir = arg;

    if (isatty(STDERR_FILENO))
        bit_show(stderr, "\r\033[K%s %3.0f%%", dir, all ? 100.0 * (double)done / (double)all : 100.0);
}

static int verify_folder(struct bit_cli *cli, const char *dir)
{
    Bit__Manifest *manifest = NULL;
    int err = bit_manifest_read(dir, &manifest);

    if (err >= 0)
        err = bit_checkpoint_verify(dir, manifest, cli->json || cli->quiet ? NULL : progress, bit_lend(dir));
    if (isatty(STDERR_FILENO) && !cli->json && !cli->quiet)
        bit_show(stderr, "\r\033[K");
    if (err < 0) {
        bit_msg_free(manifest);
        return bit_failure_print(cli, err);
    }
    if (cli->json) {
        char weights[17];
        snprintf(weights, sizeof weights, "%016" PRIx64, manifest->weights_digest);
        const bool ternary = manifest->phase->precision == BIT__PRECISION__TERNARY;
        json_t *m = json_pack("{s:s, s:b, s:I, s:s, s:s}", "path", dir, "good", 1, "step", (json_int_t)manifest->step,
                              "precision", ternary ? "ternary" : "sixteen_bit", "weights_digest", weights);
        bit_show_json(m, 0);
        json_decref(m);
    } else if (!cli->quiet)
        bit_show(stdout, "%s: good, after step %" PRIu64 ", %s, weights %016" PRIx64 "\n", dir, manifest->step,
                 bit_text_precision(manifest->phase->precision), manifest->weights_digest);
    bit_msg_free(manifest);
    return 0;
}

static int verify(struct bit_cli *cli, const char *what)
{
    char path[BIT_PATH_MAX];
    Bit__CheckpointListReply *reply = NULL;
    int worst = 0;

    /* A checkpoint's folder needs no daemon. */
    snprintf(path, sizeof path, "%s/%s", what, BIT_CHECKPOINT_MANIFEST);
    struct stat st;
    if (strchr(what, '/') || stat(path, &st) == 0)
        return verify_folder(cli, what);
    int code = fetch(cli, what, &reply);
    if (code)
        return code;
    for (size_t i = 0; i < reply->n_checkpoint; i++) {
        code = verify_folder(cli, reply->checkpoint[i]->path);
        worst = code ? code : worst;
    }
    if (reply->n_checkpoint == 0 && !cli->quiet && !cli->json)
        bit_show(stdout, "%s has no checkpoint yet\n", what);
    bit_msg_free(reply);
    return worst;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct bit_options o = {.verb = &bit_cmd_ckpt, .cli = cli};
    int code = bit_options_end(&o, bit_options_next(&o, argc, argv), argc, argv, 2);

    if (code >= 0)
        return code;
    if (strcmp(argv[o.rest], "ls") == 0)
        return list(cli, argv[o.rest + 1]);
    if (strcmp(argv[o.rest], "verify") == 0)
        return verify(cli, argv[o.rest + 1]);
    return bit_usage(&bit_cmd_ckpt, "'%s' is neither ls nor verify", argv[o.rest]);
}

const struct bit_cli_verb bit_cmd_ckpt = {
    .name = "ckpt",
    .summary = "list a run's checkpoints, or verify every byte of them",
    .synopsis = "ls RUN | verify RUN | verify FOLDER",
    .description =
        "`ls` lists a run's checkpoints with phase, size, time and the digest of their weights. `verify` reads\n"
        "every byte and compares it with the manifest's checksums: of all checkpoints of a run, or of one folder,\n"
        "for which no daemon is needed. A damaged one is named with file, chunk and offset, and the exit code is\n"
        "65.",
    .options = options,
    .examples = "$ bitctl ckpt ls @last\n"
                "$ bitctl ckpt verify @last\n"
                "$ bitctl ckpt verify ./step-00002000",
    .run = run,
};
