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

/* bitd did not run for a while: the worker's last message and its EOF wait, and bitd sends a heartbeat first. */
TEST(what_was_said_before_the_end_is_heard)
{
    static const struct bit_wire_ops ops = {NULL, give_room, on_arrived, on_sent, on_broken};
    struct other o = {.err = 1};
    uv_loop_t loop;
    int ends[2];

    signal(SIGPIPE, SIG_IGN); /* as bitd does */
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    EXPECT_EQ(uv_loop_init(&loop), 0);
    bit_wire_init(&o.wire, &loop, false, &ops, &o);
    EXPECT_EQ(uv_pipe_open(&o.wire.io.pipe, ends[0]), 0);
    bit_wire_start(&o.wire);
    EXPECT_EQ(write(ends[1], "done", 4), 4);
    close(ends[1]);
    EXPECT_EQ(bit_wire_send(&o.wire, (uint8_t *)strdup("beat"), 4, NULL), 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    EXPECT_EQ(o.bytes, 4u);
    EXPECT_MEMEQ(o.text, "done", 4);
    EXPECT_EQ(o.err, UV_EOF);
    EXPECT_EQ(uv_loop_close(&loop), 0);
}

TEST_MAIN
