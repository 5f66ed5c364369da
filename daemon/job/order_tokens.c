#include "daemon/job/order_tokens.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/job/job.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("order_tokens");

#define READ_RETRY_MS 1000 /* there is no notification when storage is back */
#define READ_SLOW_MS  2000 /* a slower read is logged */

struct bit_load {
    uv_work_t work;
    struct bit_job *job;
    struct bit_feed *feed; /* the job's, or NULL: then opened here */
    struct bit_feed *old;  /* replaced by `feed`; the loop may still be using it */
    bool opened;           /* the last time, all files could be opened */
    const Bit__RunSpec *spec;
    char *facts;                     /* the path where the token files' identities are kept */
    const atomic_bool *stop;         /* the job's */
    struct bit_file_changes changes; /* of the token files */
    uint64_t epoch;
    struct bit_order order;
    uint64_t position; /* of a step's batch, in the order of the data */
    struct bit_payload *payload;
    struct bit_task_requests requests; /* of a score order */
    int err;
    char text[BIT_ERR_TEXT_MAX];
};

/* Whether both need the same tokens; other fields of the order may have changed since they were read. */
static bool same_payload(const struct bit_order *a, const struct bit_order *b)
{
    return a->kind == b->kind && a->step == b->step && a->set == b->set && a->part_index == b->part_index;
}

static int open_feed(struct bit_load *load)
{
    struct bit_feed *feed = NULL;
    int err = bit_feed_create(load->spec, &feed);

    load->opened = err == 0;
    if (err == 0)
        err = bit_feed_check(feed, load->spec, load->facts, load->stop, &load->changes);
    if (err < 0)
        bit_feed_destroy(feed);
    else
        load->feed = feed;
    return err;
}

static int read_payload(struct bit_load *load)
{
    if (load->order.kind == BIT_ORDER_STEP)
        return bit_feed_step(load->feed, load->position, load->epoch, &load->payload);
    if (load->order.kind == BIT_ORDER_SCORE)
        return bit_task_feed_part(bit_feed_tasks(load->feed), &load->order.part, load->epoch, &load->payload,
                                  &load->requests);
    return bit_feed_eval(load->feed, load->order.set, load->epoch, &load->payload);
}

/* A file changed during the run: open all again and compare them. Any other error will be found again. */
static int read_anew(struct bit_load *load)
{
    char first[BIT_ERR_TEXT_MAX];

    bit_format(first, sizeof first, "%s", bit_fail_text());
    load->old = load->feed;
    load->feed = NULL;
    int err = open_feed(load);
    if (err == BIT_EDATA && load->opened && !load->changes.resized)
        return bit_fail_within(err, "%s", first); /* with the place in the file, and the result of the comparison */
    if (err == BIT_EDATA)
        return bit_fail(err, "%s", first);
    return err < 0 ? err : read_payload(load);
}

static void load_in_pool(uv_work_t *work)
{
    struct bit_load *load = work->data;
    bool fresh = load->feed == NULL;

    if (fresh)
        load->err = open_feed(load);
    if (load->err == 0)
        load->err = read_payload(load);
    if (load->err == BIT_EDATA && !fresh)
        load->err = read_anew(load);
    if (load->err < 0)
        bit_format(load->text, sizeof load->text, "%s", bit_fail_text());
}

static uint64_t read_ms(const struct bit_job *job)
{
    return uv_now(job->runner->env->loop) - job->read_begin_ms;
}

static void on_read_retry(uv_timer_t *timer)
{
    struct bit_job *job = timer->data;

    job->tokens_ready(job);
}

/* Whether the error may pass: one of the storage may, one in a file's content does not. */
static bool may_pass(const struct bit_job *job, int err)
{
    return err > -4096 && err != -ENOMEM && read_ms(job) < job->runner->env->config->read_patience_ms;
}

static void load_failed(struct bit_job *job, const struct bit_load *load)
{
    if (!may_pass(job, load->err)) {
        bit_job_end(job, load->err > -4096 ? BIT_EDATA : load->err, "%s", load->text);
        return;
    }
    if (job->read_error[0] == '\0')
        bit_warn("cannot read", "run=%s text=%s", job->runner->run.id, load->text);
    bit_format(job->read_error, sizeof job->read_error, "%s", load->text);
    uv_timer_start(&job->read_retry, on_read_retry, READ_RETRY_MS, 0);
    bit_runner_changed(job->runner);
}

static void load_succeeded(struct bit_job *job)
{
    if (job->read_error[0] != '\0' || read_ms(job) > READ_SLOW_MS)
        bit_warn("read late", "run=%s ms=%llu", job->runner->run.id, (unsigned long long)read_ms(job));
    job->read_error[0] = '\0';
}

static void tell_changes(struct bit_job *job, const struct bit_load *load)
{
    const struct bit_file_changes *changes = &load->changes;
    Bit__DataCompared m = BIT__DATA_COMPARED__INIT;

    if (changes->text[0] == '\0' || load->feed == NULL)
        return;
    m.same = changes->other == 0;
    m.text = bit_lend(changes->text);
    bit_record(job->runner, DATA_COMPARED, data_compared, &m);
}

bool bit_order_tokens_wait(const struct bit_job *job, char *text, size_t room)
{
    const char *file = job->loading && job->feed != NULL ? bit_feed_reading(job->feed) : NULL;

    if (job->phase != BIT_JOB_TRAINING || job->outstanding > 0)
        return false;
    if (job->read_error[0] != '\0')
        bit_format(text, room, "%s; tried again for %llu s so far", job->read_error,
                   (unsigned long long)read_ms(job) / 1000);
    else if (job->loading && read_ms(job) > READ_SLOW_MS)
        bit_format(text, room, "the tokens of step %llu are being read for %llu s%s%s",
                   (unsigned long long)job->sequence.sent + 1, (unsigned long long)read_ms(job) / 1000,
                   file ? " from " : "", file ? file : "");
    else
        return false;
    return true;
}

static void on_loaded(uv_work_t *work, int status)
{
    struct bit_load *load = work->data;
    struct bit_job *job = load->job;

    job->feed = load->feed;
    bit_feed_destroy(load->old);
    bit_payload_destroy(job->payload);
    job->payload = load->payload;
    job->payload_order = load->order;
    job->payload_position = load->position;
    bit_task_requests_finish(&job->requests);
    job->requests = load->requests;
    bool stale = load->epoch != job->runner->run.launch.epoch || job->phase != BIT_JOB_TRAINING;
    tell_changes(job, load);
    if (load->err == 0)
        load_succeeded(job);
    else if (!stale && load->err != -ECANCELED) /* otherwise something else comes first */
        load_failed(job, load);
    free(load->facts);
    free(load);
    bit_job_loaded(job);
    if (!stale && job->phase == BIT_JOB_TRAINING)
        job->tokens_ready(job);
}

static void start_load(struct bit_job *job, const struct bit_order *order)
{
    struct bit_load *load = calloc(1, sizeof *load);
    char *facts = bit_runner_path(job->runner, "data.pb");

    if (load == NULL || facts == NULL) {
        free(load);
        free(facts);
        bit_job_end(job, -ENOMEM, "no memory to read tokens");
        return;
    }
    *load = (struct bit_load){
        .job = job,
        .feed = job->feed,
        .spec = job->runner->run.spec,
        .facts = facts,
        .stop = &job->stop_reading,
        .changes.others = job->runner->run.takes_other_data ? BIT_FILE_OTHERS_TAKE : BIT_FILE_OTHERS_FAIL,
        .epoch = job->runner->run.launch.epoch,
        .order = *order,
        .position = bit_run_position(&job->runner->run, order->step),
    };
    load->work.data = load;
    atomic_store(&job->stop_reading, false);
    job->loading = true;
    if (job->read_error[0] == '\0')
        job->read_begin_ms = uv_now(job->runner->env->loop);
    int err = uv_queue_work(job->runner->env->loop, &load->work, load_in_pool, on_loaded);
    BIT_ASSERT(err == 0);
}

struct bit_payload *bit_order_tokens_take(struct bit_job *job, const struct bit_order *order,
                                          void (*ready)(struct bit_job *job))
{
    struct bit_payload *payload = job->payload;

    bool moved = order->kind == BIT_ORDER_STEP &&
                 job->payload_position != bit_run_position(&job->runner->run, order->step);
    if (payload != NULL && !moved && same_payload(&job->payload_order, order)) {
        job->payload = NULL;
        return payload;
    }
    job->tokens_ready = ready;
    if (!uv_is_active((uv_handle_t *)&job->read_retry))
        start_load(job, order);
    return NULL;
}
