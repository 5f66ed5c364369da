#include "ctl/spec/sweep_text.h"

#include <stdlib.h>

#include "ctl/cli/failure.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/spec/spec.h"
#include "proto/text/text.h"

static int print_text(const struct bit_cli *cli, const Bit__SweepReply *s, const Bit__SweepSpec *spec)
{
    char *text = NULL;
    size_t bytes = 0;
    int err = bit_text_print(&spec->base, &text, &bytes);

    if (err < 0)
        return err;
    if (!cli->quiet) {
        bit_show(stdout, "# %s as it was submitted: `bitctl sweep` takes it again, from a file *.sweep.\n", s->sweep);
        if (s->directory != NULL)
            bit_show(stdout, "# Where `set` names a relative path, it was relative to %s.\n", s->directory);
    }
    bit_show_raw(stdout, text, bytes);
    free(text);
    return 0;
}

/* spec borrows from the reply. */
static int print(struct bit_cli *cli, Bit__SweepReply *s, Bit__SweepSingle *branch, Bit__SweepSingle **list)
{
    Bit__SweepSpec spec = BIT__SWEEP_SPEC__INIT;

    for (size_t i = 0; i < s->n_branch; i++) {
        list[i] = &branch[i];
        bit__sweep_single__init(list[i]);
        branch[i].label = s->branch[i]->label;
        branch[i].n_set = s->branch[i]->n_set;
        branch[i].set = s->branch[i]->set;
    }
    spec.name = s->name;
    spec.run = s->common;
    spec.n_branch = s->n_branch;
    spec.branch = list;
    int err = s->directory != NULL ? bit_spec_absolute(s->common, s->directory) : 0;
    if (err == 0 && cli->json)
        bit_print_json(&spec);
    else if (err == 0)
        err = print_text(cli, s, &spec);
    return err;
}

int bit_sweep_text_print(struct bit_cli *cli, Bit__SweepReply *s)
{
    Bit__SweepSingle *branch = calloc(s->n_branch + 1, sizeof *branch);
    Bit__SweepSingle **list = calloc(s->n_branch + 1, sizeof(Bit__SweepSingle *));
    int err;

    if (branch == NULL || list == NULL)
        err = bit_fail(-ENOMEM, "a sweep");
    else if (s->common == NULL)
        err = bit_fail(BIT_ESTATE,
                       "%s was submitted to an earlier bitd, which did not keep the sweep's specification: use "
                       "`bitctl show RUN` for each run",
                       s->sweep);
    else
        err = print(cli, s, branch, list);
    free(branch);
    free(list);
    return err < 0 ? bit_failure_print(cli, err) : 0;
}
