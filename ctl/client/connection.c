#include "ctl/client/connection.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ctl/cli/failure.h"
#include "ctl/cli/verb.h"
#include "ctl/client/prove.h"
#include "ctl/client/sockets.h"
#include "ctl/show/fold.h"
#include "ctl/show/show.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/limits.h"
#include "proto/text/reflect.h"

#define LOOK_MS  2000 /* without a reply for this time, see whether the daemon is suspended */
#define REOPEN_S 120  /* a daemon that is being restarted is back within this time */

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int32_t peer_pid(int fd)
{
    struct ucred peer = {0};
    socklen_t bytes = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0 ? peer.pid : 0;
}

int bit_connection_open(struct bit_connection *c, const char *socket_path)
{
    memset(c, 0, sizeof *c);
    c->fd = -1;
    int fd = bit_sockets_connect(socket_path, c->path);
    if (fd < 0)
        return fd;
    c->fd = fd;
    c->pid = peer_pid(fd);
    c->asked_s = now_s();
    bit_frame_reader_init(&c->reader, BIT_FRAME_BODY_MAX);
    return 0;
}

void bit_connection_close(struct bit_connection *c)
{
    if (c->fd < 0)
        return;
    close(c->fd);
    c->fd = -1;
    bit_frame_reader_finish(&c->reader);
}

static void pause_ms(int ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    nanosleep(&t, NULL);
}

/* On the same socket: another one may belong to another daemon. */
static int reopen(struct bit_connection *c)
{
    const struct bit_hangups hangups = c->hangups;
    char path[sizeof c->path];
    int err = 0;

    memcpy(path, c->path, sizeof path);

    bit_connection_close(c);
    /* Nothing announces that a daemon starts to listen, so try ten times a second. */
    for (int tries = 0; tries < REOPEN_S * 10; tries++) {
        err = bit_connection_open(c, path);
        c->hangups = hangups;
        if (err >= 0)
            return 0;
        pause_ms(100);
    }
    return err;
}

static int check_run(const ProtobufCMessage *msg)
{
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(msg->descriptor, "run");
    const char *run = field == NULL ? "" : *(char *const *)bit_field_at(msg, field, 0);

    if (strlen(run) <= BIT_NAME_MAX)
        return 0;
    return bit_fail(BIT_ENORUN, "'%.*s...' is longer than the %d bytes that a run's name may have",
                    bit_format_fit(run, BIT_NAME_MAX), run, BIT_NAME_MAX);
}

/* A bitd that refuses our requests sends the reason before it hangs up. */
static bool was_told_why(const struct bit_connection *c)
{
    char byte;

    return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

int bit_connection_send(struct bit_connection *c, uint16_t type, const void *msg)
{
    uint8_t *frame;
    size_t bytes, done = 0;
    int err = check_run(msg);

    if (err == 0)
        err = bit_msg_encode(type, 0, msg, &frame, &bytes);
    if (err < 0)
        return err;
    c->asked_s = now_s();
    while (done < bytes) {
        ssize_t n = send(c->fd, frame + done, bytes - done, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            err = errno == EPIPE || errno == ECONNRESET ? BIT_EDAEMON : -errno;
            err = err == BIT_EDAEMON && was_told_why(c) ? 0 : bit_fail(err, "bitd hung up while a request was sent");
            break;
        }
        done += (size_t)n;
    }
    free(frame);
    return err;
}

/* A bitd in the foreground is suspended by Ctrl-Z, and then nothing answers. */
static void look_whether_stopped(struct bit_connection *c)
{
    char path[40], line[512] = "", *end;

    snprintf(path, sizeof path, "/proc/%d/stat", c->pid);
    FILE *f = c->said_stopped ? NULL : fopen(path, "re");
    if (f == NULL)
        return;
    const bool got = fgets(line, sizeof line, f) != NULL;
    fclose(f);
    end = got ? strrchr(line, ')') : NULL; /* the state follows the program's name */
    if (end == NULL || (end[1] != '\0' && end[2] != 'T'))
        return;
    bit_show(stderr, "bitctl: bitd (process %d) is stopped and cannot answer: `kill -CONT %d` lets it go on\n", c->pid,
             c->pid);
    c->said_stopped = true;
}

static int wait_for_bytes(struct bit_connection *c, int timeout_ms)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    int ready;

    while ((ready = poll(&p, 1, timeout_ms < 0 ? LOOK_MS : timeout_ms)) == 0 && timeout_ms < 0)
        look_whether_stopped(c);
    return ready;
}

static int fill(struct bit_connection *c, int timeout_ms)
{
    uint8_t *room;
    size_t room_bytes;

    int err = bit_frame_reader_reserve(&c->reader, &room, &room_bytes);
    if (err < 0)
        return err;
    int ready = wait_for_bytes(c, timeout_ms);
    if (ready < 0)
        return -errno;
    if (ready == 0)
        return bit_fail(BIT_ETIMEOUT, "bitd did not answer");
    ssize_t n = read(c->fd, room, room_bytes);
    if (n < 0)
        return errno == ECONNRESET ? bit_fail(BIT_EDAEMON, "bitd hung up") : -errno;
    if (n == 0)
        return bit_fail(BIT_EDAEMON, "bitd hung up");
    bit_frame_reader_commit(&c->reader, (size_t)n);
    return 0;
}

/* Prints each note once, because a verb may send several requests that get the same one. */
static void print_note(const char *text)
{
    static char told[BIT_ERR_TEXT_MAX];

    if (strcmp(told, text) == 0)
        return;
    bit_format(told, sizeof told, "%s", text);
    bit_fold_show(stderr, "bitctl: %s\n", text);
}

static int next_frame(struct bit_connection *c, int timeout_ms, uint16_t *type, ProtobufCMessage **msg)
{
    struct bit_frame frame;

    for (;;) {
        int got = bit_frame_reader_next(&c->reader, &frame);
        if (got < 0)
            return got;
        if (got > 0) {
            int err = bit_msg_decode(BIT_CHANNEL_CLIENT_REPLY, frame.type, frame.body, frame.body_bytes, msg);
            if (err < 0)
                return err;
            *type = frame.type;
            c->hangups = (struct bit_hangups){0};
            return 0;
        }
        int err = fill(c, timeout_ms);
        if (err < 0)
            return err;
    }
}

int bit_connection_next(struct bit_connection *c, int timeout_ms, uint16_t *type, ProtobufCMessage **msg)
{
    int err;

    while ((err = next_frame(c, timeout_ms, type, msg)) == 0 && *type == BIT_MSG_NOTE_REPLY) {
        print_note(((const Bit__NoteReply *)*msg)->text);
        bit_msg_free(*msg);
    }
    return err;
}

/* A bitd of another user asks the client to prove that it may read the files of its submission. */
static int show_files(struct bit_connection *client, uint16_t type, const void *msg, const Bit__ProveCall *asked)
{
    if (type == BIT_MSG_SWEEP_REQUEST)
        return bit_prove_sweep(client, msg, asked);
    if (type == BIT_MSG_SUBMIT_REQUEST)
        return bit_prove(client, msg, asked);
    return bit_fail(BIT_EMESSAGE, "bitd asks for files of a request that has none");
}

static int ask_once(struct bit_connection *client, uint16_t type, const void *msg, uint16_t *got_type,
                    ProtobufCMessage **got)
{
    int err = bit_connection_send(client, type, msg);

    if (err >= 0)
        err = bit_connection_next(client, -1, got_type, got);
    while (err >= 0 && *got_type == BIT_MSG_PROVE_CALL) {
        err = show_files(client, type, msg, (const Bit__ProveCall *)*got);
        bit_msg_free(*got);
        *got = NULL;
        if (err >= 0)
            err = bit_connection_next(client, -1, got_type, got);
    }
    return err;
}

int bit_connection_reopen_said(struct bit_connection *c, const struct bit_cli *cli)
{
    int ms = bit_hangups_note(&c->hangups, c->pid, now_s() - c->asked_s);

    if (ms < 0)
        return bit_fail(BIT_EDAEMON, "bitd (process %d) hung up %u time%s on the same request; its log may say why",
                        c->pid, c->hangups.row, bit_format_s(c->hangups.row));
    if (!cli->quiet && c->hangups.row == 1)
        bit_show(stderr, "bitctl: bitd hung up; waiting for it to come back\n");
    if (ms > 0)
        pause_ms(ms);
    return reopen(c);
}

bool bit_connection_is_there(const struct bit_cli *cli)
{
    struct bit_connection c;
    const int err = bit_connection_open(&c, cli->socket);

    bit_connection_close(&c);
    return err != BIT_EDAEMON;
}

int bit_connection_open_waiting(struct bit_connection *c, const struct bit_cli *cli)
{
    int err = bit_connection_open(c, cli->socket);

    if (err != BIT_EDAEMON || access(c->path, F_OK) < 0)
        return err;
    if (!cli->quiet)
        bit_show(stderr, "bitctl: %s; waiting for it to come back\n", bit_fail_text());
    return reopen(c);
}

/* Requests that change a run carry a request id of the client, so they may be sent twice. */
static bool changes_a_run(const ProtobufCMessage *msg)
{
    return protobuf_c_message_descriptor_get_field_by_name(msg->descriptor, "request_id") != NULL;
}

int bit_connection_try(struct bit_cli *cli, uint16_t type, const void *msg, uint16_t want, void *reply,
                       Bit__ErrorReply **refusal)
{
    struct bit_connection client;
    ProtobufCMessage *got = NULL;
    uint16_t got_type = 0;

    int err = bit_connection_open(&client, cli->socket);
    if (err >= 0)
        err = ask_once(&client, type, msg, &got_type, &got);
    while (err == BIT_EDAEMON && client.fd >= 0 && changes_a_run(msg) &&
           (err = bit_connection_reopen_said(&client, cli)) >= 0)
        err = ask_once(&client, type, msg, &got_type, &got);
    bit_connection_close(&client);
    if (err < 0)
        return err;
    if (got_type == want)
        *(ProtobufCMessage **)reply = got;
    else if (got_type == BIT_MSG_ERROR_REPLY)
        *refusal = (Bit__ErrorReply *)got;
    if (got_type == want || got_type == BIT_MSG_ERROR_REPLY)
        return 0;
    bit_msg_free(got);
    return bit_fail(BIT_EMESSAGE, "bitd answered with %s instead of %s", bit_msg_name(got_type), bit_msg_name(want));
}

int bit_connection_ask_told(struct bit_cli *cli, uint16_t type, const void *msg, uint16_t want, void *reply,
                            Bit__ErrorReply **refusal)
{
    int err = bit_connection_try(cli, type, msg, want, reply, refusal);

    if (err < 0)
        return bit_failure_print(cli, err);
    return *refusal != NULL ? (*refusal)->exit_code : 0;
}

int bit_connection_ask(struct bit_cli *cli, uint16_t type, const void *msg, uint16_t want, void *reply)
{
    Bit__ErrorReply *refusal = NULL;
    int code = bit_connection_ask_told(cli, type, msg, want, reply, &refusal);

    if (refusal != NULL)
        code = bit_failure_print_reply(cli, refusal);
    bit_msg_free(refusal);
    return code;
}

void bit_request_id(char out[40])
{
    uint8_t random[16];

    BIT_ASSERT(getrandom(random, sizeof random, 0) == (ssize_t)sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(out + 2 * i, 3, "%02x", random[i]);
}
