#include "worker/link/link_read.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "proto/wire/msg.h"
#include "worker/link/link_queue.h"
#include "worker/process/clock.h"

static uint64_t announced_bytes(const struct bit_link_order *order, uint32_t *crc)
{
    if (order->type == BIT_MSG_STEP_ORDER) {
        const Bit__StepOrder *step = (const Bit__StepOrder *)order->msg;
        *crc = step->token_crc;
        return step->token_bytes;
    }
    if (order->type == BIT_MSG_EVALUATE_ORDER) {
        const Bit__EvaluateOrder *evaluate = (const Bit__EvaluateOrder *)order->msg;
        *crc = evaluate->token_crc;
        return evaluate->token_bytes;
    }
    if (order->type == BIT_MSG_SCORE_ORDER) {
        const Bit__ScoreOrder *score = (const Bit__ScoreOrder *)order->msg;
        *crc = score->token_crc;
        return score->token_bytes;
    }
    *crc = 0;
    return 0;
}

static int make_room(struct bit_link_order *order, uint64_t bytes)
{
    uint8_t *payload;

    if (bytes > BIT_STEP_TOKEN_BYTES_MAX)
        return bit_fail(BIT_ELIMIT, "%s announces %" PRIu64 " bytes of tokens", bit_msg_name(order->type), bytes);
    order->payload_bytes = (size_t)bytes;
    if (bytes <= order->payload_capacity)
        return 0;
    payload = realloc(order->payload, (size_t)bytes);
    if (payload == NULL)
        return bit_fail(-ENOMEM, "%" PRIu64 " bytes of tokens", bytes);
    order->payload = payload;
    order->payload_capacity = (size_t)bytes;
    return 0;
}

static int finish_payload(struct bit_link *link)
{
    uint32_t crc, found;

    if (link->partial_bytes < announced_bytes(&link->partial, &crc))
        return 0;
    found = bit_crc32c(0, link->partial.payload, link->partial.payload_bytes);
    if (found != crc)
        return bit_fail(BIT_ECORRUPT, "tokens of a %s: checksum %08x, announced %08x", bit_msg_name(link->partial.type),
                        found, crc);
    bit_link_queue_put(link, &link->partial);
    return 0;
}

static int take_payload(struct bit_link *link, const struct bit_frame *frame)
{
    struct bit_link_order *order = &link->partial;

    if (order->msg == NULL)
        return bit_fail(BIT_EFRAME, "payload without an order");
    if (frame->body_bytes == 0 || frame->body_bytes > order->payload_bytes - link->partial_bytes)
        return bit_fail(BIT_EFRAME, "%u bytes of payload where %zu are left of %zu", frame->body_bytes,
                        order->payload_bytes - link->partial_bytes, order->payload_bytes);
    memcpy(order->payload + link->partial_bytes, frame->body, frame->body_bytes);
    link->partial_bytes += frame->body_bytes;
    return finish_payload(link);
}

static int take_order(struct bit_link *link, const struct bit_frame *frame)
{
    struct bit_link_order *order = &link->partial;
    uint32_t crc;
    int err;

    if (order->msg != NULL)
        return bit_fail(BIT_EFRAME, "a %s inside the payload of a %s", bit_msg_name(frame->type),
                        bit_msg_name(order->type));
    err = bit_msg_decode(BIT_CHANNEL_LINK_DOWN, frame->type, frame->body, frame->body_bytes, &order->msg);
    if (err < 0)
        return err;
    order->type = frame->type;
    link->partial_bytes = 0;
    err = make_room(order, announced_bytes(order, &crc));
    return err < 0 ? err : finish_payload(link);
}

static int check_epoch(const struct bit_link *link, const struct bit_frame *frame)
{
    if (frame->epoch != link->config.epoch)
        return bit_fail(BIT_EEPOCH, "a frame of epoch %" PRIu64 ", this worker's is %" PRIu64, frame->epoch,
                        link->config.epoch);
    return 1;
}

/* Reads more bytes into the frame reader. */
static int receive(struct bit_link *link)
{
    uint8_t *room;
    size_t room_bytes;
    ssize_t got;
    int err = bit_frame_reader_reserve(&link->reader, &room, &room_bytes);

    if (err < 0)
        return err;
    got = bit_link_socket_read(&link->socket, room, room_bytes);
    if (got < 0)
        return bit_fail_within((int)got, "'%s'", link->config.where);
    bit_frame_reader_commit(&link->reader, (size_t)got);
    atomic_store(&link->heard_ms, bit_clock_ms());
    return 0;
}

int bit_link_read_frame(struct bit_link *link, struct bit_frame *frame)
{
    int err;

    while ((err = bit_frame_reader_next(&link->reader, frame)) == 0) {
        err = receive(link);
        if (err < 0)
            return err;
    }
    return err < 0 ? err : check_epoch(link, frame);
}

void *bit_link_read_orders(void *arg)
{
    struct bit_link *link = arg;
    struct bit_frame frame;
    int err;

    do {
        err = bit_link_read_frame(link, &frame);
        if (err > 0 && frame.type == BIT_MSG_BEAT)
            continue; /* its only meaning is that the daemon was heard */
        if (err > 0)
            err = frame.type == BIT_FRAME_PAYLOAD ? take_payload(link, &frame) : take_order(link, &frame);
    } while (err >= 0 && bit_link_state(link) == BIT_LINK_UP);
    if (err < 0)
        bit_link_set_down(link, err);
    return NULL;
}
