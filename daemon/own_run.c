#include "daemon/own_run.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "daemon/launch/slurm_job.h"
#include "daemon/store/runs/stored_run.h"
#include "daemon/sys/files/fileio.h"
#include "daemon/sys/settings/config.h"
#include "proto/check.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"
#include "proto/spec/spec.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("own_run");

/* ---- comparing specifications */

/* Gives a specification without a name the one that bitctl would: the file's, without its ending. */
static int set_name(Bit__RunSpec *spec, const char *real)
{
    const char *slash = strrchr(real, '/'), *stem = slash ? slash + 1 : real, *dot = strrchr(stem, '.');

    if (spec->name != NULL)
        return 0;
    spec->name = strndup(stem, dot != NULL && dot != stem ? (size_t)(dot - stem) : strlen(stem));
    return spec->name == NULL ? bit_fail(-ENOMEM, "the name of a run") : 0;
}

/* Loads and completes the specification as bitctl and bitd would. */
static int load_spec(const char *path, Bit__RunSpec **out)
{
    struct bit_problems *problems = calloc(1, sizeof *problems);
    char *real = realpath(path, NULL);
    Bit__RunSpec *spec = NULL;
    struct stat st;
    int err = 0;

    if (problems == NULL)
        err = bit_fail(-ENOMEM, "a specification");
    else if (real == NULL || stat(real, &st) < 0)
        err = bit_fail(-errno, "specification '%s'", path);
    else if (!S_ISREG(st.st_mode))
        err = bit_fail(BIT_ESPEC, "specification '%s': no file", path); /* bitctl could not read a pipe again */
    if (err == 0)
        err = bit_spec_load(real, &spec, problems);
    if (err >= 0)
        err = set_name(spec, real);
    if (err >= 0)
        err = bit_spec_normalise(spec, dirname(real), problems);
    if (err == BIT_ESPEC && problems != NULL && problems->count > 0)
        bit_fail(err, "%s:%d: %s", path, problems->item[0].line, problems->item[0].text);
    if (err >= 0)
        *out = spec;
    else
        bit_msg_free(spec);
    free(real);
    free(problems);
    return err < 0 ? err : 0;
}

/* Compares with the specification as submitted, without later changes by `resume --ranks`. */
static bool is_of(const char *state, uint64_t number, const Bit__RunSpec *spec)
{
    char dir[BIT_CONFIG_PATH_MAX + 64];
    Bit__RunSpec *kept = NULL;

    snprintf(dir, sizeof dir, "%s/runs/r%" PRIu64, state, number);
    const bool same = bit_stored_run_spec(dir, &kept) == 0 && bit_msg_is_same(&kept->base, &spec->base);
    bit_msg_free(kept);
    return same;
}

bool bit_own_run_is_sweep(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot != NULL && strcmp(dot, ".sweep") == 0;
}

int bit_own_run_is_in(const char *state, const char *path)
{
    char folder[BIT_CONFIG_PATH_MAX + 16];
    Bit__RunSpec *spec = NULL;
    const struct dirent *entry;
    uint64_t number;
    bool found = false;

    if (bit_own_run_is_sweep(path))
        return 0;
    int err = load_spec(path, &spec);
    if (err < 0)
        return err;
    snprintf(folder, sizeof folder, "%s/runs", state);
    DIR *dir = opendir(folder); /* bit_folders_list would also remove leftovers */
    while (dir != NULL && !found && (entry = readdir(dir)) != NULL)
        found = sscanf(entry->d_name, "r%" SCNu64, &number) == 1 && is_of(state, number, spec);
    if (dir != NULL)
        closedir(dir);
    bit_msg_free(spec);
    return found;
}

/* ---- choosing */

/* The newest run of the same specification, or NULL. NULL also if that one was cancelled: then a new run is made. */
static const struct bit_runner *find_same(const struct bit_runs *runs)
{
    Bit__RunSpec *spec = NULL;
    const struct bit_runner *found = NULL;

    if (load_spec(runs->env->config->run, &spec) < 0)
        return NULL;
    for (size_t i = runs->count; i-- > 0 && found == NULL;) {
        const struct bit_runner *r = runs->runner[i];
        if (!r->corrupt && bit_runner_is_own(r) && is_of(runs->env->config->state, r->run.number, spec))
            found = r;
    }
    bit_msg_free(spec);
    return found != NULL && found->run.state == BIT__RUN_STATE__CANCELLED ? NULL : found;
}

static void name_by_job(char *out, size_t room)
{
    const char *cluster = getenv("SLURM_CLUSTER_NAME");

    snprintf(out, room, "slurm-%.32s-%" PRIu64, cluster ? cluster : "job", bit_slurm_job_own());
}

static int name_at_random(char *out, size_t room)
{
    uint64_t random[2];

    if (getrandom(random, sizeof random, 0) != sizeof random)
        return bit_fail(-errno, "the id of a request: getrandom");
    snprintf(out, room, "run-%016" PRIx64 "%016" PRIx64, random[0], random[1]);
    return 0;
}

static void tell_own(const struct bit_runner *r)
{
    const struct bit_run *run = &r->run;

    if (run->state == BIT__RUN_STATE__COMPLETED)
        bit_warn("trained already",
                 "run=%s name=%s step=%" PRIu64
                 " text=\"the same specification, completed: nothing is trained; another "
                 "state folder (--state, BITD_STATE) or specification trains again\"",
                 run->id, run->spec->name, run->step);
    else
        bit_info("goes on", "run=%s name=%s state=%s step=%" PRIu64 " of=%" PRIu64, run->id, run->spec->name,
                 bit_run_state_name(run->state), run->step, run->spec->schedule->steps);
}

/* A sweep's request id is made from its file and path, so that a job that is submitted again continues the sweep, as a
 * requeued one does. */
static int name_by_file(const char *path, char *out, size_t room)
{
    uint8_t *text = NULL;
    size_t bytes = 0;
    char *real = realpath(path, NULL);
    int err = real == NULL ? bit_fail(-errno, "'%s'", path) : bit_file_read(real, BIT_SPEC_BYTES_MAX, &text, &bytes);

    if (err == 0)
        snprintf(out, room, "sweep-%08x%08x", bit_crc32c(0, text, bytes), bit_crc32c(0, real, strlen(real)));
    free(text);
    free(real);
    return err;
}

/* A file that cannot be read is left to bitctl, which reports what is wrong. */
static int choose_sweep(const struct bit_sweeps *sweeps, struct bit_own_run *out)
{
    const struct bit_sweep *s = NULL;

    if (name_by_file(sweeps->env->config->run, out->request_id, sizeof out->request_id) < 0)
        return name_at_random(out->request_id, sizeof out->request_id);
    s = bit_sweeps_find_request(sweeps, out->request_id);
    if (s == NULL)
        return 0;
    snprintf(out->sweep, sizeof out->sweep, "%s", s->id);
    bit_info("goes on", "sweep=%s name=%s", s->id, s->plan->name);
    return 0;
}

int bit_own_run_choose(const struct bit_runs *runs, const struct bit_sweeps *sweeps, struct bit_own_run *out)
{
    *out = (struct bit_own_run){.first_new = runs->next_number};
    if (runs->env->config->run[0] == '\0')
        return 0;
    if (bit_own_run_is_sweep(runs->env->config->run))
        return choose_sweep(sweeps, out);
    const bool in_job = bit_slurm_job_own() != 0;
    const struct bit_runner *own = NULL;
    if (in_job) {
        name_by_job(out->request_id, sizeof out->request_id);
        own = bit_runs_find_request(runs, out->request_id);
    }
    if (own == NULL)
        own = find_same(runs);
    if (own != NULL) {
        bit_format(out->request_id, sizeof out->request_id, "%s", own->run.request_id);
        tell_own(own);
        return 0;
    }
    return in_job ? 0 : name_at_random(out->request_id, sizeof out->request_id);
}

bool bit_own_run_is(const struct bit_own_run *own, const struct bit_runner *r)
{
    if (own->sweep[0] != '\0' && strcmp(r->run.sweep, own->sweep) == 0)
        return true;
    return own->request_id[0] != '\0' && strcmp(r->run.request_id, own->request_id) == 0;
}

/* Whether this bitd runs in a Slurm job, and the run was submitted by --run in another one. */
static bool is_of_another_job(const struct bit_run *run)
{
    char name[BIT_REQUEST_ID_MAX + 1];

    if (bit_slurm_job_own() == 0 || run->spec->launch->launcher != BIT__LAUNCHER__SRUN)
        return false;
    name_by_job(name, sizeof name);
    return strncmp(run->request_id, "slurm-", 6) == 0 && strcmp(run->request_id, name) != 0;
}

bool bit_own_run_excludes(const struct bit_own_run *own, const struct bit_runner *r)
{
    if (r->run.number >= own->first_new || bit_own_run_is(own, r))
        return false;
    return own->request_id[0] != '\0' || is_of_another_job(&r->run);
}

void bit_own_run_tell_others(const struct bit_own_run *own, const struct bit_runs *runs)
{
    for (size_t i = 0; i < runs->count; i++) {
        const struct bit_run *run = &runs->runner[i]->run;
        if (runs->runner[i]->corrupt || bit_run_ended(run) || !bit_own_run_excludes(own, runs->runner[i]))
            continue;
        bit_warn(
            "in the folder, too", "run=%s name=%s state=%s step=%" PRIu64 " of=%" PRIu64 " text=\"%s\"", run->id,
            run->spec->name, bit_run_state_name(run->state), run->step, run->spec->schedule->steps,
            runs->runner[i]->job != NULL
                ? "its processes live, and train on in a slot until it ends"
                : "left as it is; `bitd --run` of its own specification, or a bitd without --run, goes on with it");
    }
}
