#include "daemon/client/request.h"

#include "daemon/client/change/live_change.h"
#include "daemon/client/change/mutate.h"
#include "daemon/client/change/pin.h"
#include "daemon/client/change/priority.h"
#include "daemon/client/change/prune.h"
#include "daemon/client/change/remove.h"
#include "daemon/client/change/resume.h"
#include "daemon/client/change/tag.h"
#include "daemon/client/query/doctor.h"
#include "daemon/client/query/metrics.h"
#include "daemon/client/query/query.h"
#include "daemon/client/query/wait.h"
#include "daemon/client/stream/stream.h"
#include "daemon/client/submit/fork.h"
#include "daemon/client/submit/submit.h"
#include "daemon/client/sweep/sweep.h"
#include "daemon/client/sweep/sweep_change.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/wire/msg.h"

/* proof.c reads the answers to its own ProveCalls; any other one is an error. */
static void refuse_proof(struct bit_client *c, const Bit__ProveAnswer *m)
{
    bit_client_refuse(c, BIT_EMESSAGE, "a proof that was not asked for");
}

/*
 * X(message, type, handler). A message of the channel CLIENT_REQUEST (proto/wire/msg.h) without a line here is a
 * compile error, and so is a line without a message.
 */
#define REQUESTS(X)                                                                                                    \
    X(submit_request, SubmitRequest, bit_submit)                                                                       \
    X(list_request, ListRequest, bit_query_list)                                                                       \
    X(status_request, StatusRequest, bit_query_status)                                                                 \
    X(events_request, EventsRequest, bit_stream_events)                                                                \
    X(log_request, LogRequest, bit_stream_log)                                                                         \
    X(wait_request, WaitRequest, bit_wait_requested)                                                                   \
    X(checkpoint_request, CheckpointRequest, bit_mutate_checkpoint)                                                    \
    X(pause_request, PauseRequest, bit_mutate_pause)                                                                   \
    X(resume_request, ResumeRequest, bit_resume)                                                                       \
    X(cancel_request, CancelRequest, bit_mutate_cancel)                                                                \
    X(switch_request, SwitchRequest, bit_mutate_switch)                                                                \
    X(checkpoint_list_request, CheckpointListRequest, bit_query_checkpoints)                                           \
    X(checkpoint_pin_request, CheckpointPinRequest, bit_pin_asked)                                                     \
    X(checkpoint_remove_request, CheckpointRemoveRequest, bit_pin_remove_asked)                                        \
    X(remove_request, RemoveRequest, bit_remove_asked)                                                                 \
    X(prune_request, PruneRequest, bit_prune)                                                                          \
    X(fork_request, ForkRequest, bit_fork_asked)                                                                       \
    X(tag_request, TagRequest, bit_tag_asked)                                                                          \
    X(change_request, ChangeRequest, bit_live_change_asked)                                                            \
    X(priority_request, PriorityRequest, bit_priority_asked)                                                           \
    X(sweep_request, SweepRequest, bit_sweep_asked)                                                                    \
    X(sweep_query_request, SweepQueryRequest, bit_sweep_query)                                                         \
    X(sweep_list_request, SweepListRequest, bit_sweep_list)                                                            \
    X(sweep_change_request, SweepChangeRequest, bit_sweep_change)                                                      \
    X(sweep_wait_request, SweepWaitRequest, bit_sweep_change_wait)                                                     \
    X(doctor_request, DoctorRequest, bit_doctor_answer)                                                                \
    X(version_request, VersionRequest, bit_query_version)                                                              \
    X(metrics_request, MetricsRequest, bit_metrics_asked)                                                              \
    X(prove_answer, ProveAnswer, refuse_proof)

#define X(message, type, handler)                                                                                      \
    static void handle_##message(struct bit_client *c, const void *msg)                                                \
    {                                                                                                                  \
        const Bit__##type *m = msg;                                                                                    \
                                                                                                                       \
        handler(c, m);                                                                                                 \
    }
REQUESTS(X)
#undef X

typedef void handler(struct bit_client *c, const void *msg);

#define IF_CLIENT_REQUEST(NAME, message) [BIT_MSG_##NAME] = handle_##message,
#define IF_CLIENT_REPLY(NAME, message)
#define IF_LINK_UP(NAME, message)
#define IF_LINK_DOWN(NAME, message)
#define IF_DISK(NAME, message)

static handler *const handlers[] = {
#define X(NAME, message, number, channel) IF_##channel(NAME, message)
    BIT_MSG_TABLE(X)
#undef X
};

void bit_request_handle(struct bit_client *c, uint16_t type, const ProtobufCMessage *msg)
{
    if (type < BIT_COUNT(handlers) && handlers[type] != NULL)
        handlers[type](c, msg);
    else
        bit_client_refuse(c, BIT_EMESSAGE, "no request has type %u", type);
}
