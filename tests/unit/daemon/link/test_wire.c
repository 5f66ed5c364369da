#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/link/wire.h"
#include "tests/test.h"

struct other {
    char text[64];
    size_t bytes;
    int err;
    struct bit_wire wire;
};

static int give_room(void *arg, uint8_t **room, size_t *bytes)
{
    struct other *o = arg;

    *room = (uint8_t *)o->text + o->bytes;
    *bytes = sizeof o->text - o->bytes;
    return 0;
}

static void on_arrived(void *arg, size_t bytes)
{
    ((struct other *)arg)->bytes += bytes;
}

static void on_sent(void *arg)
{
    (void)arg;
}

static void on_closed(uv_handle_t *handle)
{
    (void)handle;
}

static void on_broken(void *arg, int err)
{
    struct other *o = arg;

    o->err = err;
    bit_wire_close(&o->wire, on_closed);
}

/* ---- a loop with one local wire; another process has the other end */

struct bed {
    struct other o;
    struct bit_turn_share share;
    uv_loop_t loop;
    int far;
};

static void begin(struct bed *b)
{
    static const struct bit_wire_ops ops = {NULL, give_room, on_arrived, on_sent, on_broken};
    int ends[2];

    signal(SIGPIPE, SIG_IGN); /* as bitd does */
    *b = (struct bed){.o.err = 1};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    EXPECT_EQ(uv_loop_init(&b->loop), 0);
    bit_turn_share_init(&b->share, &b->loop);
    bit_wire_init(&b->o.wire, &b->share, false, &ops, &b->o);
    EXPECT_EQ(uv_pipe_open(&b->o.wire.io.pipe, ends[0]), 0);
    bit_wire_start(&b->o.wire);
    b->far = ends[1];
}

static void end(struct bed *b)
{
    bit_turn_share_close(&b->share);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    EXPECT_EQ(uv_loop_close(&b->loop), 0);
}

/* bitd did not run for a while: the worker's last message and its EOF wait, and bitd sends a heartbeat first. */
TEST(what_was_said_before_the_end_is_heard)
{
    struct bed b;

    begin(&b);
    EXPECT_EQ(write(b.far, "done", 4), 4);
    close(b.far);
    EXPECT_EQ(bit_wire_send(&b.o.wire, (uint8_t *)strdup("beat"), 4, NULL), 0);
    uv_run(&b.loop, UV_RUN_DEFAULT);
    EXPECT_EQ(b.o.bytes, 4u);
    EXPECT_MEMEQ(b.o.text, "done", 4);
    EXPECT_EQ(b.o.err, UV_EOF);
    end(&b);
}

/* Until the share of this turn is used up. */
static void use_share(struct bit_turn_share *share)
{
    while (!bit_turn_share_is_used(share))
        ;
}

TEST(an_end_waits_for_the_next_turn_if_others_used_this_one)
{
    struct bed b;

    begin(&b);
    close(b.far);
    use_share(&b.share);
    uv_run(&b.loop, UV_RUN_NOWAIT);
    EXPECT_EQ(b.o.err, 1);
    uv_run(&b.loop, UV_RUN_NOWAIT);
    EXPECT_EQ(b.o.err, UV_EOF);
    end(&b);
}

/* What waits for a later turn, and is held before it comes, is told when the wire starts again. */
TEST(an_end_that_waits_is_told_after_a_hold)
{
    struct bed b;

    begin(&b);
    close(b.far);
    use_share(&b.share);
    uv_run(&b.loop, UV_RUN_NOWAIT);
    bit_wire_stop(&b.o.wire);
    uv_run(&b.loop, UV_RUN_NOWAIT);
    EXPECT_EQ(b.o.err, 1);
    bit_wire_start(&b.o.wire);
    EXPECT_EQ(b.o.err, UV_EOF);
    end(&b);
}

/* Thousands of wires are closed at a launch's end; closing a socket takes long. */
TEST(a_wire_is_closed_in_the_next_turn_if_others_used_this_one)
{
    struct bed b;
    char byte;

    begin(&b);
    use_share(&b.share);
    bit_wire_close(&b.o.wire, on_closed);
    EXPECT_EQ(recv(b.far, &byte, 1, MSG_DONTWAIT), -1); /* still open */
    EXPECT_EQ(errno, EAGAIN);
    uv_run(&b.loop, UV_RUN_DEFAULT);
    EXPECT_EQ(recv(b.far, &byte, 1, MSG_DONTWAIT), 0);
    close(b.far);
    end(&b);
}

TEST_MAIN
