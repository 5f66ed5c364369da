#include "ctl/mutate.h"

#include <inttypes.h>
#include <stdio.h>

#include "ctl/print.h"

int bit_mutate(struct bit_cli *cli, uint16_t type, const void *request)
{
    Bit__DoneReply *done = NULL;
    int code = bit_client_ask(cli, type, request, BIT_MSG_DONE_REPLY, &done);

    if (code)
        return code;
    if (cli->json) {
        bit_print_json(done);
    } else if (!cli->quiet) {
        printf("%s: %s", done->run, done->text && *done->text ? done->text : "done");
        if (done->has_step)
            printf(" (step %" PRIu64, done->step);
        if (done->has_event)
            printf("%sevent %" PRIu64, done->has_step ? ", " : " (", done->event);
        printf("%s\n", done->has_step || done->has_event ? ")" : "");
    }
    bit_msg_free(done);
    return 0;
}
