#include "daemon/client/query/metrics.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "daemon/client/connection/run_names.h"
#include "daemon/store/runs/runs.h"
#include "daemon/sys/loop_latency.h"
#include "daemon/sys/walltime.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/wire/msg.h"
#include <config.h> /* the build's, not one of bitd's folders */

/* ---- bitd itself */

static void put_one(struct bit_exposition *e, const struct bit_exposition_metric *metric, double value)
{
    bit_exposition_begin(e, metric);
    bit_exposition_sample(e, NULL, value);
}

static void put_build(struct bit_exposition *e)
{
    static const struct bit_exposition_metric build = {"bitd_build", BIT_EXPOSITION_INFO, NULL,
                                                       "The version of bitd; 1."};

    bit_exposition_begin(e, &build);
    bit_exposition_label(e, "version", BIT_VERSION);
    bit_exposition_label(e, "commit", BIT_COMMIT);
    bit_exposition_sample(e, NULL, 1);
}

static double open_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    double count = -3; /* ".", ".." and the descriptor of `dir` */

    if (dir == NULL)
        return 0;
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

static double seconds_of(const struct timeval *t)
{
    return (double)t->tv_sec + 1e-6 * (double)t->tv_usec;
}

static void put_latency(struct bit_exposition *e, const struct bit_loop_latency *l)
{
    static const struct bit_exposition_metric latency = {
        "bitd_loop_latency_seconds", BIT_EXPOSITION_HISTOGRAM, "seconds",
        "Duration of each turn of bitd's event loop, without waiting; it bounds how long an event waits."};
    uint64_t within = 0;

    if (l == NULL)
        return;
    bit_exposition_begin(e, &latency);
    for (int i = 0; i < BIT_LOOP_LATENCY_BOUNDS; i++) {
        within += l->count[i];
        bit_exposition_label(e, "le", bit_loop_latency_bounds[i].text);
        bit_exposition_sample(e, "_bucket", (double)within);
    }
    bit_exposition_label(e, "le", "+Inf");
    bit_exposition_sample(e, "_bucket", (double)l->turns);
    bit_exposition_sample(e, "_sum", l->sum_s);
    bit_exposition_sample(e, "_count", (double)l->turns);
}

/* Not named process_*: node_exporter, which can collect these from a text file, has its own of those names. */
static void put_process(struct bit_exposition *e, const struct bit_env *env)
{
    static const struct bit_exposition_metric metrics[] = {
        {"bitd_start_time_seconds", BIT_EXPOSITION_GAUGE, "seconds", "When bitd was started."},
        {"bitd_resident_memory_bytes", BIT_EXPOSITION_GAUGE, "bytes", "Memory of bitd itself."},
        {"bitd_cpu_seconds", BIT_EXPOSITION_COUNTER, "seconds", "Processor time of bitd itself."},
        {"bitd_open_fds", BIT_EXPOSITION_GAUGE, NULL, "File descriptors that bitd has open."},
        {"bitd_max_fds", BIT_EXPOSITION_GAUGE, NULL, "File descriptors that bitd may have open."},
    };
    struct rusage usage = {0};
    struct rlimit files = {0};
    size_t rss = 0;

    uv_resident_set_memory(&rss);
    getrusage(RUSAGE_SELF, &usage);
    getrlimit(RLIMIT_NOFILE, &files);
    put_one(e, &metrics[0], (double)env->began_ns * 1e-9);
    put_one(e, &metrics[1], (double)rss);
    put_one(e, &metrics[2], seconds_of(&usage.ru_utime) + seconds_of(&usage.ru_stime));
    put_one(e, &metrics[3], open_files());
    put_one(e, &metrics[4], (double)files.rlim_cur);
    put_latency(e, env->latency);
}

static void put_clients(struct bit_exposition *e, const struct bit_clients *all)
{
    static const struct bit_exposition_metric metrics[] = {
        {"bitd_clients", BIT_EXPOSITION_GAUGE, NULL, "Connections of bitctl."},
        {"bitd_slots", BIT_EXPOSITION_GAUGE, NULL, "Runs that may train at once."},
        {"bitd_slots_taken", BIT_EXPOSITION_GAUGE, NULL, "Runs that hold a slot."},
    };
    size_t count = 0;

    for (const struct bit_client *c = all->first; c != NULL; c = c->next)
        count++;
    put_one(e, &metrics[0], (double)count);
    put_one(e, &metrics[1], all->env->config->slots);
    put_one(e, &metrics[2], bit_runs_slots_taken(all->runs));
}

/* ---- runs */

/* False for a run that is being removed, or whose folder was removed by hand. */
static bool is_there(const struct bit_runner *r)
{
    return !r->removing && !bit_run_names_is_gone(r);
}

static void put_states(struct bit_exposition *e, const struct bit_runs *runs)
{
    static const struct bit_exposition_metric metric = {"bitd_runs", BIT_EXPOSITION_GAUGE, NULL,
                                                        "Runs in each state, all that there are."};
    size_t count[BIT__RUN_STATE__FAILED + 1] = {0};

    for (size_t i = 0; i < runs->count; i++)
        if (is_there(runs->runner[i]))
            count[bit_status_state(runs->runner[i])]++;
    bit_exposition_begin(e, &metric);
    for (int s = BIT__RUN_STATE__QUEUED; s <= BIT__RUN_STATE__FAILED; s++) {
        bit_exposition_label(e, "state", bit_run_state_name((Bit__RunState)s));
        bit_exposition_sample(e, NULL, (double)count[s]);
    }
}

static bool ended_lately(const struct bit_runner *r, uint64_t keep_ms)
{
    const uint64_t now = bit_walltime_ns(), ended = r->run.ended_ns;

    return now < ended || now - ended < keep_ms * 1000000;
}

/* First the runs that have not ended, then those that ended lately; the newest of each first. */
static int choose(const struct bit_clients *all, struct bit_metrics_runs *out)
{
    const struct bit_runs *runs = all->runs;

    for (int ended = 0; ended < 2; ended++)
        for (size_t i = runs->count; i-- > 0 && out->count < BIT_METRICS_RUNS_MAX;) {
            const struct bit_runner *r = runs->runner[i];
            if (bit_run_ended(&r->run) != ended || !is_there(r) ||
                (ended && !ended_lately(r, all->env->config->metrics_keep_ms)))
                continue;
            int err = bit_status_init(&out->status[out->count], r, 0);
            if (err < 0)
                return err;
            out->runner[out->count++] = r;
        }
    return 0;
}

/* ---- all metrics */

static int put_all(struct bit_exposition *e, const struct bit_clients *all)
{
    static const struct bit_exposition_metric up = {"bitd_up", BIT_EXPOSITION_GAUGE, NULL, "Whether bitd answers."};
    struct bit_metrics_runs *runs = calloc(1, sizeof *runs);
    int err = runs == NULL ? bit_fail(-ENOMEM, "the metrics of runs") : choose(all, runs);

    if (err == 0) {
        put_one(e, &up, 1);
        put_build(e);
        put_process(e, all->env);
        put_clients(e, all);
        put_states(e, all->runs);
        bit_metrics_put_numbers(e, runs);
        bit_metrics_put_lists(e, runs);
        bit_exposition_end(e);
    }
    for (size_t i = 0; runs != NULL && i < runs->count; i++)
        bit_status_finish(&runs->status[i]);
    free(runs);
    return err;
}

int bit_metrics_render(const struct bit_clients *all, bool openmetrics, char **text, size_t *bytes)
{
    char *out = NULL;
    size_t size = 0;
    struct bit_exposition e = {.f = open_memstream(&out, &size), .openmetrics = openmetrics};

    if (e.f == NULL)
        return bit_fail(-ENOMEM, "metrics");
    int err = put_all(&e, all);
    if (fclose(e.f) != 0 && err == 0)
        err = bit_fail(-ENOMEM, "metrics");
    if (err < 0) {
        free(out);
        return err;
    }
    *text = out;
    *bytes = size;
    return 0;
}

void bit_metrics_asked(struct bit_client *c, const Bit__MetricsRequest *m)
{
    Bit__MetricsReply reply = BIT__METRICS_REPLY__INIT;
    size_t bytes;
    int err = bit_metrics_render(c->all, m->has_openmetrics && m->openmetrics, &reply.text, &bytes);

    if (err < 0) {
        bit_client_refuse(c, err, "%s", bit_fail_text());
        return;
    }
    bit_client_send(c, BIT_MSG_METRICS_REPLY, &reply);
    bit_client_end(c);
    free(reply.text);
}
