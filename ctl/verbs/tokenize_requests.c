#include "ctl/verbs/tokenize_requests.h"

#include "ctl/cli/failure.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/limits.h"

static void print_person(const struct bit_requests_options *o, const struct bit_requests_summary *s)
{
    char ids[BIT_TEXT];

    bit_show(stdout, "%s/%s%s: %u item%s of %u document%s, %s, %s ids, the longest query %u", o->folder, s->task,
             BIT_REQUEST_FILE_ENDING, s->items, bit_format_s(s->items), s->documents, bit_format_s(s->documents),
             bit_task_metric_name(s->metric), bit_text_count((double)s->ids, ids), s->extent.longest);
    if (o->context > 0)
        bit_show(stdout, ", %u cut to %u", s->extent.cut, o->context);
    bit_show(stdout, "%s\n", s->unchanged ? "; there already" : "");
}

static void print_json(const struct bit_requests_options *o, const char *input, const struct bit_requests_summary *s)
{
    Bit__TokenizerName tokenizer = BIT__TOKENIZER_NAME__INIT;
    Bit__RequestFile m = BIT__REQUEST_FILE__INIT;
    char file[BIT_PATH_MAX];

    bit_format(file, sizeof file, "%s/%s%s", o->folder, s->task, BIT_REQUEST_FILE_ENDING);
    tokenizer.name = bit_lend(o->tokenizer->name);
    tokenizer.sha256 = bit_lend(o->tokenizer->digest);
    m.task = bit_lend(s->task);
    m.metric = bit_lend(bit_task_metric_name(s->metric));
    m.input = bit_lend(input);
    m.file = file;
    m.output = bit_lend(o->folder);
    m.documents = s->documents;
    m.items = s->items;
    m.ids = s->ids;
    m.longest_query = s->extent.longest;
    m.unchanged = s->unchanged;
    m.tokenizer = &tokenizer;
    m.has_cut = o->context > 0;
    m.cut = s->extent.cut;
    bit_print_json(&m);
}

static int make(struct bit_cli *cli, const struct bit_requests_options *o, const char *input,
                struct bit_requests_taken *taken)
{
    struct bit_requests_summary sum;
    int err = bit_requests_make(input, o, taken, &sum);

    if (err < 0) {
        int code = bit_failure_print(cli, err);
        if (err == -EEXIST && !cli->json)
            bit_show(stderr, "bitctl: name another --output, or replace it with --force\n");
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
