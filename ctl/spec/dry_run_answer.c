#include "ctl/spec/dry_run_answer.h"

#include <stdio.h>

#include "ctl/show/dry_run.h"
#include "ctl/show/print.h"

void bit_dry_run_answer(const struct bit_cli *cli, const Bit__DryRunReply *reply)
{
    if (cli->json)
        bit_print_json(reply);
    else if (cli->quiet)
        bit_dry_run_print_warnings(stderr, reply);
    else
        bit_dry_run_print(stdout, reply);
}
