#include "daemon/store/sweeps/sweep_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/runs/runs.h"
#include "daemon/sys/files/message_file.h"
#include "daemon/sys/walltime.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("sweep");

#define FILE_BYTES_MAX   (8u << 20)
#define DECODE_BYTES_MAX (128u << 20)
#define EVENTS_MAX       64 /* the newest are kept */

struct bit_sweep *bit_sweep_state_create(Bit__SweepPlanned *plan, Bit__SweepProgress *progress)
{
    struct bit_sweep *s = calloc(1, sizeof *s);

    if (s == NULL) {
        bit_msg_free(plan);
        bit_msg_free(progress);
        return NULL;
    }
    s->plan = plan;
    s->progress = progress;
    return s;
}

void bit_sweep_state_destroy(struct bit_sweep *s)
{
    if (s == NULL)
        return;
    bit_msg_free(s->plan);
    bit_msg_free(s->progress);
    free(s->dir);
    free(s);
}

/* ---- its files */

static int write_message(const char *dir, const char *name, const ProtobufCMessage *m)
{
    char *path;

    if (asprintf(&path, "%s/%s", dir, name) < 0)
        return bit_fail(-ENOMEM, "%s/%s", dir, name);
    int err = bit_message_file_write(path, m);
    free(path);
    return err;
}

static int read_message(const char *dir, const char *name, const ProtobufCMessageDescriptor *desc, void *out)
{
    char *path;

    if (asprintf(&path, "%s/%s", dir, name) < 0)
        return bit_fail(-ENOMEM, "%s/%s", dir, name);
    int err = bit_message_file_read(path, desc, FILE_BYTES_MAX, DECODE_BYTES_MAX, out);
    free(path);
    return err;
}

int bit_sweep_state_keep(const struct bit_sweep *s)
{
    return write_message(s->dir, "state.pb", &s->progress->base);
}

/* state.pb first: a folder with sweep.pb counts as a sweep. */
int bit_sweep_state_write(const struct bit_sweep *s)
{
    int err = bit_sweep_state_keep(s);

    return err == 0 ? write_message(s->dir, "sweep.pb", &s->plan->base) : err;
}

static const char *answer_name(const char *request_id, char out[BIT_REQUEST_ID_MAX + 16])
{
    snprintf(out, BIT_REQUEST_ID_MAX + 16, "removed.%s", request_id);
    return out;
}

int bit_sweep_state_write_answer(const struct bit_sweep *s, const char *request_id, const Bit__SweepReply *answer)
{
    char name[BIT_REQUEST_ID_MAX + 16];

    return write_message(s->dir, answer_name(request_id, name), &answer->base);
}

int bit_sweep_state_read_answer(const char *dir, const char *request_id, Bit__SweepReply **out)
{
    char name[BIT_REQUEST_ID_MAX + 16];

    return read_message(dir, answer_name(request_id, name), &bit__sweep_reply__descriptor, out);
}

static int check_read(const struct bit_sweep *s)
{
    const size_t count = s->plan->n_branch;
    bool holds = count > 0 && s->plan->n_spec == count && s->progress->n_place == count;

    for (size_t i = 0; holds && i < count; i++)
        holds = s->progress->place[i]->parent < count;
    return holds ? 0 : bit_fail(BIT_ECORRUPT, "%s: its two files do not fit each other", s->dir);
}

int bit_sweep_state_read(const char *dir, uint64_t number, struct bit_sweep **out)
{
    Bit__SweepPlanned *plan = NULL;
    Bit__SweepProgress *progress = NULL;
    int err = read_message(dir, "sweep.pb", &bit__sweep_planned__descriptor, &plan);

    if (err == 0)
        err = read_message(dir, "state.pb", &bit__sweep_progress__descriptor, &progress);
    struct bit_sweep *s = bit_sweep_state_create(plan, progress);
    if (s == NULL)
        return bit_fail(-ENOMEM, "%s", dir);
    s->number = number;
    snprintf(s->id, sizeof s->id, "s%" PRIu64, number);
    s->dir = strdup(dir);
    if (err == 0)
        err = s->dir == NULL ? bit_fail(-ENOMEM, "%s", dir) : check_read(s);
    if (err < 0)
        bit_sweep_state_destroy(s);
    else
        *out = s;
    return err;
}

/* ---- its events */

static void add_event(Bit__SweepProgress *p, Bit__SweepEvent *event)
{
    if (p->n_event >= EVENTS_MAX) {
        bit_msg_free(p->event[0]);
        memmove(p->event, p->event + 1, --p->n_event * sizeof *p->event);
    }
    Bit__SweepEvent **grown = realloc(p->event, (p->n_event + 1) * sizeof *grown);
    Bit__SweepEvent *copy = bit_msg_clone(event);
    if (grown != NULL)
        p->event = grown;
    if (grown != NULL && copy != NULL)
        p->event[p->n_event++] = copy;
    else
        bit_msg_free(copy);
}

void bit_sweep_state_tell(struct bit_sweep *s, int branch, const char *fmt, ...)
{
    char text[BIT_ERR_TEXT_MAX];
    Bit__SweepEvent event = BIT__SWEEP_EVENT__INIT;
    va_list args;

    va_start(args, fmt);
    bit_vformat(text, sizeof text, fmt, args);
    va_end(args);
    bit_info("told", "sweep=%s branch=%d text=\"%s\"", s->id, branch, text);
    event.time_ns = bit_walltime_ns();
    event.text = text;
    event.has_branch = branch >= 0;
    event.branch = branch >= 0 ? (uint32_t)branch : 0;
    add_event(s->progress, &event);
}

/* ---- its runs */

static int note_made(struct bit_sweep *s, const struct bit_run *run)
{
    Bit__SweepPlace *place = s->progress->place[run->branch];

    if (place->run != NULL)
        return 0;
    place->run = strdup(run->id);
    if (place->run == NULL)
        return bit_fail(-ENOMEM, "the runs of %s", s->id);
    bit_sweep_state_tell(s, (int)run->branch, "%s was made, and bitd ended", run->id);
    return 0;
}

int bit_sweep_state_find_runs(struct bit_sweep *s, const struct bit_runs *runs)
{
    int err = 0;

    for (size_t i = 0; i < runs->count && err == 0; i++) {
        const struct bit_run *run = &runs->runner[i]->run;
        if (strcmp(run->sweep, s->id) == 0 && run->branch < s->plan->n_branch)
            err = note_made(s, run);
    }
    return err;
}

struct bit_runner *bit_sweep_state_run(const struct bit_sweep *s, const struct bit_runs *runs, size_t branch)
{
    const char *run = s->progress->place[branch]->run;

    return run != NULL ? bit_runs_find(runs, run) : NULL;
}

bool bit_sweep_state_is_settled(const struct bit_sweep *s, size_t branch)
{
    const Bit__SweepPlace *place = s->progress->place[branch];

    return place->run != NULL || place->failed != NULL || s->progress->cancelled;
}

bool bit_sweep_state_is_root(const struct bit_sweep *s, size_t branch)
{
    return s->progress->place[branch]->parent == branch;
}
