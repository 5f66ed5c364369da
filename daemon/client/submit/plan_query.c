#include "daemon/client/submit/plan_query.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/sys/env.h"
#include "daemon/sys/files/message_file.h"
#include "daemon/sys/processes/child_run.h"
#include "proto/check.h"
#include "proto/err.h"

struct planning {
    const struct bit_env *env;
    char spec_path[BIT_CONFIG_PATH_MAX + 64];
    bit_plan_query_done *done;
    void *arg;
};

static void on_ended(void *arg, const struct bit_child_output *r)
{
    struct planning *p = arg;
    struct bit_plan_answer plan;

    unlink(p->spec_path);
    bit_plan_answer_take(r, p->env->config->worker, &plan);
    p->done(p->arg, &plan);
    bit_plan_answer_finish(&plan);
    free(p);
}

static int write_spec(struct planning *p, const Bit__RunSpec *spec)
{
    static unsigned count;

    snprintf(p->spec_path, sizeof p->spec_path, "%s/plan-%u.pb", p->env->config->state, count++);
    return bit_message_file_write(p->spec_path, &spec->base);
}

int bit_plan_query_start(const struct bit_env *env, const Bit__RunSpec *spec, bit_plan_query_done *done, void *arg)
{
    struct planning *p = calloc(1, sizeof *p);

    if (p == NULL)
        return bit_fail(-ENOMEM, "planning");
    *p = (struct planning){.env = env, .done = done, .arg = arg};
    int err = write_spec(p, spec);
    char *argv[] = {bit_lend(env->config->worker), bit_lend("--plan"), p->spec_path, NULL};
    if (err == 0)
        err = bit_child_run(env->loop, argv, env->config->plan_ms, on_ended, p);
    if (err < 0)
        free(p);
    return err;
}
