#include "ctl/client/change.h"

#include <inttypes.h>
#include <stdio.h>

#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "proto/check.h"

/* Prints what bitd did: "r7: paused after step 412 (event 431)". */
static int send_change(struct bit_cli *cli, uint16_t type, const void *request)
{
    Bit__DoneReply *done = NULL;
    int code = bit_connection_ask(cli, type, request, BIT_MSG_DONE_REPLY, &done);

    if (code)
        return code;
    if (cli->json) {
        bit_print_json(done);
    } else if (!cli->quiet) {
        bit_show(stdout, "%s: %s", done->run, done->text && *done->text ? done->text : "done");
        if (done->has_step)
            bit_show(stdout, " (step %" PRIu64, done->step);
        if (done->has_event)
            bit_show(stdout, "%sevent %" PRIu64, done->has_step ? ", " : " (", done->event);
        bit_show(stdout, "%s\n", done->has_step || done->has_event ? ")" : "");
    }
    bit_msg_free(done);
    return 0;
}

const struct bit_option bit_change_options[] = {
    {"no-wait", 0, NULL, BIT_NO_WAIT_HELP},
    {0},
};

static void set_text(void *request, const char *name, char *text)
{
    const ProtobufCMessageDescriptor *desc = ((ProtobufCMessage *)request)->descriptor;
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(desc, name);

    BIT_ASSERT(field != NULL && field->type == PROTOBUF_C_TYPE_STRING);
    *(char **)((char *)request + field->offset) = text;
}

int bit_change_end(struct bit_options *o, int got, int argc, char **argv, uint16_t type, void *request)
{
    int code = bit_options_end(o, got, argc, argv, 1);
    char id[40];

    if (code >= 0)
        return code;
    bit_request_id(id);
    set_text(request, "run", argv[o->rest]);
    set_text(request, "request_id", id);
    return send_change(o->cli, type, request);
}
