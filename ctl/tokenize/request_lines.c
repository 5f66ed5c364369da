#include "ctl/tokenize/request_lines.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/tokenize/line_blocks.h"
#include "ctl/tokenize/unicode.h"
#include "proto/check.h"
#include "proto/err.h"

/* A line of a file. */
struct place {
    const char *path;
    uint64_t line;
};

#define WRONG(at, format, ...)                                                                                         \
    bit_fail(BIT_EDATA, "%s:%" PRIu64 ": " format, (at)->path, (at)->line __VA_OPT__(, ) __VA_ARGS__)

/* ---- one line */

static int take_text(const struct place *at, json_t *object, const char *key, const char **out, size_t *bytes)
{
    json_t *value = json_object_get(object, key);

    if (value == NULL)
        return WRONG(at, "no \"%s\"", key);
    if (!json_is_string(value))
        return WRONG(at, "\"%s\" is no text", key);
    if (json_string_length(value) == 0)
        return WRONG(at, "\"%s\" is empty", key);
    *out = json_string_value(value);
    *bytes = json_string_length(value);
    return 0;
}

static int take_number(const struct place *at, json_t *object, const char *key, uint64_t most, uint64_t *out)
{
    json_t *value = json_object_get(object, key);

    if (value == NULL)
        return WRONG(at, "no \"%s\"", key);
    if (!json_is_integer(value) || json_integer_value(value) < 0 || (uint64_t)json_integer_value(value) > most)
        return WRONG(at, "\"%s\" is no whole number from 0 to %" PRIu64, key, most);
    *out = (uint64_t)json_integer_value(value);
    return 0;
}

static int take_task(const struct place *at, json_t *object, struct bit_request_lines *lines)
{
    const char *task;
    size_t bytes;
    int err = take_text(at, object, "task", &task, &bytes);

    if (err < 0)
        return err;
    if (strlen(task) != bytes || !bit_task_name_valid(task))
        return WRONG(at, "task '%.80s': a name is of letters, digits, '_', '-' and '.', %d at most", task,
                     BIT_NAME_MAX);
    if (lines->count > 0 && strcmp(task, lines->task) != 0)
        return WRONG(at, "task '%s' among requests of '%s': a file holds one task", task, lines->task);
    snprintf(lines->task, sizeof lines->task, "%s", task);
    return 0;
}

static int take_metric(const struct place *at, json_t *object, struct bit_request_lines *lines)
{
    const char *name;
    size_t bytes;
    int err = take_text(at, object, "metric", &name, &bytes);

    if (err < 0)
        return err;
    const enum bit_task_metric metric = bit_task_metric_find(name);
    if (metric == 0 || strlen(name) != bytes)
        return WRONG(at, "metric '%.80s' is none of %s", name, BIT_METRIC_NAMES);
    if (lines->count > 0 && metric != lines->metric)
        return WRONG(at, "metric '%s' among requests of '%s'", name, bit_task_metric_name(lines->metric));
    lines->metric = metric;
    return 0;
}

static char *copy_text(const char *text, size_t bytes)
{
    char *copy = malloc(bytes + 1);

    if (copy != NULL) {
        memcpy(copy, text, bytes);
        copy[bytes] = '\0';
    }
    return copy;
}

static int take_texts(const struct place *at, json_t *object, struct bit_request_line *line)
{
    const char *context = NULL, *continuation = NULL;
    int err = take_text(at, object, "context", &context, &line->context_bytes);

    if (err == 0)
        err = take_text(at, object, "continuation", &continuation, &line->continuation_bytes);
    if (err < 0)
        return err;
    if (line->continuation_bytes == 1 && continuation[0] == ' ')
        return WRONG(at, "\"continuation\" is a space and nothing after it");
    line->context = copy_text(context, line->context_bytes);
    line->continuation = copy_text(continuation, line->continuation_bytes);
    return line->context != NULL && line->continuation != NULL ? 0
                                                               : bit_fail(-ENOMEM, "the requests of '%s'", at->path);
}

static int take_object(const struct place *at, json_t *object, struct bit_request_lines *lines)
{
    struct bit_request_line *line = &lines->line[lines->count];
    uint64_t choice = 0, label = 0;

    *line = (struct bit_request_line){.line = at->line};
    if (!json_is_object(object))
        return WRONG(at, "no JSON object");
    int err = take_task(at, object, lines);
    if (err == 0)
        err = take_metric(at, object, lines);
    if (err == 0)
        err = take_number(at, object, "document", INT64_MAX, &line->document);
    if (err == 0)
        err = take_number(at, object, "choice", BIT_REQUEST_ITEMS_MAX, &choice);
    if (err == 0)
        err = take_number(at, object, "label", BIT_REQUEST_ITEMS_MAX, &label);
    if (err == 0)
        err = take_texts(at, object, line);
    line->choice = (uint32_t)choice;
    line->label = (uint32_t)label;
    lines->count++; /* counted before errors are checked, so that finish frees its texts */
    return err;
}

static int make_room(const struct place *at, struct bit_request_lines *lines)
{
    if (lines->count == BIT_REQUEST_ITEMS_MAX)
        return bit_fail(BIT_ELIMIT, "'%s': more than %u requests", at->path, BIT_REQUEST_ITEMS_MAX);
    if (lines->count < lines->room)
        return 0;
    size_t room = lines->room + lines->room / 2 + 64;
    struct bit_request_line *grown = realloc(lines->line, room * sizeof *grown);
    if (grown == NULL)
        return bit_fail(-ENOMEM, "the requests of '%s'", at->path);
    lines->line = grown;
    lines->room = room;
    return 0;
}

static bool is_blank(const uint8_t *bytes, size_t count)
{
    size_t i = 0;

    while (i < count && (bytes[i] == ' ' || bytes[i] == '\t' || bytes[i] == '\r'))
        i++;
    return i == count;
}

static int take_line(const struct place *at, const uint8_t *bytes, size_t count, struct bit_request_lines *lines)
{
    json_error_t error;

    if (is_blank(bytes, count))
        return 0;
    if (count > BIT_LINE_BYTES_MAX)
        return WRONG(at, "a line of more than %u bytes", BIT_LINE_BYTES_MAX);
    size_t valid = bit_unicode_valid(bytes, count);
    if (valid < count)
        return WRONG(at, "invalid UTF-8 at byte %zu", valid + 1);
    int err = make_room(at, lines);
    if (err < 0)
        return err;
    json_t *object = json_loadb((const char *)bytes, count, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    err = object == NULL ? WRONG(at, "broken JSON at byte %d: %s", error.position, error.text)
                         : take_object(at, object, lines);
    json_decref(object);
    return err;
}

/* ---- a file */

static int take_block(const char *path, const struct bit_line_block *block, struct bit_request_lines *lines)
{
    const uint8_t *at = block->data, *end = at + block->bytes;
    int err = 0;

    for (uint64_t line = block->first_line; at < end && err == 0; line++) {
        const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
        const uint8_t *stop = newline == NULL ? end : newline;
        err = take_line(&(struct place){path, line}, at, (size_t)(stop - at), lines);
        at = stop + 1;
    }
    return err;
}

static int take_file(const char *path, struct bit_request_lines *lines)
{
    struct bit_line_blocks *blocks = NULL;
    struct bit_line_block block = {0};
    int err = bit_line_blocks_open(path, &blocks);

    while (err >= 0 && (err = bit_line_blocks_read(blocks, &block)) > 0)
        err = take_block(path, &block, lines);
    bit_line_block_finish(&block);
    bit_line_blocks_close(blocks);
    return err;
}

static int by_place(const void *a, const void *b)
{
    const struct bit_request_line *x = a, *y = b;

    if (x->document != y->document)
        return x->document < y->document ? -1 : 1;
    if (x->choice != y->choice)
        return x->choice < y->choice ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

/* Check one choice; the document's choices before it are checked already, and `first` is the first of them. */
static int check_choice(const char *path, const struct bit_request_line *first, const struct bit_request_line *line)
{
    const struct place at = {path, line->line};
    const uint32_t expected = (uint32_t)(line - first);

    if (line > first && line->choice == line[-1].choice)
        return WRONG(&at, "choice %u of document %" PRIu64 " again; line %" PRIu64 " has it", line->choice,
                     line->document, line[-1].line);
    if (line->choice != expected)
        return WRONG(&at, "document %" PRIu64 " has choice %u and no choice %u", line->document, line->choice,
                     expected);
    if (line->label != first->label)
        return WRONG(&at, "document %" PRIu64 " has label %u; line %" PRIu64 " says %u", line->document, line->label,
                     first->line, first->label);
    return 0;
}

static int check_document(const char *path, enum bit_task_metric metric, const struct bit_request_line *first,
                          size_t choices)
{
    const struct place at = {path, first->line};
    int err = 0;

    for (size_t i = 0; i < choices && err == 0; i++)
        err = check_choice(path, first, first + i);
    if (err < 0)
        return err;
    if (choices < 2)
        return WRONG(&at, "document %" PRIu64 " has one choice, and there is nothing to choose", first->document);
    if (metric == BIT_METRIC_F1 && choices != 2)
        return WRONG(&at, "document %" PRIu64 " has %zu choices; metric f1 is of two", first->document, choices);
    if (first->label >= choices)
        return WRONG(&at, "label %u of document %" PRIu64 " is none of its %zu choices, which count from 0",
                     first->label, first->document, choices);
    return 0;
}

static int check_documents(const char *path, const struct bit_request_lines *lines)
{
    int err = 0;

    for (size_t begin = 0, end; begin < lines->count && err == 0; begin = end) {
        for (end = begin + 1; end < lines->count; end++)
            if (lines->line[end].document != lines->line[begin].document)
                break;
        err = check_document(path, lines->metric, &lines->line[begin], end - begin);
    }
    return err;
}

int bit_request_lines_read(const char *path, struct bit_request_lines *out)
{
    struct bit_request_lines lines = {0};
    int err = take_file(path, &lines);

    if (err == 0 && lines.count == 0)
        err = bit_fail(BIT_EDATA, "'%s' has no requests: a task without items", path);
    if (err == 0) {
        qsort(lines.line, lines.count, sizeof *lines.line, by_place);
        err = check_documents(path, &lines);
    }
    if (err < 0)
        bit_request_lines_finish(&lines);
    else
        *out = lines;
    return err;
}

void bit_request_lines_finish(struct bit_request_lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        free(lines->line[i].context);
        free(lines->line[i].continuation);
    }
    free(lines->line);
    *lines = (struct bit_request_lines){0};
}

void bit_request_line_measure(const struct bit_request_line *line, uint32_t *characters, uint32_t *bytes)
{
    const size_t from = line->continuation[0] == ' ' ? 1 : 0;

    *characters = 0;
    *bytes = (uint32_t)(line->continuation_bytes - from);
    for (size_t i = from; i < line->continuation_bytes; i++)
        *characters += ((uint8_t)line->continuation[i] & 0xc0) != 0x80;
}
