#include "ctl/spec/local_check.h"

#include <stdio.h>
#include <stdlib.h>

#include "ctl/cli/failure.h"
#include "ctl/spec/dry_run_answer.h"
#include "ctl/spec/plan_child.h"
#include "proto/check.h"
#include "proto/dryrun/dry_reply.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/state_folder.h"

static void print(struct bit_cli *cli, const Bit__RunSpec *spec, Bit__DryRunReply *m)
{
    char *unchecked[] = {
        bit_lend("bitd's settings, such as where checkpoints are stored and what its users may pass to Slurm"),
        bit_lend("Slurm: its partitions, accounts and limits"),
    };

    m->unchecked = unchecked;
    m->n_unchecked = spec->launch->launcher == BIT__LAUNCHER__MPIRUN ? 1 : 2;
    bit_dry_run_answer(cli, m);
}

/* The files are in order: does the plan fit the memory? */
static int check_memory(struct bit_cli *cli, struct bit_spec_file *f, const struct bit_plan_answer *plan)
{
    if (plan->refused)
        return bit_failure_print(cli, bit_fail(BIT_ESPEC, "%s", plan->text));
    if (bit_plan_answer_fits(plan, f->normal->launch) < 0)
        return bit_failure_print(cli, BIT_EMEMORY);
    return 0;
}

static int show(struct bit_cli *cli, struct bit_spec_file *f, const struct bit_token_look *tokens,
                const struct bit_problems *notes)
{
    char state[BIT_PATH_MAX];
    struct bit_plan_answer plan;
    struct bit_dry_reply reply;

    bit_state_folder_default(state, sizeof state);
    bit_plan_child_ask(f->normal, &plan);
    int code = check_memory(cli, f, &plan);
    if (code == 0) {
        const struct bit_dry_facts facts = {.tokens = tokens, .notes = notes, .plan = &plan, .state = state};
        int err = bit_dry_reply_make(&reply, f->normal, &facts);
        if (err < 0)
            code = bit_failure_print(cli, err);
        else
            print(cli, f->normal, &reply.m);
    }
    bit_plan_answer_finish(&plan);
    return code;
}

int bit_local_check(struct bit_cli *cli, struct bit_spec_file *f)
{
    struct bit_problems *notes = calloc(1, sizeof *notes);
    struct bit_token_look tokens;

    if (notes == NULL)
        return bit_failure_print(cli, bit_fail(-ENOMEM, "a dry run"));
    int err = bit_spec_file_look(f, true, &tokens, notes);
    int code = err < 0 ? bit_spec_file_refuse(cli, f, err) : show(cli, f, &tokens, notes);
    free(notes);
    return code;
}
