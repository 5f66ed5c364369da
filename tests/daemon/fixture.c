#include "tests/daemon/fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/sys/processes/proc.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/spec/spec.h"

/* ---- folder and daemon */

static void write_tokens(const char *path, uint32_t seed, size_t count)
{
    uint16_t *tokens = malloc(count * sizeof *tokens);

    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525 + 1013904223;
        tokens[i] = (uint16_t)((seed >> 8) % 500);
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, tokens, count * sizeof *tokens) != (ssize_t)(count * sizeof *tokens))
        abort();
    close(fd);
    free(tokens);
}

static int open_notify(const struct fix *f)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof address.sun_path, "%s/notify", f->dir);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        abort();
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    return fd;
}

static void clear_fakes(void)
{
    for (char **at = environ; *at != NULL;) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(*at, "="), *at);
        if (strncmp(name, "FAKE_", 5) == 0)
            unsetenv(name); /* later entries move up */
        else
            at++;
    }
}

void fix_init(struct fix *f)
{
    *f = (struct fix){.bitd = 0};
    clear_fakes();
    signal(SIGPIPE, SIG_IGN);
    snprintf(f->dir, sizeof f->dir, "%s", test_folder_new());
    snprintf(f->state, sizeof f->state, "%s/state", f->dir);
    snprintf(f->socket, sizeof f->socket, "%s/state/bitd.sock", f->dir);
    snprintf(f->tokens, sizeof f->tokens, "%s/train.npy", f->dir);
    snprintf(f->eval, sizeof f->eval, "%s/eval.npy", f->dir);
    snprintf(f->log, sizeof f->log, "%s/bitd.log", f->dir);
    write_tokens(f->tokens, 1, FIX_TOKENS);
    write_tokens(f->eval, 2, 256);
    f->notify_fd = open_notify(f);
}

static void exec_bitd(const struct fix *f)
{
    const char *args[48] = {BITD_PATH, "--state", f->state, "--socket", f->socket, "--worker", FAKE_WORKER_PATH,
                            "--set", "mpirun=" FAKE_MPIRUN_PATH, "--set", "kill_grace=2", "--set",
                            "restart_delay_max=0.05",
                            /* Long, so that no rank is lost on a busy machine; a test of one of these sets its own. */
                            "--set", "heartbeat_timeout=60", "--set", "stall_timeout=300", "--set", "plan_timeout=300",
                            "--set", "client_timeout=120", "--log-level", "debug"};
    size_t n = 23;

    for (size_t i = 0; f->args[i] != NULL && n < BIT_COUNT(args) - 1; i++)
        args[n++] = f->args[i];
    int log = open(f->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(log, STDOUT_FILENO); /* what --run prints */
    dup2(log, STDERR_FILENO);
    execv(BITD_PATH, (char *const *)(uintptr_t)args);
    _exit(126);
}

static int wait_exit(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1000;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Waits for bitd's READY or its exit, whichever comes first. */
bool fix_start(struct fix *f)
{
    char text[256];

    f->starts++;
    f->bitd = fork();
    if (f->bitd == 0)
        exec_bitd(f);
    int pidfd = (int)syscall(SYS_pidfd_open, f->bitd, 0);
    struct pollfd fds[2] = {{.fd = f->notify_fd, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
    bool ready = false;
    while (!ready && poll(fds, 2, FIX_ANSWER_S * 1000) > 0) {
        if (fds[0].revents & POLLIN) {
            ssize_t n = recv(f->notify_fd, text, sizeof text - 1, 0);
            text[n > 0 ? n : 0] = '\0';
            ready = strstr(text, "READY=1") != NULL;
        } else {
            break;
        }
    }
    close(pidfd);
    if (!EXPECT(ready))
        fix_stop(f, SIGKILL);
    return ready;
}

int fix_start_refused(struct fix *f)
{
    pid_t pid = fork();

    if (pid == 0)
        exec_bitd(f);
    return wait_exit(pid);
}

int fix_wait_exit(struct fix *f)
{
    int code = wait_exit(f->bitd);

    f->bitd = 0;
    return code;
}

int fix_stop(struct fix *f, int signal)
{
    if (f->bitd == 0)
        return 0;
    kill(f->bitd, signal);
    return fix_wait_exit(f);
}

static void print_log(const struct fix *f)
{
    char line[1024];
    FILE *file = fopen(f->log, "re");

    fprintf(stderr, "---- the daemon's log\n");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        fputs(line, stderr);
    if (file != NULL)
        fclose(file);
}

/* Processes that the test left running are recognised by this folder's link socket. */
static void end_workers(const struct fix *f)
{
    char link[128], run[16];
    int32_t pids[64];

    snprintf(link, sizeof link, "%s/link.sock", f->state);
    for (int number = 1; number < 20; number++) {
        snprintf(run, sizeof run, "r%d", number);
        const struct bit_proc_job job = {.run = run, .link = link};
        int count = bit_proc_find(&job, pids, 64);
        for (int i = 0; i < count; i++)
            kill(pids[i], SIGKILL);
    }
}

void fix_finish(struct fix *f)
{
    static long failures_seen;

    fix_stop(f, SIGKILL);
    end_workers(f);
    close(f->notify_fd);
    if (test_state.failures > failures_seen)
        print_log(f);
    failures_seen = test_state.failures;
    test_folder_remove(f->dir);
    clear_fakes();
}

/* ---- requests */

int fix_connect(const struct fix *f)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval most = {.tv_sec = FIX_ANSWER_S};

    memcpy(address.sun_path, f->socket, sizeof address.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

bool fix_send(int fd, uint16_t type, const void *msg)
{
    uint8_t *frame = NULL;
    size_t bytes = 0, done = 0;

    if (bit_msg_encode(type, 0, msg, &frame, &bytes) < 0)
        return false;
    while (done < bytes) {
        ssize_t n = send(fd, frame + done, bytes - done, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    free(frame);
    return done == bytes;
}

static bool receive_bytes(int fd, uint8_t *out, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t n = recv(fd, out + done, bytes - done, 0);
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

uint16_t fix_receive(int fd, void **msg)
{
    uint8_t *buf = malloc(BIT_FRAME_HEADER_BYTES);
    struct bit_frame frame;
    size_t need = 0;
    ProtobufCMessage *decoded = NULL;
    uint16_t type = 0;

    *msg = NULL;
    if (!receive_bytes(fd, buf, BIT_FRAME_HEADER_BYTES))
        goto out;
    int64_t took = bit_frame_decode(buf, BIT_FRAME_HEADER_BYTES, BIT_FRAME_BODY_MAX, &frame, &need);
    if (took == 0) {
        buf = realloc(buf, need);
        if (!receive_bytes(fd, buf + BIT_FRAME_HEADER_BYTES, need - BIT_FRAME_HEADER_BYTES))
            goto out;
        took = bit_frame_decode(buf, need, BIT_FRAME_BODY_MAX, &frame, &need);
    }
    if (took > 0 && bit_msg_decode(BIT_CHANNEL_CLIENT_REPLY, frame.type, frame.body, frame.body_bytes, &decoded) == 0)
        type = frame.type;
    else
        fprintf(stderr, "fixture: %s\n", bit_fail_text());
    *msg = decoded;
out:
    free(buf);
    return type;
}

uint16_t fix_ask(const struct fix *f, uint16_t type, const void *msg, void **reply)
{
    int fd = fix_connect(f);

    *reply = NULL;
    uint16_t got = fd >= 0 && fix_send(fd, type, msg) ? fix_receive(fd, reply) : 0;
    if (fd >= 0)
        close(fd);
    return got;
}

void *fix_expect(const struct fix *f, uint16_t type, const void *msg, uint16_t expected)
{
    void *reply;
    uint16_t got = fix_ask(f, type, msg, &reply);

    if (EXPECT_EQ(got, expected))
        return reply;
    if (got == BIT_MSG_ERROR_REPLY)
        fprintf(stderr, "    the daemon says: %s\n", ((Bit__ErrorReply *)reply)->text);
    bit_msg_free(reply);
    return NULL;
}

static int note_refusal(uint16_t got, void *reply, char *text, size_t room)
{
    int code = -1;

    text[0] = '\0';
    if (EXPECT_EQ(got, BIT_MSG_ERROR_REPLY)) {
        const Bit__ErrorReply *m = reply;
        size_t at = (size_t)snprintf(text, room, "%s", m->text);
        for (size_t i = 0; i < m->n_problem && at < room; i++)
            at += (size_t)snprintf(text + at, room - at, "\n%s: %s", m->problem[i]->field ? m->problem[i]->field : "",
                                   m->problem[i]->text);
        code = m->exit_code;
    }
    bit_msg_free(reply);
    return code;
}

int fix_refused(const struct fix *f, uint16_t type, const void *msg, char *text, size_t room)
{
    void *reply;
    uint16_t got = fix_ask(f, type, msg, &reply);

    return note_refusal(got, reply, text, room);
}

/* ---- runs */

static const char base_spec[] =
    "name: 'small'\n"
    "model { layers: 1 width: 32 heads: 2 mlp_hidden: 64 vocab: 500 vocab_padded: 512 context: 16 init_seed: 7 }\n"
    "data { train: '%s' }\n"
    "batch { instances: 4 }\n"
    "schedule { steps: 16 peak_lr: 1e-3 warmup_steps: 2 }\n"
    "checkpoint { every: 4 keep_last: 3 }\n"
    "launch { ranks: 1 threads: 1 max_restarts: 3 }\n";

Bit__RunSpec *fix_spec(const struct fix *f, const char *more)
{
    char text[FIX_SPEC_MAX];
    struct bit_problems *problems = calloc(1, sizeof *problems);
    ProtobufCMessage *base = NULL;

    snprintf(text, sizeof text, base_spec, f->tokens);
    int err = bit_text_parse(&bit__run_spec__descriptor, text, strlen(text), &base, problems);
    char lines[FIX_SPEC_MAX];
    snprintf(lines, sizeof lines, "%s", more ? more : "");
    for (char *save = NULL, *line = strtok_r(lines, "\n", &save); line != NULL && err >= 0;
         line = strtok_r(NULL, "\n", &save))
        err = bit_spec_set((Bit__RunSpec *)base, line, problems);
    if (err < 0)
        fprintf(stderr, "fixture: the spec: %s: %s\n", problems->item[0].field, problems->item[0].text);
    EXPECT(err >= 0);
    free(problems);
    return (Bit__RunSpec *)base;
}

static void submit(const struct fix *f, const char *more, uint16_t *got, void **reply)
{
    static unsigned count;
    char id[32];
    Bit__SubmitRequest m = BIT__SUBMIT_REQUEST__INIT;

    snprintf(id, sizeof id, "submit-%u", count++);
    m.spec = fix_spec(f, more);
    m.request_id = id;
    *got = fix_ask(f, BIT_MSG_SUBMIT_REQUEST, &m, reply);
    bit_msg_free(m.spec);
}

void fix_submit(const struct fix *f, const char *more, char run[32])
{
    uint16_t got;
    void *reply;
    char text[1024];

    submit(f, more, &got, &reply);
    run[0] = '\0';
    if (got == BIT_MSG_SUBMIT_REPLY) {
        snprintf(run, 32, "%s", ((Bit__SubmitReply *)reply)->run);
        bit_msg_free(reply);
        return;
    }
    EXPECT_EQ(got, BIT_MSG_SUBMIT_REPLY);
    note_refusal(got, reply, text, sizeof text);
    fprintf(stderr, "    the daemon says: %s\n", text);
}

int fix_submit_refused(const struct fix *f, const char *more, char *text, size_t room)
{
    uint16_t got;
    void *reply;

    submit(f, more, &got, &reply);
    return note_refusal(got, reply, text, room);
}

Bit__RunStatus *fix_status(const struct fix *f, const char *run)
{
    Bit__StatusRequest m = BIT__STATUS_REQUEST__INIT;

    m.run = bit_lend(run);
    return fix_expect(f, BIT_MSG_STATUS_REQUEST, &m, BIT_MSG_RUN_STATUS);
}

static Bit__WaitReply *wait_for(const struct fix *f, Bit__WaitRequest *m, const char *run)
{
    m->run = bit_lend(run);
    return fix_expect(f, BIT_MSG_WAIT_REQUEST, m, BIT_MSG_WAIT_REPLY);
}

int fix_wait_end(const struct fix *f, const char *run, uint64_t *digest)
{
    Bit__WaitRequest m = BIT__WAIT_REQUEST__INIT;
    Bit__WaitReply *reply = wait_for(f, &m, run);
    int code = -1;

    if (reply != NULL && EXPECT(reply->status->has_exit_code)) {
        code = reply->status->exit_code;
        if (digest != NULL)
            *digest = reply->status->weights_digest;
        if (code != 0 && getenv("FIX_VERBOSE") != NULL)
            fprintf(stderr, "    it ended: %s\n", reply->status->reason);
    }
    bit_msg_free(reply);
    return code;
}

void fix_wait_step(const struct fix *f, const char *run, uint64_t step)
{
    Bit__WaitRequest m = BIT__WAIT_REQUEST__INIT;

    m.has_step = true;
    m.step = step;
    bit_msg_free(wait_for(f, &m, run));
}

void fix_wait_state(const struct fix *f, const char *run, Bit__RunState state)
{
    Bit__WaitRequest m = BIT__WAIT_REQUEST__INIT;

    m.has_state = true;
    m.state = state;
    Bit__WaitReply *reply = wait_for(f, &m, run);
    if (reply != NULL)
        EXPECT_EQ(reply->status->state, state);
    bit_msg_free(reply);
}

uint64_t fix_undisturbed(const char *more)
{
    struct fix f;
    char run[32];
    uint64_t digest = 0;

    fix_init(&f);
    if (fix_start(&f)) {
        fix_submit(&f, more, run);
        EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    }
    EXPECT_NE(digest, 0u);
    fix_finish(&f);
    return digest;
}

/* ---- events */

void fix_events(const struct fix *f, const char *run, struct fix_events *out)
{
    Bit__EventsRequest m = BIT__EVENTS_REQUEST__INIT;
    int fd = fix_connect(f);
    void *reply;
    uint16_t type = 0;

    m.run = bit_lend(run);
    m.has_steps = m.steps = true;
    *out = (struct fix_events){0};
    if (!EXPECT(fd >= 0 && fix_send(fd, BIT_MSG_EVENTS_REQUEST, &m)))
        return;
    while ((type = fix_receive(fd, &reply)) == BIT_MSG_EVENT_REPLY) {
        Bit__EventReply *event = reply;
        out->record = realloc(out->record, (out->count + 1) * sizeof *out->record);
        out->record[out->count++] = event->record;
        event->record = NULL;
        free(event);
    }
    EXPECT_EQ(type, BIT_MSG_END_REPLY);
    bit_msg_free(reply);
    close(fd);
}

void fix_events_free(struct fix_events *e)
{
    for (size_t i = 0; i < e->count; i++)
        bit_msg_free(e->record[i]);
    free(e->record);
}

size_t fix_count(const struct fix_events *e, int what_case)
{
    size_t count = 0;

    for (size_t i = 0; i < e->count; i++)
        count += (int)e->record[i]->what_case == what_case;
    return count;
}

const Bit__JournalRecord *fix_last(const struct fix_events *e, int what_case)
{
    for (size_t i = e->count; i-- > 0;)
        if ((int)e->record[i]->what_case == what_case)
            return e->record[i];
    return NULL;
}

int fix_workers(const struct fix *f, const char *run, pid_t *pids, int max)
{
    char link[128];

    snprintf(link, sizeof link, "%s/link.sock", f->state);
    const struct bit_proc_job job = {.run = run, .link = link};
    return bit_proc_find(&job, pids, max);
}

char *fix_path(const struct fix *f, const char *run, const char *rest, char *out, size_t room)
{
    snprintf(out, room, "%s/runs/%s/%s", f->state, run, rest);
    return out;
}
