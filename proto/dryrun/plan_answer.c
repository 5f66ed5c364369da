#include "proto/dryrun/plan_answer.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/dryrun/dryrun.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire/frame.h"
#include "proto/wire/msg.h"

static Bit__WorkerReady *decode(const struct bit_child_output *r)
{
    struct bit_frame frame;
    size_t need;
    ProtobufCMessage *msg = NULL;

    if (bit_frame_decode(r->out, r->out_bytes, BIT_CHILD_OUTPUT_MAX, &frame, &need) <= 0 ||
        frame.type != BIT_MSG_WORKER_READY ||
        bit_msg_decode(BIT_CHANNEL_LINK_UP, frame.type, frame.body, frame.body_bytes, &msg) < 0)
        return NULL;
    return (Bit__WorkerReady *)msg;
}

void bit_plan_answer_take(const struct bit_child_output *r, const char *worker, struct bit_plan_answer *out)
{
    char name[BIT_PATH_MAX + 16];

    *out = (struct bit_plan_answer){.ready = bit_child_output_ok(r) ? decode(r) : NULL};
    snprintf(name, sizeof name, "%.900s --plan", worker);
    if (out->ready == NULL)
        bit_child_output_explain(r, name, out->text, sizeof out->text);
    out->refused = r->spawn_err == 0 && !r->late && r->signal == 0 && r->status != 0 &&
                   r->status != BIT_EXIT_UNAVAILABLE;
}

void bit_plan_answer_finish(struct bit_plan_answer *answer)
{
    bit_msg_free(answer->ready);
    answer->ready = NULL;
}

int bit_plan_answer_fits(const struct bit_plan_answer *answer, const Bit__LaunchSpec *launch)
{
    const uint64_t available = bit_dryrun_memory_available(launch);
    const double mib = 1 << 20;

    if (answer->ready == NULL || available == 0 || answer->ready->memory->total <= available)
        return 0;
    const Bit__MemoryPlan *m = answer->ready->memory;
    return bit_fail(BIT_EMEMORY,
                    "a rank needs %.0f MiB (weights %.0f, gradients %.0f, optimizer %.0f, activations %.0f, workspace "
                    "%.0f), but only %.0f MiB are available",
                    (double)m->total / mib, (double)m->weights / mib, (double)m->gradients / mib,
                    (double)m->optimizer / mib, (double)m->activations / mib, (double)m->workspace / mib,
                    (double)available / mib);
}

static bool try_worker(const char *folder, const char *rest, char *out, size_t room)
{
    char path[2 * BIT_PATH_MAX];

    snprintf(path, sizeof path, "%s%s", folder, rest);
    if (strlen(path) >= room || access(path, X_OK) != 0)
        return false;
    memcpy(out, path, strlen(path) + 1);
    return true;
}

void bit_plan_answer_find_worker(char *out, size_t room)
{
    char self[BIT_PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    if (n > 0) {
        self[n] = '\0';
        *strrchr(self, '/') = '\0';
        if (try_worker(self, "/bitworker", out, room))
            return;
        char *above = strrchr(self, '/'); /* in a build folder, ctl and daemon are beside worker */
        if (above != NULL)
            *above = '\0';
        if (try_worker(self, "/worker/bitworker", out, room))
            return;
    }
    snprintf(out, room, "bitworker");
}
