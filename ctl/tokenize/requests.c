#include "ctl/tokenize/requests.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/tokenize/request_lines.h"
#include "ctl/tokenize/whole_file.h"
#include "proto/check.h"
#include "proto/err.h"

/* A request file that is being made. */
struct making {
    const char *input;
    const struct bit_tokenizer *tokenizer;
    struct bit_encoder *encoder;
    struct bit_request_lines lines;
    struct bit_ids ids;
    struct bit_request_file file; /* owns document, item and ids */
};

/* ---- tasks */

static int take_task(struct bit_requests_taken *taken, const char *task, const char *input)
{
    for (size_t i = 0; i < taken->count; i++)
        if (strcmp(taken->task[i].name, task) == 0)
            return bit_fail(BIT_EDATA, "'%s' is of task '%s', and so is '%s': a task is one file", input, task,
                            taken->task[i].input);
    struct bit_requests_task *grown = realloc(taken->task, (taken->count + 1) * sizeof *grown);
    if (grown == NULL)
        return bit_fail(-ENOMEM, "task '%s'", task);
    taken->task = grown;
    snprintf(grown[taken->count].name, sizeof grown->name, "%s", task);
    grown[taken->count++].input = input;
    return 0;
}

void bit_requests_taken_finish(struct bit_requests_taken *taken)
{
    free(taken->task);
    *taken = (struct bit_requests_taken){0};
}

/* ---- a file */

static bool has_same_context(const struct bit_request_line *a, const struct bit_request_line *b)
{
    return a->document == b->document && a->context_bytes == b->context_bytes &&
           memcmp(a->context, b->context, a->context_bytes) == 0;
}

/* Append the ids of a text; *count is set to their number. */
static int encode(struct making *m, const struct bit_request_line *line, const char *what, const char *text,
                  size_t bytes, uint32_t *count)
{
    const size_t before = m->ids.count;
    int err = bit_encoder_encode(m->encoder, (const uint8_t *)text, bytes, &m->ids);

    if (err == 0 && m->ids.count == before)
        err = bit_fail(BIT_EDATA, "%s:%" PRIu64 ": \"%s\" has no tokens", m->input, line->line, what);
    if (err == 0 && m->ids.count > BIT_REQUEST_IDS_MAX)
        err = bit_fail(BIT_ELIMIT, "'%s' has more than %u tokens", m->input, BIT_REQUEST_IDS_MAX);
    if (err == 0)
        *count = (uint32_t)(m->ids.count - before);
    return err;
}

static int encode_item(struct making *m, size_t at)
{
    const struct bit_request_line *line = &m->lines.line[at];
    struct bit_request_item *item = &m->file.item[at];
    int err = 0;

    item->same_context = at > 0 && has_same_context(line, line - 1);
    if (item->same_context)
        item->context_tokens = item[-1].context_tokens;
    else
        err = encode(m, line, "context", line->context, line->context_bytes, &item->context_tokens);
    if (err == 0)
        err = encode(m, line, "continuation", line->continuation, line->continuation_bytes, &item->continuation_tokens);
    bit_request_line_measure(line, &item->characters, &item->bytes);
    return err;
}

static void add_documents(struct making *m)
{
    struct bit_request_document *d = m->file.document;

    for (size_t i = 0; i < m->lines.count; i++) {
        const struct bit_request_line *line = &m->lines.line[i];
        if (line->choice == 0)
            *d++ = (struct bit_request_document){.number = line->document, .label = line->label};
        d[-1].choices++;
    }
    m->file.document_count = (uint32_t)(d - m->file.document);
}

/* Copy the ids to 16 bits. */
static int narrow(struct making *m)
{
    struct bit_request_file *f = &m->file;
    uint16_t *ids = malloc(m->ids.count * sizeof *ids + 1);

    if (ids == NULL)
        return bit_fail(-ENOMEM, "the tokens of '%s'", m->input);
    for (size_t i = 0; i < m->ids.count; i++)
        ids[i] = (uint16_t)m->ids.id[i];
    f->ids = ids;
    return 0;
}

static int keep_ids(struct making *m)
{
    m->file.id_count = m->ids.count;
    if (m->file.token_bytes == sizeof(uint16_t))
        return narrow(m);
    m->file.ids = m->ids.id;
    m->ids = (struct bit_ids){0};
    return 0;
}

static int describe(struct making *m)
{
    struct bit_request_file *f = &m->file;

    f->metric = m->lines.metric;
    f->vocab = m->tokenizer->bpe.token_count;
    f->token_bytes = f->vocab > BIT_VOCAB_16BIT ? sizeof(uint32_t) : sizeof(uint16_t);
    f->item_count = (uint32_t)m->lines.count;
    snprintf(f->task, sizeof f->task, "%s", m->lines.task);
    snprintf(f->sha256, sizeof f->sha256, "%s", m->tokenizer->digest);
    if ((size_t)snprintf(f->tokenizer, sizeof f->tokenizer, "%s", m->tokenizer->name) >= sizeof f->tokenizer)
        return bit_fail(BIT_ELIMIT, "a tokenizer's name of more than %zu bytes", sizeof f->tokenizer - 1);
    f->document = calloc(m->lines.count, sizeof *f->document);
    f->item = calloc(m->lines.count, sizeof *f->item);
    if (f->document == NULL || f->item == NULL)
        return bit_fail(-ENOMEM, "the requests of '%s'", m->input);
    add_documents(m);
    return 0;
}

static int make_file(struct making *m, struct bit_requests_taken *taken)
{
    int err = bit_request_lines_read(m->input, &m->lines);

    if (err == 0)
        err = take_task(taken, m->lines.task, m->input);
    if (err == 0)
        err = describe(m);
    if (err == 0)
        err = bit_encoder_create(m->tokenizer, &m->encoder);
    for (size_t i = 0; i < m->lines.count && err == 0; i++)
        err = encode_item(m, i);
    return err < 0 ? err : keep_ids(m);
}

/* The encoded file is parsed again, as every reader of it does, before it is written. */
static int write_file(const struct making *m, const struct bit_requests_options *o, struct bit_requests_summary *sum)
{
    struct bit_request_file read = {0};
    char name[BIT_NAME_MAX + sizeof BIT_REQUEST_FILE_ENDING];
    uint8_t *bytes = NULL;
    size_t count = 0;
    int err = bit_request_file_encode(&m->file, &bytes, &count);

    if (err == 0)
        err = bit_request_file_parse(bytes, count, m->input, &read);
    if (err == 0)
        err = bit_request_extent(&read, m->input, o->context > 0 ? o->context : UINT32_MAX, &sum->extent);
    snprintf(name, sizeof name, "%s%s", m->file.task, BIT_REQUEST_FILE_ENDING);
    if (err == 0)
        err = bit_err_output(bit_whole_file_write(o->folder, name, bytes, count, o->force));
    if (err >= 0)
        sum->unchanged = err == 1;
    bit_request_file_finish(&read);
    free(bytes);
    return BIT_MIN(err, 0);
}

int bit_requests_make(const char *input, const struct bit_requests_options *options, struct bit_requests_taken *taken,
                      struct bit_requests_summary *out)
{
    struct making m = {.input = input, .tokenizer = options->tokenizer};
    struct bit_requests_summary sum = {0};
    int err = make_file(&m, taken);

    if (err == 0)
        err = write_file(&m, options, &sum);
    if (err == 0) {
        memcpy(sum.task, m.file.task, sizeof sum.task);
        sum.metric = m.file.metric;
        sum.documents = m.file.document_count;
        sum.items = m.file.item_count;
        sum.ids = m.file.id_count;
        *out = sum;
    }
    bit_encoder_destroy(m.encoder);
    bit_request_lines_finish(&m.lines);
    bit_ids_finish(&m.ids);
    bit_request_file_finish(&m.file);
    return err;
}
