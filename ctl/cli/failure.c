#include "ctl/cli/failure.h"

#include <stdbool.h>
#include <stdio.h>

#include "ctl/show/fold.h"
#include "ctl/show/print.h"
#include "proto/check.h"
#include "proto/err.h"

int bit_failure_write(FILE *f, const struct bit_cli *cli, int err)
{
    const char *text = bit_fail_text();

    if (cli->json) {
        Bit__ErrorReply reply = BIT__ERROR_REPLY__INIT;
        reply.error = err;
        reply.exit_code = bit_exit_code(err);
        reply.text = bit_lend(*text ? text : bit_strerror(err));
        reply.name = bit_lend(bit_err_name(err));
        bit_write_json(f, &reply);
    } else {
        bit_fold_show(f, "bitctl: %s\n", *text ? text : bit_strerror(err));
    }
    return bit_exit_code(err);
}

int bit_failure_print(const struct bit_cli *cli, int err)
{
    return bit_failure_write(cli->json ? stdout : stderr, cli, err);
}

static void print_problem(const Bit__Problem *p)
{
    const bool field = p->field != NULL && *p->field != '\0';
    char place[32] = "";

    if (p->has_line)
        snprintf(place, sizeof place, "%u:%u: ", p->line, p->has_column ? p->column : 1);
    bit_fold_show(stderr, "  %s%s%s%s\n", place, field ? p->field : "", field ? ": " : "", p->text);
}

int bit_failure_print_reply(struct bit_cli *cli, const Bit__ErrorReply *error)
{
    if (cli->json) {
        Bit__ErrorReply named = *error;
        named.name = bit_lend(bit_err_name(error->error));
        bit_print_json(&named);
        return error->exit_code;
    }
    bit_fold_show(stderr, "bitctl: %s\n", error->text);
    for (size_t i = 0; i < error->n_problem; i++)
        print_problem(error->problem[i]);
    return error->exit_code;
}
