#include "ctl/client/remove_run.h"

#include <stdio.h>

#include "ctl/client/connection.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "proto/check.h"

static void print(const Bit__RemovedReply *m)
{
    char bytes[BIT_TEXT];

    if (!m->has_bytes)
        bit_show(stdout, "%s: removed", m->run);
    else
        bit_show(stdout, m->dry_run ? "%s: would free %s" : "%s: removed, %s freed", m->run,
                 bit_text_bytes((double)m->bytes, bytes));
    bit_show(stdout, "%s%s\n", m->text ? "; " : "", m->text ? m->text : "");
}

void bit_remove_run(struct bit_cli *cli, const char *run, struct bit_remove_run *so_far)
{
    Bit__RemoveRequest ask = BIT__REMOVE_REQUEST__INIT;
    Bit__RemovedReply *reply = NULL;
    char id[40];

    bit_request_id(id);
    ask.run = bit_lend(run);
    ask.request_id = id;
    ask.has_dry_run = ask.dry_run = so_far->dry_run;
    ask.has_force = ask.force = so_far->force;
    ask.has_with_sweep = ask.with_sweep = so_far->with_sweep;
    int code = bit_connection_ask(cli, BIT_MSG_REMOVE_REQUEST, &ask, BIT_MSG_REMOVED_REPLY, &reply);
    so_far->exit_code = so_far->exit_code ? so_far->exit_code : code;
    if (code)
        return;
    so_far->count++;
    so_far->bytes += reply->bytes;
    if (cli->json && !so_far->unsaid)
        bit_print_json(reply);
    else if (!cli->quiet && !so_far->unsaid)
        print(reply);
    bit_msg_free(reply);
}

void bit_remove_run_sum(struct bit_cli *cli, const struct bit_remove_run *so_far)
{
    char bytes[BIT_TEXT];

    if (!cli->json && !cli->quiet && so_far->count > 1)
        bit_show(stdout, so_far->dry_run ? "%u runs would free %s\n" : "%u runs removed, %s freed\n", so_far->count,
                 bit_text_bytes((double)so_far->bytes, bytes));
}
