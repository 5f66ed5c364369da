#include "ctl/client/change.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/cli/failure.h"
#include "ctl/client/sweep_word.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"

/*
 * Prints what bitd did: "r7: paused at step 412 (event 431)"; the step is added only if the text has none. found: NULL,
 * or where the run's id goes.
 */
static int send_change(struct bit_cli *cli, uint16_t type, const void *request, char found[BIT_RUN_ID_MAX])
{
    Bit__DoneReply *done = NULL;
    int code = bit_connection_ask(cli, type, request, BIT_MSG_DONE_REPLY, &done);

    if (code)
        return code;
    if (found != NULL)
        bit_format(found, BIT_RUN_ID_MAX, "%s", done->run);
    if (cli->json) {
        bit_print_json(done);
    } else if (!cli->quiet) {
        bit_show(stdout, "%s: %s", done->run, done->text && *done->text ? done->text : "done");
        const bool step = done->has_step && (done->text == NULL || strstr(done->text, "step") == NULL);
        if (step)
            bit_show(stdout, " (step %" PRIu64, done->step);
        if (done->has_event)
            bit_show(stdout, "%sevent %" PRIu64, step ? ", " : " (", done->event);
        bit_show(stdout, "%s\n", step || done->has_event ? ")" : "");
    }
    bit_msg_free(done);
    return 0;
}

const struct bit_option bit_change_options[] = {
    {"no-wait", 0, NULL, BIT_NO_WAIT_HELP},
    {0},
};

static void *field_of(void *request, const char *name, ProtobufCType type, protobuf_c_boolean **has)
{
    const ProtobufCMessageDescriptor *desc = ((ProtobufCMessage *)request)->descriptor;
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(desc, name);

    if (field == NULL)
        return NULL;
    BIT_ASSERT(field->type == type);
    if (has != NULL)
        *has = (protobuf_c_boolean *)((char *)request + field->quantifier_offset);
    return (char *)request + field->offset;
}

static void set_text(void *request, const char *name, char *text)
{
    char **at = field_of(request, name, PROTOBUF_C_TYPE_STRING, NULL);

    BIT_ASSERT(at != NULL);
    *at = text;
}

int bit_change_take_no_wait(void *request, int option, const char *value)
{
    protobuf_c_boolean *has = NULL, *no_wait = field_of(request, "no_wait", PROTOBUF_C_TYPE_BOOL, &has);

    BIT_ASSERT(no_wait != NULL);
    *has = *no_wait = true;
    return 0;
}

int bit_change_send_found(struct bit_cli *cli, uint16_t type, void *request, char found[BIT_RUN_ID_MAX])
{
    char id[40];

    bit_request_id(id);
    set_text(request, "request_id", id);
    return send_change(cli, type, request, found);
}

int bit_change_send(struct bit_cli *cli, uint16_t type, void *request)
{
    return bit_change_send_found(cli, type, request, NULL);
}

/* ---- several runs */

struct asked {
    char *run, id[40];          /* the word, and the request's id */
    char found[BIT_RUN_ID_MAX]; /* the run that bitd changed when it was ordered; later its name may mean another run */
    int code;                   /* exit code if it was refused at once */
    bool is_sweep;
    char sweep[BIT_RUN_ID_MAX];
};

static bool is_set(const void *request, const char *name)
{
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(
        ((const ProtobufCMessage *)request)->descriptor, name);

    return field != NULL && *(const protobuf_c_boolean *)((const char *)request + field->quantifier_offset);
}

/* What of this request a sweep cannot take, because it is for one run; NULL if nothing. */
static const char *of_one_run(uint16_t type, const void *request)
{
    static const char *const of_resume[] = {"ranks", "from_step", "steps", "skip", "force"};

    if (type != BIT_MSG_PAUSE_REQUEST && type != BIT_MSG_RESUME_REQUEST && type != BIT_MSG_CANCEL_REQUEST)
        return "this";
    for (size_t i = 0; type == BIT_MSG_RESUME_REQUEST && i < BIT_COUNT(of_resume); i++)
        if (is_set(request, of_resume[i]))
            return of_resume[i];
    return NULL;
}

static int change_sweep(struct bit_cli *cli, uint16_t type, const void *request, const char *sweep)
{
    const char *why = of_one_run(type, request);
    const Bit__SweepChange change = type == BIT_MSG_PAUSE_REQUEST    ? BIT__SWEEP_CHANGE__SWEEP_PAUSE
                                    : type == BIT_MSG_RESUME_REQUEST ? BIT__SWEEP_CHANGE__SWEEP_RESUME
                                                                     : BIT__SWEEP_CHANGE__SWEEP_CANCEL;

    if (why != NULL)
        return bit_failure_print(
            cli,
            bit_fail(BIT_EUSAGE, "%s is a sweep, and %s is for one run: `bitctl ps -a --where sweep=%s` lists them",
                     sweep, why, sweep));
    return bit_sweep_word_change(cli, sweep, change, is_set(request, "now"), !is_set(request, "no_wait"));
}

static void order_one(struct bit_cli *cli, uint16_t type, void *request, struct asked *a)
{
    Bit__DoneReply *done = NULL;

    set_text(request, "run", a->run);
    set_text(request, "request_id", a->id);
    a->code = bit_connection_ask(cli, type, request, BIT_MSG_DONE_REPLY, &done);
    if (a->code == 0) {
        bit_format(a->found, sizeof a->found, "%s", done->run);
        a->run = a->found;
    }
    bit_msg_free(done);
}

/* If the verb waits, order every run first: the second run must not wait until the first is done. */
static void order_all(struct bit_cli *cli, uint16_t type, void *request, struct asked *all, int count)
{
    protobuf_c_boolean *has = NULL, *no_wait = field_of(request, "no_wait", PROTOBUF_C_TYPE_BOOL, &has);
    struct bit_cli silent = {.socket = cli->socket, .json = cli->json, .quiet = true};

    if (no_wait == NULL || *no_wait || count < 2)
        return;
    *has = *no_wait = true;
    for (int i = 0; i < count; i++) {
        if (all[i].is_sweep || all[i].code != 0)
            continue;
        if (i > 0 && all[i - 1].code == BIT_EXIT_UNAVAILABLE)
            all[i].code = BIT_EXIT_UNAVAILABLE;
        else
            order_one(&silent, type, request, &all[i]);
    }
    *has = *no_wait = false;
}

int bit_change_each(const struct bit_options *o, uint16_t type, void *request)
{
    const int count = o->words;
    struct asked *all = calloc((size_t)count, sizeof *all);
    int first = 0;

    if (all == NULL)
        return bit_failure_print(o->cli, bit_fail(-ENOMEM, "%d runs", count));
    for (int i = 0; i < count; i++) {
        all[i].run = o->word[i];
        bit_request_id(all[i].id);
        all[i].code = bit_sweep_word(o->cli, all[i].run, all[i].sweep);
        all[i].is_sweep = all[i].code < 0;
        all[i].code = BIT_MAX(all[i].code, 0);
    }
    order_all(o->cli, type, request, all, count);
    for (int i = 0; i < count && first != BIT_EXIT_UNAVAILABLE; i++) {
        set_text(request, "run", all[i].run);
        set_text(request, "request_id", all[i].id);
        const int code = all[i].code       ? all[i].code
                         : all[i].is_sweep ? change_sweep(o->cli, type, request, all[i].sweep)
                                           : send_change(o->cli, type, request, NULL);
        first = first ? first : code;
    }
    free(all);
    return first;
}
