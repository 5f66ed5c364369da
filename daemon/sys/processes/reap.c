#include "daemon/sys/processes/reap.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/log.h"

BIT_LOG_TOPIC("reap");

#define ROUND_MAX 1024 /* processes signalled in one round; the next round finds the rest */

struct bit_reap {
    uv_timer_t timer; /* first 0 ms, so that done is called from the loop; then the grace period */
    char *run, *link;
    int32_t session;
    uint64_t grace_ms;
    bool hard; /* SIGKILL from now on */
    struct bit_proc_watch *watch[ROUND_MAX];
    int watched, ended; /* of this round */
    bit_reap_done *done;
    void *arg;
};

static void look(struct bit_reap *s);

static void free_reap(struct bit_reap *s)
{
    if (s == NULL)
        return;
    free(s->run);
    free(s->link);
    free(s);
}

static void on_timer_closed(uv_handle_t *handle)
{
    free_reap(handle->data);
}

static void end_round(struct bit_reap *s)
{
    for (int i = 0; i < s->watched; i++)
        bit_proc_unwatch(s->watch[i]);
    s->watched = s->ended = 0;
}

static void on_ended(void *arg)
{
    struct bit_reap *s = arg;

    if (++s->ended < s->watched)
        return;
    end_round(s);
    look(s);
}

static void on_grace_over(uv_timer_t *timer)
{
    struct bit_reap *s = timer->data;

    s->hard = true;
    end_round(s);
    look(s);
}

static void finish(struct bit_reap *s)
{
    uv_close((uv_handle_t *)&s->timer, on_timer_closed);
    s->done(s->arg);
}

/* One round: signal all processes found, and wait until all of them have ended. */
static void look(struct bit_reap *s)
{
    int32_t pid[ROUND_MAX];
    const struct bit_proc_job job = {.run = s->run, .link = s->link, .session = s->session};
    int count = bit_proc_find(&job, pid, ROUND_MAX);

    for (int i = 0; i < count; i++) {
        struct bit_proc_watch *w;
        if (bit_proc_watch(s->timer.loop, pid[i], on_ended, s, &w) < 0)
            continue; /* it has ended since */
        bit_proc_signal(w, s->hard ? SIGKILL : SIGTERM);
        s->watch[s->watched++] = w;
    }
    if (s->watched > 0)
        bit_info("ending", "run=%s processes=%d signal=%s", s->run, s->watched, s->hard ? "KILL" : "TERM");
    if (s->watched == 0 && count == 0)
        finish(s);
    else if (s->watched == 0 || !s->hard)
        uv_timer_start(&s->timer, on_grace_over, s->watched ? s->grace_ms : 1, 0);
}

static void on_begin(uv_timer_t *timer)
{
    look(timer->data);
}

int bit_reap_start(uv_loop_t *loop, const struct bit_proc_job *job, uint64_t grace_ms, bit_reap_done *done, void *arg)
{
    struct bit_reap *s = calloc(1, sizeof *s);

    if (s == NULL || (s->run = strdup(job->run)) == NULL || (s->link = strdup(job->link)) == NULL) {
        free_reap(s);
        return bit_fail(-ENOMEM, "ending run %s", job->run);
    }
    s->session = job->session;
    s->grace_ms = grace_ms;
    s->hard = grace_ms == 0;
    s->done = done;
    s->arg = arg;
    uv_timer_init(loop, &s->timer);
    s->timer.data = s;
    uv_timer_start(&s->timer, on_begin, 0, 0);
    return 0;
}
