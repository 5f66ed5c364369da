/* Typed messages: the channel of each type, and encoding and decoding within limits. */
#ifndef BIT_PROTO_MSG_H
#define BIT_PROTO_MSG_H

#include <stdbool.h>

#include "proto/bit.pb-c.h"
#include "proto/wire/frame.h"

/* X(NAME, message, number, channel), in groups by channel; msg.c and the tests expand this table. */
#define BIT_MSG_TABLE(X)                                                                                               \
    X(WELCOME, welcome, 10, LINK_DOWN)                                                                                 \
    X(STEP_ORDER, step_order, 11, LINK_DOWN)                                                                           \
    X(PHASE_SWITCH, phase_switch, 12, LINK_DOWN)                                                                       \
    X(CHECKPOINT_ORDER, checkpoint_order, 13, LINK_DOWN)                                                               \
    X(EVALUATE_ORDER, evaluate_order, 14, LINK_DOWN)                                                                   \
    X(STOP_ORDER, stop_order, 15, LINK_DOWN)                                                                           \
    X(BEAT, beat, 16, LINK_DOWN)                                                                                       \
    X(DONE_TAKEN, done_taken, 17, LINK_DOWN)                                                                           \
    X(SCORE_ORDER, score_order, 18, LINK_DOWN)                                                                         \
    X(WORKER_HELLO, worker_hello, 30, LINK_UP)                                                                         \
    X(WORKER_READY, worker_ready, 31, LINK_UP)                                                                         \
    X(STEP_REPORT, step_report, 32, LINK_UP)                                                                           \
    X(PHASE_SWITCHED, phase_switched, 33, LINK_UP)                                                                     \
    X(CHECKPOINT_REPORT, checkpoint_report, 34, LINK_UP)                                                               \
    X(EVALUATE_REPORT, evaluate_report, 35, LINK_UP)                                                                   \
    X(HEARTBEAT, heartbeat, 36, LINK_UP)                                                                               \
    X(WORKER_FAILED, worker_failed, 37, LINK_UP)                                                                       \
    X(WORKER_DONE, worker_done, 38, LINK_UP)                                                                           \
    X(SCORE_REPORT, score_report, 39, LINK_UP)                                                                         \
    X(PRODUCTS_FOUND, products_found, 40, LINK_UP)                                                                     \
    X(SUBMIT_REQUEST, submit_request, 50, CLIENT_REQUEST)                                                              \
    X(LIST_REQUEST, list_request, 51, CLIENT_REQUEST)                                                                  \
    X(STATUS_REQUEST, status_request, 52, CLIENT_REQUEST)                                                              \
    X(EVENTS_REQUEST, events_request, 53, CLIENT_REQUEST)                                                              \
    X(LOG_REQUEST, log_request, 54, CLIENT_REQUEST)                                                                    \
    X(WAIT_REQUEST, wait_request, 55, CLIENT_REQUEST)                                                                  \
    X(CHECKPOINT_REQUEST, checkpoint_request, 56, CLIENT_REQUEST)                                                      \
    X(PAUSE_REQUEST, pause_request, 57, CLIENT_REQUEST)                                                                \
    X(RESUME_REQUEST, resume_request, 58, CLIENT_REQUEST)                                                              \
    X(CANCEL_REQUEST, cancel_request, 59, CLIENT_REQUEST)                                                              \
    X(SWITCH_REQUEST, switch_request, 60, CLIENT_REQUEST)                                                              \
    X(CHECKPOINT_LIST_REQUEST, checkpoint_list_request, 61, CLIENT_REQUEST)                                            \
    X(VERSION_REQUEST, version_request, 62, CLIENT_REQUEST)                                                            \
    X(DOCTOR_REQUEST, doctor_request, 63, CLIENT_REQUEST)                                                              \
    X(PROVE_ANSWER, prove_answer, 64, CLIENT_REQUEST)                                                                  \
    X(CHECKPOINT_PIN_REQUEST, checkpoint_pin_request, 70, CLIENT_REQUEST)                                              \
    X(CHECKPOINT_REMOVE_REQUEST, checkpoint_remove_request, 71, CLIENT_REQUEST)                                        \
    X(REMOVE_REQUEST, remove_request, 72, CLIENT_REQUEST)                                                              \
    X(PRUNE_REQUEST, prune_request, 73, CLIENT_REQUEST)                                                                \
    X(FORK_REQUEST, fork_request, 74, CLIENT_REQUEST)                                                                  \
    X(TAG_REQUEST, tag_request, 75, CLIENT_REQUEST)                                                                    \
    X(CHANGE_REQUEST, change_request, 76, CLIENT_REQUEST)                                                              \
    X(METRICS_REQUEST, metrics_request, 77, CLIENT_REQUEST)                                                            \
    X(PRIORITY_REQUEST, priority_request, 78, CLIENT_REQUEST)                                                          \
    X(ERROR_REPLY, error_reply, 80, CLIENT_REPLY)                                                                      \
    X(DONE_REPLY, done_reply, 81, CLIENT_REPLY)                                                                        \
    X(SUBMIT_REPLY, submit_reply, 82, CLIENT_REPLY)                                                                    \
    X(DRY_RUN_REPLY, dry_run_reply, 83, CLIENT_REPLY)                                                                  \
    X(RUN_STATUS, run_status, 84, CLIENT_REPLY)                                                                        \
    X(LIST_REPLY, list_reply, 85, CLIENT_REPLY)                                                                        \
    X(EVENT_REPLY, event_reply, 86, CLIENT_REPLY)                                                                      \
    X(LOG_REPLY, log_reply, 87, CLIENT_REPLY)                                                                          \
    X(END_REPLY, end_reply, 88, CLIENT_REPLY)                                                                          \
    X(WAIT_REPLY, wait_reply, 89, CLIENT_REPLY)                                                                        \
    X(CHECKPOINT_LIST_REPLY, checkpoint_list_reply, 90, CLIENT_REPLY)                                                  \
    X(VERSION_REPLY, version_reply, 91, CLIENT_REPLY)                                                                  \
    X(DOCTOR_REPLY, doctor_reply, 92, CLIENT_REPLY)                                                                    \
    X(PROVE_CALL, prove_call, 93, CLIENT_REPLY)                                                                        \
    X(REMOVED_REPLY, removed_reply, 96, CLIENT_REPLY)                                                                  \
    X(PRUNE_REPLY, prune_reply, 97, CLIENT_REPLY)                                                                      \
    X(NOTE_REPLY, note_reply, 98, CLIENT_REPLY)                                                                        \
    X(METRICS_REPLY, metrics_reply, 99, CLIENT_REPLY)                                                                  \
    X(JOURNAL_RECORD, journal_record, 110, DISK)                                                                       \
    X(MANIFEST, manifest, 111, DISK)                                                                                   \
    X(RUN_SPEC, run_spec, 112, DISK)                                                                                   \
    X(SWEEP_REQUEST, sweep_request, 130, CLIENT_REQUEST)                                                               \
    X(SWEEP_QUERY_REQUEST, sweep_query_request, 131, CLIENT_REQUEST)                                                   \
    X(SWEEP_LIST_REQUEST, sweep_list_request, 132, CLIENT_REQUEST)                                                     \
    X(SWEEP_CHANGE_REQUEST, sweep_change_request, 133, CLIENT_REQUEST)                                                 \
    X(SWEEP_WAIT_REQUEST, sweep_wait_request, 134, CLIENT_REQUEST)                                                     \
    X(SWEEP_REPLY, sweep_reply, 140, CLIENT_REPLY)                                                                     \
    X(SWEEP_LIST_REPLY, sweep_list_reply, 141, CLIENT_REPLY)

enum bit_msg_type {
#define X(NAME, message, number, channel) BIT_MSG_##NAME = number,
    BIT_MSG_TABLE(X)
#undef X
};

enum bit_channel {
    BIT_CHANNEL_LINK_DOWN = 1,  /* bitd -> bitworker */
    BIT_CHANNEL_LINK_UP,        /* bitworker -> bitd */
    BIT_CHANNEL_CLIENT_REQUEST, /* bitctl -> bitd */
    BIT_CHANNEL_CLIENT_REPLY,   /* bitd -> bitctl */
    BIT_CHANNEL_DISK,
};

/** "step_order", or "unknown". */
const char *bit_msg_name(uint16_t type);
/** The channel of a type, 0 if there is no such type. */
enum bit_channel bit_msg_channel(uint16_t type);
/** The descriptor of a type's message, NULL if there is no such type. */
const ProtobufCMessageDescriptor *bit_msg_descriptor(uint16_t type);

/**
 * Decode one message of the given type.
 * Ownership   *out is the caller's, freed by bit_msg_free; it does not borrow from body
 * Errors      BIT_EMESSAGE for a type of another channel, missing required fields, unknown fields at any depth, an
 *             enumeration outside its values, NaN or infinity in a double, embedded NUL or broken UTF-8 in a string,
 *             and the rest of strict.h; BIT_ELIMIT for a message that would take more than
 *             min(16 x bytes + 4 KiB, 8 MiB) when decoded; -ENOMEM
 */
int bit_msg_decode(enum bit_channel channel, uint16_t type, const uint8_t *body, size_t bytes, ProtobufCMessage **out);
/** The same for a message outside of any channel (a manifest's bytes, a spec file), by descriptor. `budget` is the
 * largest decoded size. */
int bit_msg_decode_as(const ProtobufCMessageDescriptor *desc, const uint8_t *body, size_t bytes, size_t budget,
                      ProtobufCMessage **out);
/** Frees a message on the heap, made by bit_msg_decode or by protobuf-c. NULL is allowed. */
void bit_msg_free(void *msg);

/**
 * Encode `msg` as one whole frame, header included. *out (heap, the caller's) has *bytes.
 * Asserts that msg is of this type and that no required string or message in it is NULL. Broken UTF-8 is repaired in a
 * report or a reply (bit_strict_repair), and refused in an order or a request.
 * Errors      BIT_EMESSAGE if the receiver would refuse the message (NaN, broken UTF-8 in an order or a request);
 *             BIT_ELIMIT if the body is above BIT_FRAME_BODY_MAX; -ENOMEM
 */
int bit_msg_encode(uint16_t type, uint64_t epoch, const void *msg, uint8_t **out, size_t *bytes);

/** Whether both pack to the same bytes; false if memory ran out. */
bool bit_msg_is_same(const ProtobufCMessage *a, const ProtobufCMessage *b);
/** A deep copy on the heap, freed by bit_msg_free. NULL when memory ran out. */
void *bit_msg_clone(const void *msg);

#endif
