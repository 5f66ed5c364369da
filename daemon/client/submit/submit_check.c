#include "daemon/client/submit/submit_check.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/client/submit/proof.h"
#include "daemon/launch/slurm_job.h"
#include "daemon/sys/settings/allow.h"
#include "proto/err.h"
#include "proto/spec/spec.h"
#include "proto/text/problems.h"

/* Checks the launcher against this bitd's user and settings. */
static int check_launch(const struct bit_client *c, const Bit__RunSpec *spec, struct bit_problems *problems)
{
    int err = bit_allow_check(c->all->env->config, spec, !bit_proof_needed(&c->peer), problems);

    if (spec->launch->launcher != BIT__LAUNCHER__SRUN || bit_slurm_job_check_own() == 0)
        return err;
    bit_problems_add(problems, "launch.launcher", 0, 0, "%s", bit_fail_text());
    return BIT_ESPEC;
}

int bit_submit_check_spec(struct bit_client *c, Bit__RunSpec *spec, const char *directory,
                          struct bit_problems *problems)
{
    int err = bit_spec_normalise(spec, directory, problems);

    if (err >= 0)
        err = bit_spec_validate(spec, problems);
    if ((err >= 0 || err == BIT_ESPEC) && spec->launch != NULL && check_launch(c, spec, problems) < 0)
        err = BIT_ESPEC; /* reported together with the other problems */
    if ((err >= 0 || err == BIT_ESPEC) && bit_spec_check_new_name(spec, problems) < 0)
        err = BIT_ESPEC;
    return err < 0 ? err : 0;
}

int bit_submit_check(struct bit_client *c, Bit__RunSpec *spec, const char *directory)
{
    struct bit_problems *problems = calloc(1, sizeof *problems);

    if (problems == NULL) {
        bit_client_refuse(c, -ENOMEM, "a specification");
        return -ENOMEM;
    }
    int err = bit_submit_check_spec(c, spec, directory, problems);
    if (err < 0 && problems->count > 0)
        bit_client_refuse_problems(c, BIT_ESPEC, problems);
    else if (err < 0)
        bit_client_refuse(c, err, "%s", bit_fail_text());
    free(problems);
    return err;
}
