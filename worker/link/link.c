#include "worker/link/link.h"

#include <inttypes.h>
#include <sodium/utils.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/log.h"
#include "proto/wire/msg.h"
#include "proto/wire/secret.h"
#include "worker/link/link_queue.h"
#include "worker/link/link_read.h"

BIT_LOG_TOPIC("link");

void bit_link_init(struct bit_link *link, const struct bit_link_config *config)
{
    *link = (struct bit_link){.config = *config, .state = BIT_LINK_DOWN, .err = BIT_EDAEMON};
    bit_secret_hide(link->config.secret, sizeof link->config.secret);
    bit_link_socket_init(&link->socket);
    pthread_mutex_init(&link->write_lock, NULL);
    pthread_mutex_init(&link->lock, NULL);
    pthread_cond_init(&link->changed, NULL);
    bit_frame_reader_init(&link->reader, BIT_FRAME_BODY_MAX);
}

/* Ends the thread, closes the socket, drops queued orders. Allowed in any state. */
static void disconnect(struct bit_link *link)
{
    pthread_mutex_lock(&link->lock);
    link->state = BIT_LINK_DOWN;
    link->err = link->err < 0 ? link->err : BIT_EDAEMON;
    pthread_cond_broadcast(&link->changed);
    pthread_mutex_unlock(&link->lock);
    bit_link_socket_shutdown(&link->socket); /* wakes the thread from its read */
    if (link->has_thread)
        pthread_join(link->thread, NULL);
    link->has_thread = false;
    pthread_mutex_lock(&link->write_lock); /* waits for a write that began while the link was up */
    bit_link_socket_close(&link->socket);
    pthread_mutex_unlock(&link->write_lock);
    bit_link_queue_drop(link);
    bit_msg_free(link->partial.msg);
    link->partial.msg = NULL;
    bit_frame_reader_finish(&link->reader);
}

void bit_link_finish(struct bit_link *link)
{
    disconnect(link);
    bit_secret_wipe(link->config.secret, sizeof link->config.secret);
    for (size_t i = 0; i < BIT_COUNT(link->slots); i++)
        free(link->slots[i].payload);
    free(link->partial.payload);
    pthread_cond_destroy(&link->changed);
    pthread_mutex_destroy(&link->lock);
    pthread_mutex_destroy(&link->write_lock);
}

/* ---- reports */

/* Writes one whole frame; one writer at a time. Every failure becomes BIT_EDAEMON. */
static int write_frame(struct bit_link *link, const uint8_t *frame, size_t bytes)
{
    int err = bit_link_socket_write(&link->socket, frame, bytes);

    return err < 0 ? bit_fail_within(BIT_EDAEMON, "'%s'", link->config.where) : 0;
}

int bit_link_write(struct bit_link *link, const uint8_t *frame, size_t bytes)
{
    enum bit_link_state state;
    int err;

    /* The state is checked under the writers' lock: nothing may be sent before a new connection's hello. On a broken
     * link the reason for leaving can still be sent. */
    pthread_mutex_lock(&link->write_lock);
    state = bit_link_state(link);
    if (state == BIT_LINK_UP || state == BIT_LINK_BROKEN)
        err = write_frame(link, frame, bytes);
    else
        err = bit_fail(BIT_EDAEMON, "not connected to '%s'", link->config.where);
    pthread_mutex_unlock(&link->write_lock);
    if (err < 0)
        bit_link_set_down(link, err);
    return err;
}

int bit_link_encode(const struct bit_link *link, uint16_t type, const void *msg, uint8_t **out, size_t *bytes)
{
    uint8_t *frame;
    int err = bit_msg_encode(type, link->config.epoch, msg, &frame, bytes);

    if (err < 0)
        return err;
    if (*bytes - BIT_FRAME_HEADER_BYTES > BIT_REPORT_BODY_MAX) {
        free(frame);
        return bit_fail(BIT_ELIMIT, "a %s of %zu bytes, but bitd accepts at most %u", bit_msg_name(type),
                        *bytes - BIT_FRAME_HEADER_BYTES, BIT_REPORT_BODY_MAX);
    }
    *out = frame;
    return 0;
}

int bit_link_send(struct bit_link *link, uint16_t type, const void *msg)
{
    uint8_t *frame = NULL;
    size_t bytes = 0;
    int err = bit_link_encode(link, type, msg, &frame, &bytes);

    if (err < 0)
        return err;
    err = bit_link_write(link, frame, bytes);
    free(frame);
    return err;
}

/* ---- making and ending a connection */

/* The link is not UP yet, so no other thread uses the socket. */
static int open_socket(struct bit_link *link, int64_t wait_ms)
{
    struct bit_launch_id id = {.epoch = link->config.epoch};

    memcpy(id.run, link->config.run, sizeof id.run);
    memcpy(id.secret, link->config.secret, sizeof id.secret);
    int err = bit_link_socket_open(&link->socket, link->config.where, &id, wait_ms);
    sodium_memzero(&id, sizeof id);
    return err;
}

static int check_welcome(const struct bit_link *link, const Bit__Welcome *welcome)
{
    if (welcome->protocol != BIT_PROTOCOL_VERSION)
        return bit_fail(BIT_EVERSION, "the daemon speaks protocol %u, this worker %u", welcome->protocol,
                        BIT_PROTOCOL_VERSION);
    if (welcome->epoch != link->config.epoch)
        return bit_fail(BIT_EEPOCH, "welcomed to epoch %" PRIu64 ", this worker's is %" PRIu64, welcome->epoch,
                        link->config.epoch);
    return 0;
}

static int await_welcome(struct bit_link *link, Bit__Welcome **out)
{
    ProtobufCMessage *msg = NULL;
    struct bit_frame frame;
    int err;

    err = bit_link_read_frame(link, &frame);
    if (err >= 0 && frame.type != BIT_MSG_WELCOME)
        err = bit_fail(BIT_EMESSAGE, "received a %s, expected a welcome", bit_msg_name(frame.type));
    if (err >= 0)
        err = bit_msg_decode(BIT_CHANNEL_LINK_DOWN, frame.type, frame.body, frame.body_bytes, &msg);
    if (err >= 0)
        err = check_welcome(link, (Bit__Welcome *)msg);
    if (err < 0) {
        bit_msg_free(msg);
        return err;
    }
    bit_link_socket_limit(&link->socket, 0); /* between orders the daemon may be silent */
    *out = (Bit__Welcome *)msg;
    return 0;
}

/* Adds our identity to the caller's hello and sends it. */
static int send_hello(struct bit_link *link, Bit__WorkerHello hello)
{
    struct bit_link_config *config = &link->config;
    char host[256] = "";
    uint8_t *frame;
    size_t bytes;
    int err;

    gethostname(host, sizeof host - 1);
    hello.protocol = BIT_PROTOCOL_VERSION;
    hello.run = config->run;
    hello.epoch = config->epoch;
    hello.secret = (ProtobufCBinaryData){.len = sizeof config->secret, .data = config->secret};
    hello.host = host;
    hello.pid = (uint32_t)getpid();
    err = bit_msg_encode(BIT_MSG_WORKER_HELLO, config->epoch, &hello, &frame, &bytes);
    if (err < 0)
        return err;
    err = write_frame(link, frame, bytes);
    bit_secret_wipe(frame, bytes);
    free(frame);
    return err;
}

static int start_thread(struct bit_link *link)
{
    int err;

    pthread_mutex_lock(&link->lock);
    link->state = BIT_LINK_UP;
    link->err = 0;
    pthread_mutex_unlock(&link->lock);
    err = pthread_create(&link->thread, NULL, bit_link_read_orders, link);
    if (err != 0)
        return bit_fail(-err, "the link's thread");
    link->has_thread = true;
    return 0;
}

int bit_link_connect(struct bit_link *link, const Bit__WorkerHello *hello, int64_t wait_ms, Bit__Welcome **out)
{
    Bit__Welcome *welcome = NULL;
    int err;

    disconnect(link);
    err = open_socket(link, wait_ms);
    if (err >= 0)
        err = send_hello(link, *hello);
    if (err >= 0)
        err = await_welcome(link, &welcome);
    if (err >= 0)
        err = start_thread(link);
    if (err < 0) {
        bit_msg_free(welcome);
        disconnect(link);
        return err;
    }
    bit_debug("connected", "to=%s epoch=%" PRIu64, link->config.where, link->config.epoch);
    *out = welcome;
    return 0;
}
