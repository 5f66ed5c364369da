#include "proto/wire/msg.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire/strict.h"

static const struct entry {
    const char *name;
    enum bit_channel channel;
    const ProtobufCMessageDescriptor *desc;
} entries[] = {
#define X(NAME, message, number, channel) [number] = {#message, BIT_CHANNEL_##channel, &bit__##message##__descriptor},
    BIT_MSG_TABLE(X)
#undef X
};

static const struct entry *find(uint16_t type)
{
    return type < BIT_COUNT(entries) && entries[type].name != NULL ? &entries[type] : NULL;
}

const char *bit_msg_name(uint16_t type)
{
    const struct entry *e = find(type);

    return e != NULL ? e->name : "unknown";
}

enum bit_channel bit_msg_channel(uint16_t type)
{
    const struct entry *e = find(type);

    return e != NULL ? e->channel : 0;
}

const ProtobufCMessageDescriptor *bit_msg_descriptor(uint16_t type)
{
    const struct entry *e = find(type);

    return e != NULL ? e->desc : NULL;
}

/* Counts the allocated bytes, as malloc rounds them. Blocks come from plain malloc, so bit_msg_free needs no special
 * allocator. */
struct budget {
    size_t used, most;
    bool exceeded;
};

static void *budget_alloc(void *data, size_t bytes)
{
    struct budget *b = data;
    void *p;

    if (bytes > b->most - b->used) {
        b->exceeded = true;
        return NULL;
    }
    p = malloc(bytes);
    if (p != NULL)
        b->used += BIT_MIN(malloc_usable_size(p), b->most - b->used);
    return p;
}

static void budget_free(void *data, void *p)
{
    struct budget *b = data;

    if (p != NULL)
        b->used -= BIT_MIN(malloc_usable_size(p), b->used);
    free(p);
}

int bit_msg_decode_as(const ProtobufCMessageDescriptor *desc, const uint8_t *body, size_t bytes, size_t budget,
                      ProtobufCMessage **out)
{
    struct budget b = {.most = budget};
    ProtobufCAllocator allocator = {.alloc = budget_alloc, .free = budget_free, .allocator_data = &b};
    ProtobufCMessage *msg;
    int err = bit_strict_check(desc, body, bytes);

    if (err < 0)
        return err;
    msg = protobuf_c_message_unpack(desc, &allocator, bytes, body);
    if (msg == NULL && b.exceeded)
        return bit_fail(BIT_ELIMIT, "%s of %zu bytes takes more than %zu decoded", desc->name, bytes, budget);
    if (msg == NULL)
        return bit_fail(-ENOMEM, "decoding %s of %zu bytes", desc->name, bytes);
    *out = msg;
    return 0;
}

int bit_msg_decode(enum bit_channel channel, uint16_t type, const uint8_t *body, size_t bytes, ProtobufCMessage **out)
{
    const struct entry *e = find(type);
    size_t budget;

    if (e == NULL)
        return bit_fail(BIT_EMESSAGE, "message type %u does not exist", type);
    if (e->channel != channel)
        return bit_fail(BIT_EMESSAGE, "message %s is not allowed on this channel", e->name);
    if (bytes > BIT_FRAME_BODY_MAX)
        return bit_fail(BIT_ELIMIT, "%s of %zu bytes", e->name, bytes);
    budget = BIT_MIN(BIT_DECODE_BUDGET_FACTOR * bytes + BIT_DECODE_BUDGET_BASE, (size_t)BIT_DECODE_BUDGET_MAX);
    return bit_msg_decode_as(e->desc, body, bytes, budget, out);
}

void bit_msg_free(void *msg)
{
    if (msg != NULL)
        protobuf_c_message_free_unpacked(msg, NULL);
}

/* Texts in reports and replies may be repaired. In an order or a request the exact text matters: a path or a name. */
static bool is_told(enum bit_channel channel)
{
    return channel == BIT_CHANNEL_LINK_UP || channel == BIT_CHANNEL_CLIENT_REPLY;
}

int bit_msg_encode(uint16_t type, uint64_t epoch, const void *msg, uint8_t **out, size_t *bytes)
{
    const struct entry *e = find(type);
    struct bit_frame frame = {.type = type, .epoch = epoch};
    size_t body_bytes;
    uint8_t *buf;
    int err;

    BIT_ASSERT(e != NULL && ((const ProtobufCMessage *)msg)->descriptor == e->desc);
    BIT_ASSERT(protobuf_c_message_check(msg));
    body_bytes = protobuf_c_message_get_packed_size(msg);
    if (body_bytes > BIT_FRAME_BODY_MAX)
        return bit_fail(BIT_ELIMIT, "%s of %zu bytes", e->name, body_bytes);
    buf = malloc(BIT_FRAME_HEADER_BYTES + body_bytes);
    if (buf == NULL)
        return bit_fail(-ENOMEM, "%s of %zu bytes", e->name, body_bytes);
    protobuf_c_message_pack(msg, buf + BIT_FRAME_HEADER_BYTES);
    err = is_told(e->channel) ? bit_strict_repair(e->desc, buf + BIT_FRAME_HEADER_BYTES, body_bytes)
                              : bit_strict_check(e->desc, buf + BIT_FRAME_HEADER_BYTES, body_bytes);
    if (err < 0) {
        free(buf);
        return err;
    }
    frame.body = buf + BIT_FRAME_HEADER_BYTES;
    frame.body_bytes = (uint32_t)body_bytes;
    bit_frame_encode_header(&frame, buf);
    *out = buf;
    *bytes = BIT_FRAME_HEADER_BYTES + body_bytes;
    return 0;
}

bool bit_msg_is_same(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    const size_t bytes = protobuf_c_message_get_packed_size(a);
    uint8_t *x = malloc(bytes + 1), *y = malloc(bytes + 1);
    bool same = x != NULL && y != NULL && protobuf_c_message_get_packed_size(b) == bytes;

    if (same) {
        protobuf_c_message_pack(a, x);
        protobuf_c_message_pack(b, y);
        same = memcmp(x, y, bytes) == 0;
    }
    free(x);
    free(y);
    return same;
}

void *bit_msg_clone(const void *msg)
{
    const ProtobufCMessage *m = msg;
    size_t bytes;
    uint8_t *packed;
    ProtobufCMessage *copy;

    if (m == NULL)
        return NULL;
    bytes = protobuf_c_message_get_packed_size(m);
    packed = malloc(bytes + 1);
    if (packed == NULL)
        return NULL;
    protobuf_c_message_pack(m, packed);
    copy = protobuf_c_message_unpack(m->descriptor, NULL, bytes, packed);
    free(packed);
    return copy;
}
