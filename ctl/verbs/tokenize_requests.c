#include "ctl/verbs/tokenize_requests.h"

#include <jansson.h>

#include "ctl/cli/failure.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "proto/check.h"
#include "proto/err.h"

static void print_person(const struct bit_requests_options *o, const struct bit_requests_summary *s)
{
    char ids[BIT_TEXT];

    bit_show(stdout, "%s/%s%s: %u items of %u document%s, %s, %s ids, the longest query %u", o->folder, s->task,
             BIT_REQUEST_FILE_ENDING, s->items, s->documents, s->documents == 1 ? "" : "s",
             bit_task_metric_name(s->metric), bit_text_count((double)s->ids, ids), s->extent.longest);
    if (o->context > 0)
        bit_show(stdout, ", %u cut to %u", s->extent.cut, o->context);
    bit_show(stdout, "%s\n", s->unchanged ? "; there already" : "");
}

static void print_json(const struct bit_requests_options *o, const char *input, const struct bit_requests_summary *s)
{
    json_t *m = json_pack("{s:s, s:s, s:s, s:o, s:s, s:I, s:I, s:I, s:I, s:b, s:{s:s, s:s}}", "task", s->task, "metric",
                          bit_task_metric_name(s->metric), "input", input, "file",
                          json_sprintf("%s/%s%s", o->folder, s->task, BIT_REQUEST_FILE_ENDING), "output", o->folder,
                          "documents", (json_int_t)s->documents, "items", (json_int_t)s->items, "ids",
                          (json_int_t)s->ids, "longest_query", (json_int_t)s->extent.longest, "unchanged", s->unchanged,
                          "tokenizer", "name", o->tokenizer->name, "sha256", o->tokenizer->digest);

    if (m != NULL && o->context > 0)
        json_object_set_new(m, "cut", json_integer(s->extent.cut));
    bit_show_json(m, 0);
    json_decref(m);
}

static int make(struct bit_cli *cli, const struct bit_requests_options *o, const char *input,
                struct bit_requests_taken *taken)
{
    struct bit_requests_summary sum;
    int err = bit_requests_make(input, o, taken, &sum);

    if (err < 0) {
        int code = bit_failure_print(cli, err);
        if (err == -EEXIST && !cli->json)
            bit_show(stderr, "bitctl: name another --output, or write in its place with --force\n");
        return code;
    }
    if (cli->json)
        print_json(o, input, &sum);
    else if (!cli->quiet)
        print_person(o, &sum);
    return BIT_EXIT_OK;
}

int bit_tokenize_requests(struct bit_cli *cli, const struct bit_requests_options *options,
                          const struct bit_inputs *inputs)
{
    struct bit_requests_taken taken = {0};
    int code = BIT_EXIT_OK;

    for (size_t i = 0; i < inputs->count; i++) {
        int said = make(cli, options, inputs->files[i].path, &taken);
        code = code == BIT_EXIT_OK ? said : code;
    }
    bit_requests_taken_finish(&taken);
    return code;
}
