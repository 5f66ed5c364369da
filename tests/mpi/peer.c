#include "tests/mpi/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/crc32c.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "tests/spec_of.h"
#include "tests/test.h"

#define WAIT_MS 300000
#define EPOCH   7

static const char spec_text[] =
    "name: 'tiny' model { layers: 2 width: 64 heads: 4 mlp_hidden: 96 vocab: 250 vocab_padded: 256 context: 32 }"
    "data { train: '/nowhere' } batch { instances: 8 micro_instances: 2 }"
    "schedule { steps: 100 peak_lr: 3e-3 } phases { switch { at_step: 3 ramp_steps: 9 } }"
    "quantizer { preset: 'continual' } launch { threads: 1 }";

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* ---- the folder and the worker process */

static bool listen_at(struct peer *p)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    snprintf(at.sun_path, sizeof at.sun_path, "%s", p->socket);
    p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return EXPECT_EQ(bind(p->listener, (const struct sockaddr *)&at, sizeof at), 0) &&
           EXPECT_EQ(listen(p->listener, 8), 0);
}

bool peer_open(struct peer *p)
{
    FILE *secret;

    snprintf(p->dir, sizeof p->dir, "%s", test_folder_new());
    p->fd = p->listener = -1;
    p->epoch = EPOCH;
    bit_frame_reader_init(&p->reader, BIT_FRAME_BODY_MAX);
    snprintf(p->socket, sizeof p->socket, "%s/link", p->dir);
    snprintf(p->secret, sizeof p->secret, "%s/secret", p->dir);
    snprintf(p->checkpoints, sizeof p->checkpoints, "%s/checkpoints", p->dir);
    secret = fopen(p->secret, "w");
    if (!EXPECT(secret != NULL))
        return false;
    fchmod(fileno(secret), 0600); /* the worker refuses any other mode */
    fputs("0123456789abcdef0123456789abcdef", secret);
    fclose(secret);
    return listen_at(p);
}

void peer_close(struct peer *p)
{
    peer_drop(p);
    if (p->pid > 0) {
        kill(p->pid, SIGKILL);
        waitpid(p->pid, NULL, 0);
        p->pid = 0;
        bit_leftovers_remove(&p->leftovers, p->ranks);
    }
    if (p->listener >= 0)
        close(p->listener);
    bit_msg_free(p->held);
    p->held = NULL;
    if (p->dir[0] != '\0')
        test_folder_remove(p->dir);
}

static void become_worker(const struct peer *p, int ranks)
{
    const char *worker = p->worker != NULL ? p->worker : getenv("BITWORKER"), *mpirun = getenv("MPIRUN");
    char epoch[32], count[16];

    snprintf(epoch, sizeof epoch, "%llu", (unsigned long long)p->epoch);
    snprintf(count, sizeof count, "%d", ranks);
    setenv("BITD_LINK", p->socket, 1);
    setenv("BITD_RUN", "r7", 1);
    setenv("BITD_EPOCH", epoch, 1);
    setenv("BITD_SECRET_FILE", p->secret, 1);
    setenv("BITD_RETRY_S", p->retry_s == NULL ? "30" : p->retry_s, 1);
    setenv("BITD_LOG", getenv("BIT_TEST_VERBOSE") == NULL ? "error" : "debug", 1);
    if (getenv("BIT_TEST_VERBOSE") == NULL) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
    }
    if (ranks == 1)
        execl(worker, worker, (char *)NULL);
    else
        execlp(mpirun, mpirun, "-n", count, "--oversubscribe", "--bind-to", "none",
               geteuid() == 0 ? "--allow-run-as-root" : "--quiet", worker, (char *)NULL);
    _exit(127);
}

bool peer_start(struct peer *p, int ranks)
{
    if (!EXPECT(getenv("BITWORKER") != NULL) || !EXPECT(ranks == 1 || getenv("MPIRUN") != NULL))
        return false;
    p->ranks = (uint32_t)ranks;
    p->pid = fork();
    if (p->pid == 0)
        become_worker(p, ranks);
    if (ranks > 1)
        bit_leftovers_note_launcher(&p->leftovers, p->pid);
    return EXPECT(p->pid > 0);
}

int peer_wait(struct peer *p)
{
    const struct timespec nap = {.tv_nsec = 5000000};
    const double until = now_ms() + WAIT_MS;
    int status = 0;

    while (p->pid > 0 && now_ms() < until) {
        if (waitpid(p->pid, &status, WNOHANG) == p->pid) {
            p->pid = 0;
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
        nanosleep(&nap, NULL);
    }
    return -1;
}

/* ---- frames */

void peer_drop(struct peer *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
    bit_frame_reader_finish(&p->reader);
}

static bool readable(int fd, double until_ms)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};

    return poll(&ready, 1, (int)fmax(until_ms - now_ms(), 0)) == 1;
}

static bool read_frame(struct peer *p, struct bit_frame *frame)
{
    const double until = now_ms() + WAIT_MS;
    int err;

    while ((err = bit_frame_reader_next(&p->reader, frame)) == 0) {
        uint8_t *room;
        size_t bytes;
        ssize_t got;
        if (p->fd < 0 || bit_frame_reader_reserve(&p->reader, &room, &bytes) < 0 || !readable(p->fd, until))
            return false;
        got = read(p->fd, room, bytes);
        if (got <= 0)
            return false;
        bit_frame_reader_commit(&p->reader, (size_t)got);
    }
    return err > 0;
}

void peer_kill(struct peer *p)
{
    struct bit_frame frame;

    if (p->pid > 0)
        kill(p->pid, SIGKILL);
    peer_wait(p);
    while (read_frame(p, &frame))
        ;
    EXPECT(p->fd < 0 || readable(p->fd, now_ms())); /* the link ended, rather than the wait */
    bit_leftovers_remove(&p->leftovers, p->ranks);
}

static const char *explain(const ProtobufCMessage *msg, uint16_t type)
{
    static char text[600];

    if (type == BIT_MSG_WORKER_FAILED)
        snprintf(text, sizeof text, "worker_failed: %s", ((const Bit__WorkerFailed *)msg)->text);
    else
        snprintf(text, sizeof text, "%s", bit_msg_name(type));
    return text;
}

const void *peer_next(struct peer *p, uint16_t type)
{
    struct bit_frame frame;

    do {
        bit_msg_free(p->held);
        p->held = NULL;
        if (!EXPECT(read_frame(p, &frame)))
            return NULL;
        if (!EXPECT_EQ(frame.epoch, p->epoch) ||
            !EXPECT_EQ(bit_msg_decode(BIT_CHANNEL_LINK_UP, frame.type, frame.body, frame.body_bytes, &p->held), 0))
            return NULL;
    } while (frame.type == BIT_MSG_HEARTBEAT && type != BIT_MSG_HEARTBEAT);
    if (frame.type != type && !EXPECT_STREQ(explain(p->held, frame.type), bit_msg_name(type)))
        return NULL;
    return p->held;
}

void peer_write(struct peer *p, const void *bytes, size_t count)
{
    for (size_t at = 0; at < count;) {
        ssize_t put = send(p->fd, (const char *)bytes + at, count - at, MSG_NOSIGNAL);
        if (put <= 0)
            return; /* the worker is gone: the next read fails */
        at += (size_t)put;
    }
}

void peer_send_epoch(struct peer *p, uint64_t epoch, uint16_t type, const void *msg)
{
    uint8_t *frame;
    size_t bytes;

    if (!EXPECT_EQ(bit_msg_encode(type, epoch, msg, &frame, &bytes), 0))
        return;
    peer_write(p, frame, bytes);
    free(frame);
}

void peer_send(struct peer *p, uint16_t type, const void *msg)
{
    peer_send_epoch(p, p->epoch, type, msg);
}

/* In pieces, so that a step's payload takes several frames. */
void peer_payload(struct peer *p, const void *tokens, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += 300) {
        const struct bit_frame frame = {
            .type = BIT_FRAME_PAYLOAD,
            .epoch = p->epoch,
            .body = (const uint8_t *)tokens + at,
            .body_bytes = (uint32_t)(bytes - at < 300 ? bytes - at : 300),
        };
        uint8_t header[BIT_FRAME_HEADER_BYTES];

        bit_frame_encode_header(&frame, header);
        peer_write(p, header, sizeof header);
        peer_write(p, frame.body, frame.body_bytes);
    }
}

/* ---- messages */

const Bit__WorkerHello *peer_accept(struct peer *p)
{
    peer_drop(p);
    if (!EXPECT(readable(p->listener, now_ms() + WAIT_MS)))
        return NULL;
    p->fd = accept(p->listener, NULL, NULL);
    const Bit__WorkerHello *hello = EXPECT(p->fd >= 0) ? peer_next(p, BIT_MSG_WORKER_HELLO) : NULL;
    if (hello != NULL)
        bit_leftovers_note(&p->leftovers, p->rank = (pid_t)hello->pid);
    return hello;
}

static Bit__RunSpec *make_spec(const struct peer *p, uint32_t ranks)
{
    Bit__RunSpec *spec = test_spec_parse(spec_text);

    for (int i = 0; i < PEER_SET_MAX && p->set[i] != NULL; i++)
        EXPECT_EQ(bit_spec_set(spec, p->set[i], &test_problems), 0);
    if (!EXPECT_EQ(bit_spec_normalise(spec, NULL, &test_problems), 0))
        fprintf(stderr, "%s: %s\n", test_problems.item[0].field, test_problems.item[0].text);
    spec->launch->ranks = ranks;
    return spec;
}

void peer_welcome(struct peer *p, uint64_t last_step, const char *restore)
{
    Bit__Welcome welcome = BIT__WELCOME__INIT;

    welcome.protocol = BIT_PROTOCOL_VERSION;
    welcome.epoch = p->epoch;
    welcome.spec = make_spec(p, 1);
    welcome.last_step = last_step;
    welcome.checkpoint_dir = p->checkpoints;
    welcome.identity = (char *)(uintptr_t)PEER_IDENTITY;
    welcome.restore = (char *)(uintptr_t)restore;
    welcome.init = p->init;
    welcome.has_beat_ms = p->beat_ms > 0;
    welcome.beat_ms = p->beat_ms;
    peer_send(p, BIT_MSG_WELCOME, &welcome);
    bit_msg_free(welcome.spec);
}

const Bit__WorkerReady *peer_begin(struct peer *p, int ranks, const char *restore)
{
    const Bit__WorkerHello *hello = peer_start(p, ranks) ? peer_accept(p) : NULL;

    if (hello == NULL || !EXPECT_EQ(hello->ranks, (uint32_t)ranks) || !EXPECT_EQ(hello->epoch, p->epoch) ||
        !EXPECT(!hello->training) || !EXPECT_EQ(hello->secret.len, 32) || !EXPECT_STREQ(hello->run, "r7"))
        return NULL;
    peer_welcome(p, 0, restore);
    return peer_next(p, BIT_MSG_WORKER_READY);
}

/* Similar to text: some ids are frequent, and their order can be learned. */
void peer_tokens(uint64_t step, uint16_t tokens[PEER_INSTANCES * PEER_CONTEXT])
{
    uint64_t state = 0x9e3779b97f4a7c15u * (step + 1);

    for (int i = 0; i < PEER_INSTANCES * PEER_CONTEXT; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        uint64_t r = state >> 33;
        tokens[i] = (uint16_t)(r % 4 == 0 ? r % PEER_VOCAB : (uint64_t)(i * 7) % 31);
    }
}

void peer_step_of(uint64_t step, Bit__Precision precision, double strength, const uint16_t *tokens,
                  Bit__StepOrder *order)
{
    bit__step_order__init(order);
    order->step = step;
    order->precision = precision;
    order->strength = strength;
    order->lr = PEER_LR;
    order->weight_decay = 0.1;
    order->instances = PEER_INSTANCES;
    order->token_bytes = PEER_INSTANCES * PEER_CONTEXT * sizeof *tokens;
    order->token_crc = bit_crc32c(0, tokens, order->token_bytes);
    order->has_digest = order->digest = true;
}

void peer_step(struct peer *p, uint64_t step, Bit__Precision precision, double strength)
{
    uint16_t tokens[PEER_INSTANCES * PEER_CONTEXT];
    Bit__StepOrder order;

    peer_tokens(step, tokens);
    peer_step_of(step, precision, strength, tokens, &order);
    peer_send(p, BIT_MSG_STEP_ORDER, &order);
    peer_payload(p, tokens, sizeof tokens);
}

void peer_evaluate(struct peer *p, uint64_t after_step, Bit__Precision precision, uint32_t instances)
{
    Bit__EvaluateOrder order = BIT__EVALUATE_ORDER__INIT;
    uint16_t tokens[PEER_INSTANCES * PEER_CONTEXT];
    char set[] = "books";

    peer_tokens(1000, tokens);
    order.after_step = after_step;
    order.set = set;
    order.precision = precision;
    order.instances = instances;
    order.token_bytes = instances * PEER_CONTEXT * sizeof *tokens;
    order.token_crc = bit_crc32c(0, tokens, order.token_bytes);
    peer_send(p, BIT_MSG_EVALUATE_ORDER, &order);
    peer_payload(p, tokens, order.token_bytes);
}

void peer_score(struct peer *p, uint64_t after_step, Bit__Precision precision, uint64_t tag, bool bad)
{
    Bit__ScoreOrder order = BIT__SCORE_ORDER__INIT;
    uint16_t ids[PEER_REQUESTS * (PEER_CONTEXT + 1)], drawn[PEER_INSTANCES * PEER_CONTEXT];
    uint32_t tokens[PEER_REQUESTS], continuation[PEER_REQUESTS], count = 0;

    peer_tokens(2000, drawn);
    for (uint32_t r = 0; r < PEER_REQUESTS; r++) {
        const uint32_t context = 1 + r / 3 % 20;

        continuation[r] = r == 7 ? PEER_CONTEXT + 1 - context : 1 + r % 12;
        tokens[r] = context + continuation[r];
        for (uint32_t i = 0; i < tokens[r]; i++)
            ids[count++] = drawn[(r / 3 + (i < context ? i : i + r)) % (PEER_INSTANCES * PEER_CONTEXT)];
    }
    if (bad)
        ids[count - 1] = PEER_VOCAB;
    order.after_step = after_step;
    order.precision = precision;
    order.tag = tag;
    order.tokens = tokens;
    order.continuation = continuation;
    order.n_tokens = order.n_continuation = PEER_REQUESTS;
    order.token_bytes = count * sizeof *ids;
    order.token_crc = bit_crc32c(0, ids, order.token_bytes);
    peer_send(p, BIT_MSG_SCORE_ORDER, &order);
    peer_payload(p, ids, order.token_bytes);
}

void peer_switch(struct peer *p, uint64_t after_step, Bit__OptimizerAtSwitch optimizer)
{
    Bit__PhaseSwitch order = BIT__PHASE_SWITCH__INIT;

    order.after_step = after_step;
    order.precision = BIT__PRECISION__TERNARY;
    order.optimizer = optimizer;
    order.beta1 = 0.85;
    order.beta2 = 0.9;
    peer_send(p, BIT_MSG_PHASE_SWITCH, &order);
}

void peer_checkpoint(struct peer *p, uint64_t after_step, const char *name)
{
    Bit__CheckpointOrder order = BIT__CHECKPOINT_ORDER__INIT;

    order.after_step = after_step;
    order.name = (char *)(uintptr_t)name;
    peer_send(p, BIT_MSG_CHECKPOINT_ORDER, &order);
}

void peer_leave(struct peer *p)
{
    const Bit__DoneTaken taken = BIT__DONE_TAKEN__INIT;

    peer_send(p, BIT_MSG_DONE_TAKEN, &taken);
}

void peer_stop(struct peer *p)
{
    Bit__StopOrder order = BIT__STOP_ORDER__INIT;

    order.reason = BIT__STOP_REASON__COMPLETE;
    peer_send(p, BIT_MSG_STOP_ORDER, &order);
}
