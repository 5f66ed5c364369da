#include "worker/alone.h"

#include <errno.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/ckpt/manifest.h"
#include "proto/err.h"
#include "proto/spec/spec.h"
#include "proto/text/text.h"
#include "proto/wire/msg.h"
#include "worker/ranks/comm.h"

int64_t bit_alone_count(const char *text, int64_t most)
{
    char *end;
    const long long n = strtoll(text, &end, 10);

    return end == text || *end != '\0' || n < 1 || n > most ? -1 : n;
}

int bit_alone_set(struct bit_alone_options *options, const char *assignment)
{
    if (options->set_count == BIT_ALONE_SETS_MAX)
        return -1;
    options->set[options->set_count++] = assignment;
    return 0;
}

/* ---- the specification */

static int from_preset(const struct bit_alone_options *o, Bit__RunSpec **out, struct bit_problems *problems)
{
    ProtobufCMessage *spec = NULL;
    char text[512];
    int length = snprintf(
        text, sizeof text,
        "model { preset: '%.64s' } data { train: '/dev/null' } schedule { steps: 100000 peak_lr: 1e-4 } "
        "phases { switch { at_step: 0 } }",
        o->model);
    int err = bit_text_parse(&bit__run_spec__descriptor, text, (size_t)length, &spec, problems);

    if (err >= 0)
        *out = (Bit__RunSpec *)spec;
    return err;
}

/* The new run starts from the checkpoint's weights, whatever its run started from; its launch settings are dropped,
 * because they may be for another machine. */
static int from_checkpoint(const struct bit_alone_options *o, Bit__RunSpec **out, struct bit_problems *problems)
{
    Bit__Manifest *manifest = NULL;
    char *assignment = NULL;
    int err = bit_manifest_read(o->checkpoint, &manifest);

    if (err < 0)
        return err;
    *out = manifest->spec;
    manifest->spec = NULL;
    bit_msg_free(manifest);
    if (asprintf(&assignment, "model.init_from=%s", o->checkpoint) < 0)
        return bit_fail(-ENOMEM, "a specification");
    err = bit_spec_set(*out, assignment, problems);
    free(assignment);
    if (err >= 0)
        err = bit_spec_set(*out, "launch=", problems);
    return err;
}

static int set_batch(const struct bit_alone_options *o, Bit__RunSpec *spec, struct bit_problems *problems)
{
    char text[64];
    int err;

    snprintf(text, sizeof text, "batch.instances=%lld", (long long)o->instances);
    err = bit_spec_set(spec, text, problems);
    snprintf(text, sizeof text, "batch.micro_instances=%lld", (long long)o->micro_instances);
    return err < 0 ? err : bit_spec_set(spec, text, problems);
}

int bit_alone_spec(const struct bit_alone_options *o, Bit__RunSpec **out)
{
    struct bit_problems *problems = calloc(1, sizeof *problems);
    Bit__RunSpec *spec = NULL;
    int err = problems == NULL ? bit_fail(-ENOMEM, "the specification's problems") : 0;

    if (err >= 0)
        err = o->checkpoint != NULL ? from_checkpoint(o, &spec, problems) : from_preset(o, &spec, problems);
    if (err >= 0)
        err = set_batch(o, spec, problems);
    for (int i = 0; i < o->set_count && err >= 0; i++)
        err = bit_spec_set(spec, o->set[i], problems);
    if (err >= 0)
        err = bit_spec_normalise(spec, NULL, problems);
    if (err == BIT_ESPEC && bit_problems_kept(problems) > 0)
        bit_fail(err, "%s%s%s", problems->item[0].field, problems->item[0].field[0] != '\0' ? ": " : "",
                 problems->item[0].text);
    free(problems);
    if (err >= 0)
        *out = spec;
    else
        bit_msg_free(spec);
    return err;
}

/* ---- ranks */

static int start_ranks(int argc, char **argv, int64_t ranks)
{
    char **args = calloc((size_t)argc + 9, sizeof *args), count[16], self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    int n = 0;

    if (args == NULL || length < 0)
        return bit_fail(-ENOMEM, "a command line");
    self[length] = '\0';
    snprintf(count, sizeof count, "%d", (int)ranks);
    args[n++] = (char *)(uintptr_t) "mpirun";
    args[n++] = (char *)(uintptr_t) "--oversubscribe";
    args[n++] = (char *)(uintptr_t) "--bind-to"; /* as bitd starts them: a worker binds its threads itself */
    args[n++] = (char *)(uintptr_t) "none";
    if (geteuid() == 0)
        args[n++] = (char *)(uintptr_t) "--allow-run-as-root"; /* as bitd does: mpirun refuses root otherwise */
    args[n++] = (char *)(uintptr_t) "-n";
    args[n++] = count;
    args[n++] = self;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--ranks") == 0)
            i++;
        else if (strncmp(argv[i], "--ranks=", 8) != 0)
            args[n++] = argv[i];
    }
    execvp(args[0], args);
    free(args);
    return bit_fail(-errno, "mpirun");
}

int bit_alone_main(const char *name, int argc, char **argv, int64_t ranks, bit_alone_verb *verb, void *options)
{
    struct bit_comm comm = {0};
    int provided, err = ranks > 1 ? start_ranks(argc, argv, ranks) : 0;

    if (err < 0) {
        bit_fail_print(name);
        return bit_exit_code(err);
    }
    if (MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS)
        return BIT_EXIT_FAILURE;
    err = bit_comm_init(&comm, MPI_COMM_WORLD);
    if (err >= 0)
        err = verb(&comm, options);
    if (err < 0 && comm.rank == 0)
        bit_fail_print(name);
    bit_comm_finish(&comm);
    MPI_Finalize();
    return err < 0 ? bit_exit_code(err) : 0;
}
