/*
 * All ranks of a large launch in one process, over the worker's own link code: rank 0 is a session
 * (worker/link/session), and every other rank has a real heartbeat (worker/link/heartbeat) with its own thread,
 * connection and timeouts. There is no model and no MPI: the "weights" are a number computed from the tokens, and a
 * step's times are made up.
 *
 * fake_mpirun starts it and sets the number of ranks (FAKE_RANKS). From the environment:
 *     FAKE_STEP_US     a step takes this long
 *     FAKE_MUTE        this rank sends no heartbeat after step FAKE_MUTE_AT, and the others wait for it. FAKE_MUTE_AT
 *                      may also be "greeted", before its first heartbeat, or "never", before it connects ...
 *     FAKE_ONCE        ... only in the first launch, which creates this file
 *     FAKE_LONG        after each step this rank sends a frame that is longer than bitd accepts
 *     FAKE_SLOW        this rank's reported times are twice those of the others
 *     FAKE_LOG         if set, the launch's log has each failed attempt to connect
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/err.h"
#include "proto/log.h"
#include "proto/wire/msg.h"
#include "tests/daemon/fake_checkpoint.h"
#include "tests/sanitizer.h"
#include "worker/link/session.h"
#include "worker/process/signals.h"
#include "worker/ranks/ranks_told.h"

#define STACK_BYTES (TEST_SANITIZED ? 1u << 20 : 256u << 10) /* of a thread: each rank has two */

static struct {
    struct bit_session session;
    struct bit_sections sections; /* shared by all ranks, which are always at the same step */
    struct bit_heartbeat *beat;   /* by rank, from 1 */
    struct bit_ranks_told told;
    uint32_t *us;
    uint32_t ranks;
    struct fake_model model;
    Bit__RunSpec *spec;
    char folder[BIT_PATH_MAX - 128], identity[64]; /* identity: "" if the run has none */
    uint64_t epoch;
} fleet;

static uint64_t number(const char *name)
{
    const char *text = getenv(name);

    return text == NULL ? 0 : strtoull(text, NULL, 10);
}

static void must(int err, const char *what)
{
    if (err >= 0)
        return;
    fprintf(stderr, "fleet: %s: %s\n", what, bit_fail_text());
    exit(bit_exit_code(err));
}

/* ---- steps */

static bool is_first_time(void)
{
    const char *once = getenv("FAKE_ONCE");
    int fd = once == NULL ? -1 : open(once, O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0)
        close(fd);
    return once == NULL || fd >= 0;
}

static void wait_for_mute_rank(void)
{
    for (;;)
        pause(); /* no step completes without it */
}

static void mute_after_step(void)
{
    const char *at = getenv("FAKE_MUTE_AT");

    if (getenv("FAKE_MUTE") == NULL || at == NULL || strspn(at, "0123456789") != strlen(at) ||
        fleet.model.step != number("FAKE_MUTE_AT") || !is_first_time())
        return;
    pthread_mutex_lock(&fleet.beat[number("FAKE_MUTE")].lock); /* blocks its thread at the next heartbeat */
    wait_for_mute_rank();
}

static void send_too_much(void)
{
    static const uint8_t frame[BIT_FRAME_HEADER_BYTES + BIT_REPORT_BODY_MAX + 1];

    if (getenv("FAKE_LONG") != NULL)
        bit_link_write(&fleet.beat[number("FAKE_LONG")].own, frame, sizeof frame);
}

static void fill_times(void)
{
    const char *slow = getenv("FAKE_SLOW");

    for (uint32_t r = 0; r < fleet.ranks; r++) {
        const uint32_t twice = slow != NULL && number("FAKE_SLOW") == r ? 2 : 1;
        uint32_t *us = fleet.us + (size_t)r * BIT_SECTION_SPLIT;
        us[BIT_SECTION_FORWARD] = 300 * twice + r % 7;
        us[BIT_SECTION_BACKWARD] = 600 * twice;
        us[BIT_SECTION_COMM] = 10;
        us[BIT_SECTION_OTHER] = 50;
    }
}

static void do_step(const Bit__StepOrder *order)
{
    const uint64_t us = number("FAKE_STEP_US");
    const struct timespec t = {.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};
    Bit__TimeSplit split = BIT__TIME_SPLIT__INIT;
    Bit__StepReport m = BIT__STEP_REPORT__INIT;

    nanosleep(&t, NULL);
    BIT_ASSERT(order->step == fleet.model.step + 1);
    fleet.model.step = order->step;
    fleet.model.phase.optimizer_step = ++fleet.model.optimizer_step;
    fleet.model.weights = (fleet.model.weights ^ order->token_crc) * 0x9e3779b97f4a7c15u;
    m.step = order->step;
    m.precision = order->precision;
    m.strength = order->strength;
    m.loss = 10 + (double)(fleet.model.weights % 1000003) * 1e-9;
    m.grad_norm = 1;
    m.lr = order->lr;
    m.has_skipped = m.has_ranks = m.has_token_crc = true;
    m.ranks = fleet.ranks;
    m.token_crc = order->token_crc;
    m.tokens = order->token_bytes / 2;
    m.ms = 1 + (double)us / 1000;
    m.split = &split;
    fill_times();
    bit_ranks_told_fill(&fleet.told, fleet.us, fleet.ranks, &m);
    atomic_store(&fleet.sections.step, fleet.model.step);
    must(bit_session_report(&fleet.session, BIT_MSG_STEP_REPORT, fleet.model.step, &m), "a report");
    for (uint32_t r = 1; r < fleet.ranks; r++)
        bit_heartbeat_done(&fleet.beat[r], NULL);
    send_too_much();
    mute_after_step();
}

/* ---- the end */

static void stop(const Bit__StopOrder *order)
{
    Bit__WorkerDone done = BIT__WORKER_DONE__INIT;

    done.reason = order->reason;
    done.step = fleet.model.step;
    done.weights_digest = fleet.model.weights;
    done.ranks = fleet.ranks;
    for (uint32_t r = 1; r < fleet.ranks; r++) {
        done.rank = r;
        bit_heartbeat_done(&fleet.beat[r], &done);
    }
    done.rank = 0;
    bit_session_done(&fleet.session, &done);
}

/* ---- orders */

static void fill_ready(Bit__WorkerReady *m)
{
    static Bit__MemoryPlan memory = BIT__MEMORY_PLAN__INIT;

    bit__worker_ready__init(m);
    m->step = fleet.model.step;
    m->phase = &fleet.model.phase;
    m->parameters = m->micro_instances = 1;
    m->memory = &memory;
    m->backend = bit_lend("fleet");
    m->weights_digest = fleet.model.weights;
    m->has_moments_digest = m->has_ranks = true;
    m->moments_digest = fake_moments(&fleet.model);
    m->ranks = fleet.ranks;
}

static void say_ready(void)
{
    Bit__WorkerReady m;

    fill_ready(&m);
    bit_session_ready(&fleet.session, &m);
}

static void write_checkpoint(const Bit__CheckpointOrder *order)
{
    const struct fake_checkpoint c = {.model = &fleet.model,
                                      .spec = fleet.spec,
                                      .epoch = fleet.epoch,
                                      .ranks = fleet.ranks,
                                      .identity = fleet.identity[0] ? fleet.identity : NULL};
    Bit__CheckpointReport m = BIT__CHECKPOINT_REPORT__INIT;
    char partial[BIT_PATH_MAX];

    must(bit_checkpoint_partial(fleet.folder, order->name, fleet.epoch, partial, sizeof partial), "a checkpoint");
    must(fake_checkpoint_write(partial, &c), "a checkpoint");
    m.after_step = order->after_step;
    m.name = order->name;
    m.has_bytes = m.has_weights_digest = m.has_moments_digest = m.has_ms = true;
    m.bytes = 3 * 64;
    m.weights_digest = fleet.model.weights;
    m.moments_digest = fake_moments(&fleet.model);
    m.ms = 1;
    must(bit_session_report(&fleet.session, BIT_MSG_CHECKPOINT_REPORT, fleet.model.step, &m), "a report");
}

/* False at the end. */
static bool obey(const struct bit_link_order *order)
{
    switch (order->type) {
    case BIT_MSG_STEP_ORDER:
        do_step((const Bit__StepOrder *)order->msg);
        return true;
    case BIT_MSG_CHECKPOINT_ORDER:
        write_checkpoint((const Bit__CheckpointOrder *)order->msg);
        return true;
    case BIT_MSG_STOP_ORDER:
        stop((const Bit__StopOrder *)order->msg);
        return true;
    case BIT_MSG_DONE_TAKEN:
        return false;
    default:
        fprintf(stderr, "fleet: an order that it does not know: %s\n", bit_msg_name(order->type));
        exit(1);
    }
}

static void train(void)
{
    const struct bit_link_order *order;
    int got;

    say_ready();
    do {
        got = bit_session_next(&fleet.session, &order);
        must(got, "orders");
        if (got == 1)
            say_ready();
    } while (got == 1 || obey(order));
}

/* ---- the process */

/* Thousands of threads need small stacks. The limit applies from the start of a process, so this re-executes it. */
static void with_small_stacks(char **argv)
{
    struct rlimit most;

    if (getrlimit(RLIMIT_STACK, &most) < 0 || most.rlim_cur <= 4 * STACK_BYTES)
        return;
    most.rlim_cur = STACK_BYTES;
    setrlimit(RLIMIT_STACK, &most);
    execv("/proc/self/exe", argv);
    perror("fleet");
    exit(1);
}

static void raise_file_limit(void)
{
    struct rlimit most;

    if (getrlimit(RLIMIT_NOFILE, &most) == 0) {
        most.rlim_cur = most.rlim_max;
        setrlimit(RLIMIT_NOFILE, &most);
    }
}

static void take_welcome(const Bit__Welcome *welcome)
{
    fleet.spec = bit_msg_clone(welcome->spec);
    fleet.epoch = welcome->epoch;
    snprintf(fleet.folder, sizeof fleet.folder, "%s", welcome->checkpoint_dir);
    snprintf(fleet.identity, sizeof fleet.identity, "%s", welcome->identity ? welcome->identity : "");
    fleet.model.phase.beta1 = welcome->spec->optimizer->beta1;
    fleet.model.phase.beta2 = welcome->spec->optimizer->beta2;
    if (welcome->restore != NULL)
        must(fake_checkpoint_read(welcome->restore, &fleet.model), "a checkpoint");
    atomic_store(&fleet.sections.step, fleet.model.step);
}

/* Connects the rank's link as its heartbeat would, and sends no heartbeat. */
static void greet_only(const struct bit_link_config *config, uint32_t rank)
{
    Bit__WorkerHello hello = BIT__WORKER_HELLO__INIT;
    struct bit_link *link = &fleet.beat[rank].own;
    Bit__Welcome *welcome;

    hello.ranks = fleet.ranks;
    hello.rank = rank;
    hello.has_rank = hello.training = true;
    bit_link_init(link, config);
    must(bit_link_connect(link, &hello, 30000, &welcome), "the mute rank");
    bit_msg_free(welcome);
}

/* The rank that is mute from the start, if FAKE_MUTE_AT is `when`; 0: none. */
static uint32_t mute_from_start(const char *when)
{
    const char *at = getenv("FAKE_MUTE_AT");

    return at != NULL && strcmp(at, when) == 0 ? (uint32_t)number("FAKE_MUTE") : 0;
}

static void start_beats(const struct bit_link_config *config, const Bit__Welcome *welcome)
{
    const uint32_t greeted = mute_from_start("greeted"), never = mute_from_start("never");
    const uint32_t mute = (greeted > 0 || never > 0) && is_first_time() ? greeted + never : 0;

    for (uint32_t r = 1; r < fleet.ranks; r++)
        if (r != mute)
            must(bit_heartbeat_start_own(&fleet.beat[r], config, r, fleet.ranks, &fleet.sections, welcome), "a rank");
    if (mute > 0 && mute == greeted)
        greet_only(config, mute);
    if (mute > 0)
        wait_for_mute_rank();
}

static void start(void)
{
    struct bit_link_config config;
    Bit__Welcome *welcome;

    fleet.ranks = (uint32_t)number("FAKE_RANKS");
    fleet.beat = calloc(fleet.ranks, sizeof *fleet.beat);
    fleet.us = calloc(fleet.ranks, BIT_SECTION_SPLIT * sizeof *fleet.us);
    must(fleet.beat == NULL || fleet.us == NULL ? bit_fail(-ENOMEM, "%u ranks", fleet.ranks) : 0, "memory");
    must(bit_ranks_told_init(&fleet.told, fleet.ranks), "memory");
    must(bit_link_config_from_env(&config), "the environment");
    bit_sections_restart(&fleet.sections, BIT_SECTION_OTHER);
    bit_session_init(&fleet.session, &config, fleet.ranks, &fleet.sections);
    must(bit_session_open(&fleet.session, &welcome), "bitd");
    take_welcome(welcome);
    start_beats(&config, welcome);
    bit_msg_free(welcome);
}

/* Answers bitd's question for a rank's memory. */
static int plan(void)
{
    Bit__WorkerReady m;
    uint8_t *frame;
    size_t bytes;

    fill_ready(&m);
    must(bit_msg_encode(BIT_MSG_WORKER_READY, 0, &m, &frame, &bytes), "a plan");
    bool ok = fwrite(frame, 1, bytes, stdout) == bytes;
    free(frame);
    return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
    bit__phase_state__init(&fleet.model.phase);
    fleet.model.phase.precision = BIT__PRECISION__SIXTEEN_BIT;
    if (argc == 3 && strcmp(argv[1], "--plan") == 0)
        return plan();
    with_small_stacks(argv);
    raise_file_limit();
    setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + 10); /* real ranks would not take bitd's cores */
    bit_log_init(getenv("FAKE_LOG") == NULL ? BIT_LOG_WARN : BIT_LOG_DEBUG);
    must(bit_signals_init(), "signals");
    start();
    train();
    fflush(NULL);
    _exit(0); /* without joining the threads */
}
