/* mpirun's arguments. The worker binds its threads itself, and more ranks than cores are the user's choice. */
#include <unistd.h>

#include "daemon/launch/launch.h"

void bit_launch_mpirun(const struct bit_launch_args *args, struct bit_argv *out)
{
    bit_argv_add(out, "%s", args->config->mpirun);
    bit_argv_add(out, "-n");
    bit_argv_add(out, "%u", args->spec->ranks);
    bit_argv_add(out, "--bind-to");
    bit_argv_add(out, "none");
    bit_argv_add(out, "--oversubscribe");
    if (geteuid() == 0)
        bit_argv_add(out, "--allow-run-as-root");
    bit_argv_add(out, "%s", args->config->worker);
}
