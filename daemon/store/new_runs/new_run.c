#include "daemon/store/new_runs/new_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "daemon/store/board/board_folders.h"
#include "daemon/store/new_runs/fork_origin.h"
#include "daemon/store/new_runs/fork_place.h"
#include "daemon/store/runs/run_numbers.h"
#include "daemon/store/runs/runs.h"
#include "daemon/sys/files/fileio.h"
#include "proto/err.h"
#include "proto/log.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("new_run");

#define FACTS_BYTES_MAX (16u << 20)

/* Every bitd has ids such as r3; this identity is unique. */
static int draw_identity(char out[BIT_RUN_IDENTITY + 1])
{
    uint8_t random[BIT_RUN_IDENTITY / 2];

    if (getrandom(random, sizeof random, 0) != sizeof random)
        return bit_fail(-errno, "the identity of a run: getrandom");
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(out + 2 * i, 3, "%02x", random[i]);
    return 0;
}

static int record_submitted(struct bit_runner *r, const Bit__RunSubmitted *asked, const struct bit_fork_origin *fork)
{
    char identity[BIT_RUN_IDENTITY + 1];
    Bit__RunSubmitted m = *asked;
    int err = draw_identity(identity);

    if (err < 0)
        return err;
    m.identity = identity;
    m.run = r->run.id;
    m.fork = fork != NULL ? (Bit__ForkOrigin *)(uintptr_t)&fork->m : NULL;
    return bit_try_record(r, SUBMITTED, submitted, &m);
}

static int copy_facts(const char *from, const struct bit_runner *r)
{
    int err = bit_file_copy(from, r->dir, "data.pb", FACTS_BYTES_MAX);

    return err == 0 ? bit_file_copy(from, r->dir, "init.pb", FACTS_BYTES_MAX) : err;
}

int bit_new_run_make(struct bit_runs *runs, Bit__RunSpec *spec, const Bit__RunSubmitted *asked,
                     const struct bit_fork_origin *fork, const char *facts, struct bit_runner **out)
{
    struct bit_runner *r = NULL;
    int err = bit_runs_check_room(runs, asked->uid); /* again: others may have been checked at the same time */

    if (err < 0) {
        bit_msg_free(spec);
        return err;
    }
    err = bit_runner_create(runs, runs->next_number, spec, &r);
    if (err < 0)
        return err;
    if (fork != NULL)
        err = bit_fork_place(fork, r);
    if (err == 0 && facts != NULL)
        err = copy_facts(facts, r);
    if (err == 0)
        err = record_submitted(r, asked, fork);
    if (err == 0) /* before the number is reported */
        err = bit_run_numbers_keep(runs->env->config->state, runs->next_number);
    if (err == 0)
        err = bit_runs_append(runs, r);
    if (err < 0) {
        bit_dir_remove(r->dir);
        bit_runner_destroy(r);
        return err;
    }
    runs->next_number++;
    bit_board_folders_add(runs->env->config->state, &r->run);
    bit_info("submitted", "run=%s name=%s uid=%u", r->run.id, r->run.spec->name ? r->run.spec->name : r->run.id,
             asked->uid);
    *out = r;
    return 0;
}
