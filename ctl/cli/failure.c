#include "ctl/cli/failure.h"

#include <stdio.h>

#include "ctl/show/print.h"
#include "ctl/show/show.h"
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
        bit_show(f, "bitctl: %s\n", *text ? text : bit_strerror(err));
    }
    return bit_exit_code(err);
}

int bit_failure_print(const struct bit_cli *cli, int err)
{
    return bit_failure_write(cli->json ? stdout : stderr, cli, err);
}

int bit_failure_print_reply(struct bit_cli *cli, const Bit__ErrorReply *error)
{
    if (cli->json) {
        Bit__ErrorReply named = *error;
        named.name = bit_lend(bit_err_name(error->error));
        bit_print_json(&named);
        return error->exit_code;
    }
    bit_show(stderr, "bitctl: %s\n", error->text);
    for (size_t i = 0; i < error->n_problem; i++) {
        const Bit__Problem *p = error->problem[i];
        bit_show(stderr, "  ");
        if (p->has_line)
            bit_show(stderr, "%u:%u: ", p->line, p->has_column ? p->column : 1);
        if (p->field && *p->field)
            bit_show(stderr, "%s: ", p->field);
        bit_show(stderr, "%s\n", p->text);
    }
    return error->exit_code;
}
