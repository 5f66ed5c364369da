#include "daemon/store/runs/stored_run.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/run/fork_peer.h"
#include "daemon/run/run_apply.h"
#include "daemon/store/journal/journal.h"
#include "daemon/sys/files/message_file.h"
#include "daemon/sys/settings/config.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/log.h"
#include "proto/spec/spec.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("stored_run");

#define FORK_BYTES_MAX (4u << 20)

/* It was checked at submission, but the file may be from somebody else or from another version. */
static int check_spec(Bit__RunSpec *spec, const char *path)
{
    struct bit_problems *problems = calloc(1, sizeof *problems);
    int err = problems == NULL ? bit_fail(-ENOMEM, "%s", path) : bit_spec_normalise(spec, "/", problems);

    if (err >= 0)
        err = bit_spec_validate(spec, problems);
    if (err < 0 && problems != NULL && problems->count > 0)
        bit_fail(BIT_ECORRUPT, "%s: %s: %s", path, problems->item[0].field, problems->item[0].text);
    free(problems);
    return err < 0 ? (err == -ENOMEM ? err : BIT_ECORRUPT) : 0;
}

int bit_stored_run_spec(const char *dir, Bit__RunSpec **out)
{
    char path[BIT_CONFIG_PATH_MAX + 64];

    snprintf(path, sizeof path, "%s/spec.pb", dir);
    ProtobufCMessage *msg = NULL;
    int err = bit_message_file_read(path, &bit__run_spec__descriptor, BIT_SPEC_BYTES_MAX, BIT_DECODE_BUDGET_MAX, &msg);
    if (err == 0)
        err = check_spec((Bit__RunSpec *)msg, path);
    if (err == 0)
        *out = (Bit__RunSpec *)msg;
    else
        bit_msg_free(msg);
    return err;
}

int bit_stored_run_fork(const char *dir, struct bit_run *run)
{
    char path[PATH_MAX];
    ProtobufCMessage *msg = NULL;

    snprintf(path, sizeof path, "%s/fork.pb", dir);
    int err = bit_message_file_read(path, &bit__fork_facts__descriptor, FORK_BYTES_MAX, BIT_DECODE_BUDGET_MAX, &msg);
    if (err == 0)
        err = bit_fork_peer_take(run, (const Bit__ForkFacts *)msg);
    if (err < 0 && err != -ENOENT) /* the run goes on without a comparison */
        bit_warn("not read", "path=%s text=%s", path, bit_fail_text());
    bit_msg_free(msg);
    return err == -ENOMEM ? err : 0;
}

static int replay_visit(void *arg, const Bit__JournalRecord *record)
{
    return bit_run_apply(arg, record);
}

int bit_stored_run_begin(const char *dir, uint64_t number, struct bit_run *out)
{
    Bit__RunSpec *spec = NULL;
    int err = bit_stored_run_spec(dir, &spec);

    if (err < 0)
        return err;
    bit_run_init(out, number, spec);
    err = bit_stored_run_fork(dir, out);
    if (err < 0)
        bit_run_finish(out);
    return err;
}

int bit_stored_run_replay(const char *dir, uint64_t number, uint64_t journal_bytes, struct bit_run *out)
{
    char path[BIT_CONFIG_PATH_MAX + 64];
    int err = bit_stored_run_begin(dir, number, out);

    if (err < 0)
        return err;
    snprintf(path, sizeof path, "%s/journal", dir);
    err = bit_journal_replay(path, journal_bytes, replay_visit, out);
    if (err < 0)
        bit_run_finish(out);
    return err;
}
