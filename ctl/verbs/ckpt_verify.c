#include "ctl/verbs/ckpt_verify.h"

#include <inttypes.h>
#include <stdio.h>

#include "ctl/cli/failure.h"
#include "ctl/client/checkpoint_of.h"
#include "ctl/client/run_word.h"
#include "ctl/show/print.h"
#include "ctl/show/progress_line.h"
#include "ctl/show/show.h"
#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire/msg.h"

/* err < 0: bit_fail noted the reason, and `manifest` is not used. */
static void print_verdict(const char *dir, const Bit__Manifest *manifest, int err)
{
    Bit__CheckpointVerdict m = BIT__CHECKPOINT_VERDICT__INIT;

    m.path = bit_lend(dir);
    m.good = err >= 0;
    if (err < 0) {
        m.has_error = m.has_exit_code = true;
        m.error = err;
        m.exit_code = bit_exit_code(err);
        m.name = bit_lend(bit_err_name(err));
        m.text = bit_lend(bit_fail_text());
    } else {
        m.has_step = m.has_precision = m.has_weights_digest = true;
        m.step = manifest->step;
        m.precision = manifest->phase->precision;
        m.weights_digest = manifest->weights_digest;
    }
    bit_print_json(&m);
}

/* c: of which run's list it is; NULL: a folder that the user named. */
static int verify_folder(struct bit_cli *cli, const char *dir, const char *run, const Bit__CheckpointInfo *c)
{
    struct bit_progress_line line = {.live = bit_terminal(stderr) && !cli->json && !cli->quiet, .what = dir};
    Bit__Manifest *manifest = NULL;
    int err = bit_manifest_read(dir, &manifest);

    if (err >= 0)
        err = bit_checkpoint_verify(dir, manifest, bit_progress_line_percent, &line);
    bit_progress_line_clear(&line);
    if (err < 0 && c != NULL && !bit_checkpoint_of_is_there(cli, run, c->step, err)) {
        if (!cli->quiet)
            bit_show(stderr, "bitctl: %s: removed meanwhile, as newer ones are kept\n", dir);
        err = 0;
    } else if (cli->json)
        print_verdict(dir, manifest, err);
    else if (err < 0)
        bit_failure_print(cli, err);
    else if (!cli->quiet)
        bit_show(stdout, "%s: good, after step %" PRIu64 ", %s, weights %016" PRIx64 "\n", dir, manifest->step,
                 bit_text_precision(manifest->phase->precision), manifest->weights_digest);
    bit_msg_free(manifest);
    return bit_exit_code(err);
}

int bit_ckpt_verify(struct bit_cli *cli, const char *folder)
{
    return verify_folder(cli, folder, NULL, NULL);
}

int bit_ckpt_verify_of_run(struct bit_cli *cli, const char *run)
{
    char id[BIT_RUN_ID_MAX];
    Bit__CheckpointListReply *list = NULL;
    int worst = 0, code = bit_run_word(cli, run, id);

    if (code == 0)
        code = bit_checkpoint_of_list(cli, id, &list);
    if (code)
        return code;
    for (size_t i = 0; i < list->n_checkpoint; i++) {
        code = verify_folder(cli, list->checkpoint[i]->path, id, list->checkpoint[i]);
        worst = code ? code : worst;
    }
    if (list->n_checkpoint == 0 && !cli->quiet && !cli->json)
        bit_show(stdout, "%s has no checkpoint yet\n", run);
    bit_msg_free(list);
    return worst;
}
