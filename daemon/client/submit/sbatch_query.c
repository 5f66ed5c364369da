#include "daemon/client/submit/sbatch_query.h"

#include <stdlib.h>

#include "daemon/launch/slurm_commands.h"
#include "daemon/sys/processes/child_run.h"
#include "proto/err.h"
#include "proto/limits.h"

#define TEST_MS 10000 /* sbatch waits longer for a controller that does not answer, but here a person waits */

struct asking {
    bit_sbatch_query_done *done;
    void *arg;
};

static void on_ended(void *arg, const struct bit_child_output *r)
{
    struct asking *a = arg;
    char text[BIT_ERR_TEXT_MAX];
    enum bit_sbatch_answer answer = bit_sbatch_answer_read(r, text, sizeof text);

    a->done(a->arg, answer, text);
    free(a);
}

int bit_sbatch_query_start(const struct bit_env *env, const Bit__RunSpec *spec, bit_sbatch_query_done *done, void *arg)
{
    struct asking *a = malloc(sizeof *a);
    struct bit_argv argv = {0};
    int err = a == NULL ? bit_fail(-ENOMEM, "asking sbatch") : bit_slurm_commands_sbatch_test(env->config, spec, &argv);

    if (err == 0) {
        *a = (struct asking){done, arg};
        err = bit_child_run(env->loop, argv.item, TEST_MS, on_ended, a);
    }
    bit_argv_finish(&argv);
    if (err < 0)
        free(a);
    return err;
}
