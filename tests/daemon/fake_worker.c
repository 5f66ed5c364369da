/*
 * A worker without a model: speaks the link protocol as bitworker does, and "trains" one 64-bit number on the tokens
 * and settings of each step. So any wrong batch, phase, strength or learning rate from bitd changes its loss, its
 * checkpoints (real ones: manifest, checksums, rename) and its final digest.
 *
 * The environment makes it misbehave:
 *     FAKE_STEP_US        a step takes this long
 *     FAKE_DIE_AT         it kills itself after this step
 *     FAKE_HANG_AT        it stops answering after this step
 *     FAKE_FAIL_AT        WorkerFailed at this step, with the code FAKE_ERROR and the text FAKE_TEXT
 *     FAKE_ONCE           a path: it misbehaves only if it can create this file, so only once
 *     FAKE_DRIFT          after a restore, losses differ
 *     FAKE_NAN            the losses of batches with these checksums (1,2,…) are NaN on rank 1
 *     FAKE_SPIKE          the losses of batches with these checksums are 1000 too high
 *     FAKE_NO_TIME        the reported time of a step is 1e-320 ms
 *     FAKE_SLOW           the reported times of rank 1 of two are about doubled
 *     FAKE_REPORT_BYTES   the body of the report of step 2 has this many bytes
 *     FAKE_NO_DISK        this many checkpoints fail
 *     FAKE_MEMORY         the bytes per rank that --plan reports
 *
 * At the end ranks 1, 2, … and then rank 0 report WorkerDone, each on its own link. The rank with this number:
 *     FAKE_DONE_DIES      kills itself (the whole process) instead
 *     FAKE_DONE_LEAVES    exits with 0 (the whole process) instead
 *     FAKE_DONE_HANGS     hangs
 *     FAKE_DONE_KILLS     kills bitd before it reports
 *     FAKE_DONE_DIFFERS   reports other weights
 *     FAKE_DONE_STEP      reports the step before
 *     FAKE_DONE_EPOCH     reports for the launch before
 *     FAKE_DONE_LATE      connects two seconds after the previous rank, and reports two seconds later
 *     FAKE_DONE_TWICE     set to anything: each rank reports twice
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire/msg.h"
#include "tests/daemon/fake_checkpoint.h"
#include "worker/link/link_socket.h"

#define KEPT_MAX  100000
#define RANKS_MAX 16

struct kept {
    uint64_t step;
    bool is_step;
    uint8_t *frame;
    size_t bytes;
};

static struct {
    struct bit_link_socket socket;
    struct bit_frame_reader reader;
    uint64_t epoch;
    struct fake_model model;
    uint32_t ranks;
    bool training, drifted;
    char folder[BIT_PATH_MAX - 128];
    char identity[64]; /* empty: the run has none */
    Bit__RunSpec *spec;
    struct kept kept[KEPT_MAX];
    size_t kept_count;
    long disk_failures;
    struct bit_link_socket rank[RANKS_MAX]; /* the links of the other ranks */
    const struct bit_launch_id *id;
} w;

static void die(const char *what)
{
    fprintf(stderr, "fake_worker: %s: %s\n", what, bit_fail_text());
    exit(1);
}

static uint64_t number(const char *name)
{
    const char *text = getenv(name);

    return text == NULL ? 0 : strtoull(text, NULL, 10);
}

/* Whether to misbehave now, after this step. Creates FAKE_ONCE. */
static bool is_due(const char *name, uint64_t step)
{
    const char *once = getenv("FAKE_ONCE");

    if (getenv(name) == NULL || number(name) != step)
        return false;
    int fd = once == NULL ? 0 : open(once, O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd > 0)
        close(fd);
    return fd >= 0;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    a ^= b + 0x9e3779b97f4a7c15u + (a << 6) + (a >> 2);
    a *= 0xff51afd7ed558ccdu;
    return a ^ a >> 33;
}

static uint64_t bits(double v)
{
    uint64_t u;

    memcpy(&u, &v, sizeof u);
    return u;
}

/* ---- sending */

static int send_bytes(const uint8_t *data, size_t bytes)
{
    return bit_link_socket_write(&w.socket, data, bytes);
}

static int send_on(struct bit_link_socket *socket, uint64_t epoch, uint16_t type, const void *msg)
{
    uint8_t *frame;
    size_t bytes;

    if (bit_msg_encode(type, epoch, msg, &frame, &bytes) < 0)
        die("encoding");
    int err = bit_link_socket_write(socket, frame, bytes);
    free(frame);
    return err;
}

static int send_message(uint16_t type, const void *msg)
{
    return send_on(&w.socket, w.epoch, type, msg);
}

/* Sends a report and keeps it: a restarted daemon may not have journalled it. */
static int report(uint16_t type, uint64_t step, const void *msg)
{
    BIT_ASSERT(w.kept_count < KEPT_MAX);
    struct kept *k = &w.kept[w.kept_count++];
    k->step = step;
    k->is_step = type == BIT_MSG_STEP_REPORT;
    if (bit_msg_encode(type, w.epoch, msg, &k->frame, &k->bytes) < 0)
        die("encoding");
    return send_bytes(k->frame, k->bytes);
}

static int send_ready(void)
{
    Bit__MemoryPlan memory = BIT__MEMORY_PLAN__INIT;
    Bit__WorkerReady m = BIT__WORKER_READY__INIT;

    m.step = w.model.step;
    m.phase = &w.model.phase;
    m.parameters = 1;
    m.micro_instances = 1;
    m.memory = &memory;
    m.backend = bit_lend("fake");
    m.weights_digest = w.model.weights;
    m.has_moments_digest = m.has_ranks = true;
    m.moments_digest = fake_moments(&w.model);
    m.ranks = w.ranks;
    return send_message(BIT_MSG_WORKER_READY, &m);
}

static int send_kept(uint64_t last_step)
{
    for (size_t i = 0; i < w.kept_count; i++) {
        const struct kept *k = &w.kept[i];
        bool wanted = k->is_step ? k->step > last_step : k->step >= last_step;
        if (wanted && send_bytes(k->frame, k->bytes) < 0)
            return -1;
    }
    return 0;
}

/* ---- checkpoints */

static int do_checkpoint(const Bit__CheckpointOrder *order)
{
    char partial[BIT_PATH_MAX];
    Bit__CheckpointReport m = BIT__CHECKPOINT_REPORT__INIT;

    m.after_step = order->after_step;
    m.name = order->name;
    if (w.disk_failures > 0) {
        w.disk_failures--;
        m.error = -ENOSPC;
        m.text = bit_lend("no room for it");
        return report(BIT_MSG_CHECKPOINT_REPORT, order->after_step, &m);
    }
    if (bit_checkpoint_partial(w.folder, order->name, w.epoch, partial, sizeof partial) < 0)
        die("checkpoint");
    const struct fake_checkpoint c = {.model = &w.model,
                                      .spec = w.spec,
                                      .epoch = w.epoch,
                                      .ranks = w.ranks,
                                      .identity = w.identity[0] ? w.identity : NULL};
    if (fake_checkpoint_write(partial, &c) < 0)
        die("checkpoint");
    m.has_bytes = m.has_weights_digest = m.has_moments_digest = m.has_ms = true;
    m.moments_digest = fake_moments(&w.model);
    m.bytes = 3 * 64;
    m.weights_digest = w.model.weights;
    m.ms = 1;
    return report(BIT_MSG_CHECKPOINT_REPORT, order->after_step, &m);
}

/* ---- orders */

static void fail(int error, const char *text)
{
    Bit__WorkerFailed m = BIT__WORKER_FAILED__INIT;

    m.error = error;
    m.step = w.model.step;
    m.text = bit_lend(text);
    send_message(BIT_MSG_WORKER_FAILED, &m);
    exit(1);
}

static void misbehave(void)
{
    if (is_due("FAKE_DIE_AT", w.model.step))
        kill(getpid(), SIGKILL);
    if (is_due("FAKE_FAIL_AT", w.model.step))
        fail((int)strtol(getenv("FAKE_ERROR"), NULL, 10),
             getenv("FAKE_TEXT") ? getenv("FAKE_TEXT") : "as the test asked");
    if (is_due("FAKE_HANG_AT", w.model.step))
        for (;;)
            pause();
}

static bool is_listed(const char *name, uint32_t crc)
{
    const char *at = getenv(name);

    while (at != NULL && *at != '\0') {
        char *end;
        if (strtoull(at, &end, 10) == crc)
            return true;
        at = *end == ',' ? end + 1 : NULL;
    }
    return false;
}

/* Whether the order's limits make this step skip its update; fills `a` with the anomaly if so. */
static bool skip(const Bit__StepOrder *order, Bit__StepReport *m, Bit__Anomaly *a)
{
    bool nan = is_listed("FAKE_NAN", order->token_crc), high = order->has_loss_most && m->loss > order->loss_most;

    if (nan && !(order->has_skip_nan && order->skip_nan))
        fail(BIT_ENUMERIC, "loss nan of rank 1");
    if (!nan && !high)
        return false;
    a->kind = nan ? BIT__ANOMALY_KIND__NAN_LOSS : BIT__ANOMALY_KIND__LOSS_SPIKE;
    a->has_rank = nan;
    a->rank = 1;
    a->has_value = a->has_bound = !nan;
    a->value = m->loss;
    a->bound = order->loss_most;
    if (nan)
        m->loss = m->grad_norm = 0;
    return true;
}

/* Pads the report's body to FAKE_REPORT_BYTES with rank times, and with up to three more fields until the size fits. */
static void pad(Bit__StepReport *m)
{
    static uint32_t us[BIT_FRAME_BODY_MAX / 4];
    const size_t bytes = number("FAKE_REPORT_BYTES");

    m->rank_us = us;
    for (unsigned more = 0; more < 4; more++) {
        m->has_zero_fraction = more > 0, m->has_flip_rate = more > 1, m->has_weights_digest = more > 2;
        m->weights_digest = w.model.weights;
        for (m->n_rank_us = bytes / 4; m->n_rank_us > 0; m->n_rank_us--)
            if (protobuf_c_message_get_packed_size(&m->base) <= bytes)
                break;
        if (protobuf_c_message_get_packed_size(&m->base) == bytes)
            return;
    }
    die("no report has so many bytes");
}

static int do_step(const Bit__StepOrder *order, uint32_t crc)
{
    Bit__Anomaly anomaly = BIT__ANOMALY__INIT, *anomalies[] = {&anomaly};
    uint32_t rank_us[] = {0, 300, 600, 10, 50, 50, 0, 300, getenv("FAKE_SLOW") ? 1600 : 600, 10, 50, 50};
    Bit__TimeSplit split = BIT__TIME_SPLIT__INIT;
    Bit__StepReport m = BIT__STEP_REPORT__INIT;
    uint64_t us = number("FAKE_STEP_US");
    const struct timespec t = {.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};

    if (order->step != w.model.step + 1)
        fail(BIT_ESTATE, "an order for another step");
    if (order->precision != w.model.phase.precision)
        fail(BIT_EPHASE, "an order for another phase");
    if (crc != order->token_crc)
        fail(BIT_ECORRUPT, "tokens that do not match their checksum");
    if (us > 0)
        nanosleep(&t, NULL);
    uint64_t weights = mix(mix(mix(w.model.weights, crc), bits(order->lr)),
                           bits(order->strength) ^ bits(order->weight_decay));
    weights = mix(weights, (w.model.optimizer_step + 1) ^ bits(w.model.phase.beta2));
    w.model.step = order->step;
    m.step = w.model.step;
    m.precision = order->precision;
    m.strength = order->strength;
    m.loss = 10.0 / (1 + (double)w.model.step / 10) + (double)(weights % 1000003) * 1e-9 + (w.drifted ? 1e-6 : 0) +
             (is_listed("FAKE_SPIKE", crc) ? 1000 : 0);
    m.grad_norm = 1 + (double)(weights % 997) * 1e-3;
    m.has_skipped = m.has_ranks = m.has_token_crc = true;
    m.skipped = skip(order, &m, &anomaly);
    if (!m.skipped) {
        w.model.weights = weights;
        w.model.phase.optimizer_step = ++w.model.optimizer_step;
    }
    m.anomaly = anomalies;
    m.n_anomaly = m.skipped;
    m.ranks = w.ranks;
    m.token_crc = crc;
    m.rank_us = rank_us;
    m.n_rank_us = BIT_COUNT(rank_us);
    m.lr = order->lr;
    m.tokens = order->token_bytes / (uint64_t)w.spec->data->dtype;
    m.ms = getenv("FAKE_NO_TIME") ? 1e-320 : 1 + (double)us / 1000;
    m.split = &split;
    if (w.model.step == 2 && getenv("FAKE_REPORT_BYTES") != NULL)
        pad(&m);
    int err = report(BIT_MSG_STEP_REPORT, w.model.step, &m);
    misbehave();
    return err;
}

static int do_switch(const Bit__PhaseSwitch *order)
{
    Bit__PhaseSwitched m = BIT__PHASE_SWITCHED__INIT;

    if (order->after_step != w.model.step || w.model.phase.precision != BIT__PRECISION__SIXTEEN_BIT)
        fail(BIT_EPHASE, "a switch that does not belong here");
    m.optimizer_step_before = w.model.optimizer_step;
    m.moments_before = w.model.weights;
    if (order->optimizer == BIT__OPTIMIZER_AT_SWITCH__RESET)
        w.model.optimizer_step = 0;
    w.model.phase.precision = order->precision;
    w.model.phase.switched_after = w.model.step;
    w.model.phase.optimizer_step = w.model.optimizer_step;
    w.model.phase.beta1 = order->beta1;
    w.model.phase.beta2 = order->beta2;
    m.after_step = w.model.step;
    m.phase = &w.model.phase;
    m.phase_digest = mix(w.model.step, w.model.optimizer_step);
    m.moments_after = w.model.optimizer_step;
    return report(BIT_MSG_PHASE_SWITCHED, w.model.step, &m);
}

static int do_evaluate(const Bit__EvaluateOrder *order, uint32_t crc)
{
    Bit__EvaluateReport m = BIT__EVALUATE_REPORT__INIT;

    if (crc != order->token_crc)
        fail(BIT_ECORRUPT, "tokens that do not match their checksum");
    if (order->after_step != w.model.step)
        fail(BIT_ESTATE, "an evaluation that does not belong here");
    m.after_step = order->after_step;
    m.set = order->set;
    m.precision = order->precision;
    m.loss = 5 + (double)(mix(w.model.weights, crc) % 1000) * 1e-3;
    m.targets = order->token_bytes / (uint64_t)w.spec->data->dtype - order->instances;
    m.ms = 1;
    return report(BIT_MSG_EVALUATE_REPORT, w.model.step, &m);
}

static int do_score(const Bit__ScoreOrder *order, uint32_t crc)
{
    Bit__ScoreReport m = BIT__SCORE_REPORT__INIT;
    double *sum = calloc(order->n_tokens + 1, sizeof *sum);

    if (crc != order->token_crc)
        fail(BIT_ECORRUPT, "tokens that do not match their checksum");
    if (order->after_step != w.model.step || sum == NULL)
        fail(BIT_ESTATE, "log-likelihoods that do not belong here");
    for (size_t i = 0; i < order->n_tokens; i++)
        sum[i] = -1 - (double)(mix(w.model.weights, mix(crc, i)) % 1000) * 1e-2;
    m.after_step = order->after_step;
    m.precision = order->precision;
    m.tag = order->tag;
    m.n_sum = order->n_tokens;
    m.sum = sum;
    m.ms = 1;
    int err = report(BIT_MSG_SCORE_REPORT, w.model.step, &m);
    free(sum);
    return err;
}

/* ---- the end */

static int say_hello(uint32_t rank, struct bit_link_socket *socket)
{
    Bit__WorkerHello m = BIT__WORKER_HELLO__INIT;

    m.protocol = BIT_PROTOCOL_VERSION;
    m.run = bit_lend(w.id->run);
    m.epoch = w.epoch;
    m.secret = (ProtobufCBinaryData){.len = sizeof w.id->secret, .data = (uint8_t *)(uintptr_t)w.id->secret};
    m.host = bit_lend("here");
    m.pid = (uint32_t)getpid();
    m.ranks = w.ranks;
    m.step = w.model.step;
    m.training = w.training || rank > 0;
    m.has_rank = rank > 0;
    m.rank = rank;
    return send_on(socket, w.epoch, BIT_MSG_WORKER_HELLO, &m);
}

static void kill_daemon(void)
{
    struct ucred peer;
    socklen_t length = sizeof peer;

    if (getsockopt(w.socket.fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
        die("whose socket it is");
    kill(peer.pid, SIGKILL);
}

/* What this rank does before WorkerDone, or instead of it. */
static void misbehave_at_the_end(uint32_t rank)
{
    if (is_due("FAKE_DONE_KILLS", rank))
        kill_daemon();
    if (is_due("FAKE_DONE_DIES", rank))
        kill(getpid(), SIGKILL);
    if (is_due("FAKE_DONE_LEAVES", rank))
        exit(0);
    if (is_due("FAKE_DONE_HANGS", rank))
        for (;;)
            pause();
}

static int say_done(struct bit_link_socket *socket, uint32_t rank, Bit__StopReason reason)
{
    Bit__WorkerDone m = BIT__WORKER_DONE__INIT;

    misbehave_at_the_end(rank);
    m.reason = reason;
    m.step = w.model.step - is_due("FAKE_DONE_STEP", rank);
    m.weights_digest = w.model.weights ^ is_due("FAKE_DONE_DIFFERS", rank);
    m.phase_digest = mix(w.model.optimizer_step, (uint64_t)w.model.phase.precision);
    m.ranks = w.ranks;
    m.rank = rank;
    uint64_t epoch = w.epoch - is_due("FAKE_DONE_EPOCH", rank);
    int err = send_on(socket, epoch, BIT_MSG_WORKER_DONE, &m);
    return err == 0 && getenv("FAKE_DONE_TWICE") ? send_on(socket, epoch, BIT_MSG_WORKER_DONE, &m) : err;
}

static void wait_if_late(uint32_t rank)
{
    if (is_due("FAKE_DONE_LATE", rank))
        sleep(2);
}

/* All ranks report WorkerDone, rank 0 last; bitd answers with DoneTaken. false if the daemon is gone. */
static bool do_stop(const Bit__StopOrder *order)
{
    for (uint32_t r = 1; r < BIT_MIN(w.ranks, (uint32_t)RANKS_MAX); r++) {
        bit_link_socket_close(&w.rank[r]);
        wait_if_late(r);
        if (bit_link_socket_open(&w.rank[r], getenv("BITD_LINK"), w.id, 10000) < 0 || say_hello(r, &w.rank[r]) < 0)
            return false;
        wait_if_late(r);
        if (say_done(&w.rank[r], r, order->reason) < 0)
            return false;
    }
    if (say_done(&w.socket, 0, order->reason) < 0)
        return false;
    misbehave_at_the_end(w.ranks); /* this number: after all ranks have reported */
    return true;
}

/* ---- receiving */

/* The next frame; false when the daemon is gone. */
static bool receive(struct bit_frame *frame)
{
    for (;;) {
        int err = bit_frame_reader_next(&w.reader, frame);
        if (err > 0)
            return true;
        if (err < 0)
            die("frame");
        uint8_t *room;
        size_t bytes;
        if (bit_frame_reader_reserve(&w.reader, &room, &bytes) < 0)
            die("memory");
        ssize_t n = bit_link_socket_read(&w.socket, room, bytes);
        if (n <= 0)
            return false;
        bit_frame_reader_commit(&w.reader, (size_t)n);
    }
}

static bool receive_payload(uint64_t bytes, uint32_t *crc)
{
    *crc = 0;
    while (bytes > 0) {
        struct bit_frame frame;
        if (!receive(&frame))
            return false;
        if (frame.type != BIT_FRAME_PAYLOAD || frame.body_bytes > bytes || frame.epoch != w.epoch)
            die("a payload that does not belong here");
        *crc = bit_crc32c(*crc, frame.body, frame.body_bytes);
        bytes -= frame.body_bytes;
    }
    return true;
}

/* false if the daemon went away meanwhile. */
static bool obey(uint16_t type, const ProtobufCMessage *msg)
{
    const void *m = msg;
    uint32_t crc;

    switch (type) {
    case BIT_MSG_STEP_ORDER:
        return receive_payload(((const Bit__StepOrder *)m)->token_bytes, &crc) && do_step(m, crc) == 0;
    case BIT_MSG_EVALUATE_ORDER:
        return receive_payload(((const Bit__EvaluateOrder *)m)->token_bytes, &crc) && do_evaluate(m, crc) == 0;
    case BIT_MSG_SCORE_ORDER:
        return receive_payload(((const Bit__ScoreOrder *)m)->token_bytes, &crc) && do_score(m, crc) == 0;
    case BIT_MSG_PHASE_SWITCH:
        return do_switch(m) == 0;
    case BIT_MSG_CHECKPOINT_ORDER:
        return do_checkpoint(m) == 0;
    case BIT_MSG_BEAT:
        return true;
    case BIT_MSG_STOP_ORDER:
        return do_stop(m);
    case BIT_MSG_DONE_TAKEN:
        exit(0);
    default:
        die("an order of no known kind");
        return false;
    }
}

static bool receive_message(uint16_t *type, ProtobufCMessage **msg)
{
    struct bit_frame frame;

    if (!receive(&frame))
        return false;
    if (frame.epoch != w.epoch)
        die("another epoch");
    if (bit_msg_decode(BIT_CHANNEL_LINK_DOWN, frame.type, frame.body, frame.body_bytes, msg) < 0)
        die("message");
    *type = frame.type;
    return true;
}

/* ---- connecting */

static void read_id(struct bit_launch_id *id)
{
    int fd = open(getenv("BITD_SECRET_FILE"), O_RDONLY | O_CLOEXEC);

    if (fd < 0 || read(fd, id->secret, sizeof id->secret) != sizeof id->secret)
        die("secret");
    close(fd);
    id->epoch = w.epoch;
    snprintf(id->run, sizeof id->run, "%s", getenv("BITD_RUN"));
}

static void take_welcome(const Bit__Welcome *welcome)
{
    bit_msg_free(w.spec);
    w.spec = bit_msg_clone(welcome->spec);
    snprintf(w.folder, sizeof w.folder, "%s", welcome->checkpoint_dir);
    snprintf(w.identity, sizeof w.identity, "%s", welcome->identity ? welcome->identity : "");
    if (w.training)
        return;
    w.model.weights = w.spec->model->init_seed;
    w.model.phase.beta1 = w.spec->optimizer->beta1;
    w.model.phase.beta2 = w.spec->optimizer->beta2;
    if (welcome->restore != NULL && fake_checkpoint_read(welcome->restore, &w.model) < 0)
        die(welcome->restore);
    w.drifted = welcome->restore != NULL && getenv("FAKE_DRIFT") != NULL;
    w.training = true;
    misbehave();
}

/* One connection, from hello to its end. */
static void serve(void)
{
    ProtobufCMessage *msg;
    uint16_t type;

    bit_frame_reader_finish(&w.reader);
    bit_frame_reader_init(&w.reader, BIT_FRAME_BODY_MAX);
    if (say_hello(0, &w.socket) < 0 || !receive_message(&type, &msg))
        return;
    if (type != BIT_MSG_WELCOME)
        die("no welcome");
    const Bit__Welcome *welcome = (const Bit__Welcome *)msg;
    bool was_training = w.training;
    take_welcome(welcome);
    bool ok = (!was_training || send_kept(welcome->last_step) == 0) && send_ready() == 0;
    bit_msg_free(msg);
    while (ok && receive_message(&type, &msg)) {
        ok = obey(type, msg);
        bit_msg_free(msg);
    }
}

static int plan(const char *path)
{
    Bit__MemoryPlan memory = BIT__MEMORY_PLAN__INIT;
    Bit__WorkerReady m = BIT__WORKER_READY__INIT;
    uint8_t *frame;
    size_t bytes;

    if (access(path, R_OK) < 0)
        return 1;
    memory.total = memory.weights = getenv("FAKE_MEMORY") ? number("FAKE_MEMORY") : 1 << 20;
    m.phase = &w.model.phase;
    m.parameters = 1;
    m.micro_instances = 1;
    m.memory = &memory;
    m.backend = bit_lend("fake");
    if (bit_msg_encode(BIT_MSG_WORKER_READY, 0, &m, &frame, &bytes) < 0)
        return 1;
    bool ok = fwrite(frame, 1, bytes, stdout) == bytes;
    free(frame);
    return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
    const struct timespec again = {.tv_nsec = 20 * 1000 * 1000};
    struct bit_launch_id id = {0};

    bit__phase_state__init(&w.model.phase);
    w.model.phase.precision = BIT__PRECISION__SIXTEEN_BIT;
    if (argc == 3 && strcmp(argv[1], "--plan") == 0)
        return plan(argv[2]);
    w.epoch = number("BITD_EPOCH");
    w.ranks = (uint32_t)number("FAKE_RANKS"); /* one process plays all ranks */
    w.disk_failures = (long)number("FAKE_NO_DISK");
    bit_frame_reader_init(&w.reader, BIT_FRAME_BODY_MAX);
    bit_link_socket_init(&w.socket);
    for (size_t r = 0; r < RANKS_MAX; r++)
        bit_link_socket_init(&w.rank[r]);
    read_id(&id);
    w.id = &id;
    printf("fake worker of launch %" PRIu64 "\n", w.epoch);
    fflush(stdout);
    for (;;) { /* polls: nothing signals when bitd's socket appears */
        if (bit_link_socket_open(&w.socket, getenv("BITD_LINK"), &id, 10000) == 0) {
            bit_link_socket_limit(&w.socket, 0);
            serve();
            bit_link_socket_close(&w.socket);
        }
        nanosleep(&again, NULL);
    }
}
