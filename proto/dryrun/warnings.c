#include "proto/dryrun/warnings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"

/* Up to so many epochs, repeated data are worth as much as new data (Muennighoff et al. 2023, section 5). */
#define EPOCHS_MOST 4

void bit_warnings_add(struct bit_warnings *w, const char *field, const char *fmt, ...)
{
    va_list args;

    if (w->count == BIT_WARNINGS_MAX)
        return;
    va_start(args, fmt);
    bit_vformat(w->text[w->count], sizeof w->text[w->count], fmt, args);
    va_end(args);
    bit__problem__init(&w->item[w->count]);
    w->item[w->count].field = bit_lend(field);
    w->item[w->count].text = w->text[w->count];
    w->list[w->count] = &w->item[w->count];
    w->count++;
}

static void judge_data(struct bit_warnings *w, const struct bit_warnings_facts *facts)
{
    if (facts->folders_unknown == 1)
        bit_warnings_add(w, "data", "no dataset.json beside %s: the tokenizer of its ids is unknown",
                         facts->first_unknown);
    else if (facts->folders_unknown > 1)
        bit_warnings_add(w, "data",
                         "no dataset.json beside %s, nor in %zu other folders: the tokenizer of their ids is unknown",
                         facts->first_unknown, facts->folders_unknown - 1);
    if (facts->epochs > EPOCHS_MOST)
        bit_warnings_add(w, "schedule.steps", "each instance is trained on %.1f times", facts->epochs);
}

static void judge_threads(struct bit_warnings *w, const Bit__LaunchSpec *launch)
{
    const uint64_t threads = (uint64_t)launch->ranks * launch->threads;
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (launch->launcher != BIT__LAUNCHER__MPIRUN || cores <= 0)
        return;
    if (launch->threads == 0 && launch->backend != BIT__BACKEND__CUDA && launch->ranks > (uint64_t)cores)
        bit_warnings_add(w, "launch.ranks", "%u ranks on %ld core%s", launch->ranks, cores,
                         bit_format_s((uint64_t)cores));
    else if (threads > (uint64_t)cores)
        bit_warnings_add(w, "launch.threads", "%u rank%s of %u threads on %ld cores", launch->ranks,
                         bit_format_s(launch->ranks), launch->threads, cores);
}

/* The checkpoints that are kept, the one before the switch, and the one being written. */
static uint64_t checkpoints_most(const Bit__RunSpec *spec)
{
    const Bit__CheckpointSpec *c = spec->checkpoint;
    const uint64_t made = c->every > 0 ? spec->schedule->steps / c->every + 1 : 1;
    const uint64_t kept = c->keep_last + (c->keep_every > 0 ? spec->schedule->steps / c->keep_every : 0);

    return BIT_MIN(made, kept) + (spec->phases->switch_ != NULL) + 1;
}

/* The file system of a folder, which may not exist yet. */
static bool find_disk(const char *folder, struct statvfs *out)
{
    char path[BIT_PATH_MAX];

    snprintf(path, sizeof path, "%s", folder);
    while (statvfs(path, out) < 0) {
        char *slash = strrchr(path, '/');
        if (errno != ENOENT || slash == NULL || slash == path)
            return false;
        *slash = '\0';
    }
    return true;
}

static const char *write_bytes(double bytes, char out[32])
{
    if (bytes < 1 << 30)
        snprintf(out, 32, "%.1f MiB", bytes / (1 << 20));
    else
        snprintf(out, 32, "%.1f GiB", bytes / (1 << 30));
    return out;
}

static void judge_disk(struct bit_warnings *w, const Bit__RunSpec *spec, const struct bit_warnings_facts *facts)
{
    const uint64_t count = checkpoints_most(spec);
    struct statvfs fs;
    char text[3][32];

    if (spec->schedule->steps == 0) /* no checkpoints are written */
        return;
    if (!find_disk(facts->state, &fs))
        return;
    const double wanted = (double)count * (double)facts->checkpoint_bytes,
                 free = (double)fs.f_bavail * (double)fs.f_frsize;
    if (wanted > free)
        bit_warnings_add(w, "checkpoint", "up to %" PRIu64 " checkpoints of %s are %s, and %s are free in %s", count,
                         write_bytes((double)facts->checkpoint_bytes, text[0]), write_bytes(wanted, text[1]),
                         write_bytes(free, text[2]), facts->state);
}

void bit_warnings_judge(struct bit_warnings *w, const Bit__RunSpec *spec, const struct bit_warnings_facts *facts)
{
    judge_data(w, facts);
    judge_threads(w, spec->launch);
    judge_disk(w, spec, facts);
}
