#include <jansson.h>
#include <stdio.h>

#include "config.h"
#include "ctl/cli/options.h"
#include "ctl/client/connection.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/verbs/verbs.h"
#include "proto/err.h"
#include "proto/limits.h"

static const struct bit_option options[] = {{0}};

static void print_json(const Bit__VersionReply *daemon)
{
    json_t *m = json_pack("{s:{s:s, s:s, s:i}, s:n}", "bitctl", "version", BIT_VERSION, "commit", BIT_COMMIT,
                          "protocol", BIT_PROTOCOL_VERSION, "bitd");

    if (m != NULL && daemon != NULL)
        json_object_set_new(m, "bitd",
                            json_pack("{s:s, s:s, s:I, s:I, s:s, s:I}", "version", daemon->version, "commit",
                                      daemon->commit, "protocol", (json_int_t)daemon->protocol, "pid",
                                      (json_int_t)daemon->pid, "state_dir", daemon->state_dir, "rss_bytes",
                                      (json_int_t)daemon->rss_bytes));
    bit_show_json(m, 0);
    json_decref(m);
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct bit_options o = {.verb = &bit_cmd_version, .cli = cli};
    Bit__VersionRequest ask = BIT__VERSION_REQUEST__INIT;
    Bit__VersionReply *reply = NULL;
    struct bit_connection client;
    char rss[BIT_TEXT];

    int code = bit_options_end(&o, bit_options_next(&o, argc, argv), argc, argv, 0);
    if (code >= 0)
        return code;
    if (!cli->json)
        bit_show(stdout, "bitctl %s (%s), protocol %d\n", BIT_VERSION, BIT_COMMIT, BIT_PROTOCOL_VERSION);
    /* A client without a daemon still has a version. */
    if (bit_connection_open(&client, cli->socket) < 0) {
        if (cli->json)
            print_json(NULL);
        else
            bit_show(stdout, "bitd   does not answer: %s\n", bit_fail_text());
        return BIT_EXIT_UNAVAILABLE;
    }
    bit_connection_close(&client);
    code = bit_connection_ask(cli, BIT_MSG_VERSION_REQUEST, &ask, BIT_MSG_VERSION_REPLY, &reply);
    if (code)
        return code;
    if (cli->json)
        print_json(reply);
    else
        bit_show(stdout, "bitd   %s (%s), protocol %u, pid %u, %s resident, state in %s\n", reply->version,
                 reply->commit, reply->protocol, reply->pid, bit_text_bytes((double)reply->rss_bytes, rss),
                 reply->state_dir);
    bit_msg_free(reply);
    return 0;
}

const struct bit_cli_verb bit_cmd_version = {
    .name = "version",
    .summary = "versions of bitctl and of the daemon",
    .synopsis = "",
    .description = "Prints bitctl's version and commit, and the daemon's with its process, memory and state folder. "
                   "Without a daemon the exit code is 69.",
    .options = options,
    .examples = NULL,
    .run = run,
};
