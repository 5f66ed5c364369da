#include <stdio.h>

#include "config.h"
#include "ctl/cli/options.h"
#include "ctl/client/connection.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/verbs/verbs.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"

static const struct bit_option options[] = {{0}};

static void print_json(Bit__VersionReply *daemon)
{
    Bit__ProgramVersion own = BIT__PROGRAM_VERSION__INIT;
    Bit__Versions m = BIT__VERSIONS__INIT;

    own.version = bit_lend(BIT_VERSION);
    own.commit = bit_lend(BIT_COMMIT);
    own.protocol = BIT_PROTOCOL_VERSION;
    m.bitctl = &own;
    m.bitd = daemon;
    bit_print_json(&m);
}

static void print_daemon(const Bit__VersionReply *d)
{
    char rss[BIT_TEXT];

    bit_show(stdout, "bitd   %s (%s), protocol %u, pid %u, %s resident, state in %s\n", d->version, d->commit,
             d->protocol, d->pid, bit_text_bytes((double)d->rss_bytes, rss), d->state_dir);
    for (size_t i = 0; i < d->n_socket; i++)
        bit_show(stdout, "       %s %s\n", i == 0 ? "listens on" : "       and", d->socket[i]);
    for (size_t i = 0; i < d->n_product; i++)
        bit_show(stdout, "       knows the fastest algorithms of %u matrix products on %s (%u not the first)\n",
                 d->product[i]->products, d->product[i]->card, d->product[i]->not_first);
}

/* bitctl's own version is printed without a daemon, too. */
static int print_alone(const struct bit_cli *cli)
{
    if (cli->json)
        print_json(NULL);
    else
        bit_show(stdout, "bitd   does not answer: %s\n", bit_fail_text());
    return BIT_EXIT_UNAVAILABLE;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct bit_options o = {&bit_cmd_version, cli, .most = 0};
    Bit__VersionRequest ask = BIT__VERSION_REQUEST__INIT;
    Bit__VersionReply *reply = NULL;
    struct bit_connection client;
    int code = bit_options_parse(&o, argc, argv);

    if (code >= 0)
        return code;
    if (!cli->json)
        bit_show(stdout, "bitctl %s (%s), protocol %d\n", BIT_VERSION, BIT_COMMIT, BIT_PROTOCOL_VERSION);
    if (bit_connection_open(&client, cli->socket) < 0)
        return print_alone(cli);
    bit_connection_close(&client);
    code = bit_connection_ask(cli, BIT_MSG_VERSION_REQUEST, &ask, BIT_MSG_VERSION_REPLY, &reply);
    if (code)
        return code;
    if (cli->json)
        print_json(reply);
    else
        print_daemon(reply);
    bit_msg_free(reply);
    return 0;
}

static const struct bit_verb_object objects[] = {
    {&bit__versions__descriptor, "once"},
    {0},
};

const struct bit_cli_verb bit_cmd_version = {
    .name = "version",
    .summary = "versions of bitctl and of the daemon",
    .synopsis = "",
    .description =
        "Prints bitctl's version and commit, and the daemon's with its process, memory, state folder and the\n"
        "sockets by which it can be reached, and of how many matrix products it knows the fastest algorithm, by\n"
        "card, driver and library (`launch.search_products`): removing the file `products` in its state folder\n"
        "forgets them. Without a daemon the exit code is 69.",
    .options = options,
    .quiet = "Leaves nothing out.",
    .json = objects,
    .examples = "$ bitctl version",
    .run = run,
};
