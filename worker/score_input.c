#include "worker/score_input.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/data/request_cut.h"
#include "proto/err.h"

/* Makes room for `more` elements after `count` of them; at least doubles when it grows. */
static int make_room(uint32_t **array, int64_t *room, int64_t count, int64_t more)
{
    int64_t wanted = *room;
    uint32_t *grown;

    if (count + more <= *room)
        return 0;
    wanted = BIT_MAX(2 * wanted, count + more);
    grown = realloc(*array, (size_t)wanted * sizeof **array);
    if (grown == NULL)
        return bit_fail(-ENOMEM, "%lld numbers", (long long)wanted);
    *array = grown;
    *room = wanted;
    return 0;
}

/* The two arrays share `room`. */
static int make_line(struct bit_score_lines *lines)
{
    int64_t room = lines->room;
    int err = make_room(&lines->tokens, &room, lines->count, 1);

    if (err >= 0)
        err = make_room(&lines->continuation, &lines->room, lines->count, 1);
    return err;
}

static int take_ids(struct bit_score_lines *lines, const json_t *array, int64_t vocab)
{
    const size_t count = json_array_size(array);
    int err = make_room(&lines->ids, &lines->ids_room, lines->ids_count, (int64_t)count);

    for (size_t i = 0; i < count && err >= 0; i++) {
        const json_t *id = json_array_get(array, i);

        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= vocab)
            return bit_fail(BIT_EDATA, "number %zu of a list is no id of the vocabulary of %lld", i + 1,
                            (long long)vocab);
        lines->ids[lines->ids_count++] = (uint32_t)json_integer_value(id);
    }
    return err;
}

/* The ids from `first` on are the request's; keeps the last context + 1 of them. */
static void cut(struct bit_score_lines *lines, int64_t first, int64_t context)
{
    const int64_t too_many = lines->ids_count - first - (context + 1);

    if (too_many <= 0)
        return;
    memmove(lines->ids + first, lines->ids + first + too_many, (size_t)(context + 1) * sizeof *lines->ids);
    lines->ids_count -= too_many;
}

static int take_request(struct bit_score_lines *lines, const json_t *line, const struct bit_worker_plan *plan)
{
    const int64_t context = plan->context;
    const json_t *before = json_object_get(line, "context"), *after = json_object_get(line, "continuation");
    const int64_t first = lines->ids_count;
    int err = make_line(lines);

    if (err < 0)
        return err;
    if (!json_is_array(before) || !json_is_array(after))
        return bit_fail(BIT_EDATA, "an object with lists 'context' and 'continuation' is expected");
    if (json_array_size(before) == 0 || json_array_size(after) == 0)
        return bit_fail(BIT_EDATA, "'context' and 'continuation' have a token each at least");
    if (json_array_size(after) > (size_t)context)
        return bit_fail(BIT_EDATA, "a continuation of %zu tokens leaves no context within %lld", json_array_size(after),
                        (long long)context);
    err = take_ids(lines, before, plan->vocab);
    if (err >= 0)
        err = take_ids(lines, after, plan->vocab);
    if (err < 0)
        return err;
    cut(lines, first, context);
    lines->tokens[lines->count] = (uint32_t)(lines->ids_count - first);
    lines->continuation[lines->count++] = (uint32_t)json_array_size(after);
    return 0;
}

static int take_line(struct bit_score_lines *lines, const char *text, size_t bytes, const struct bit_worker_plan *plan)
{
    json_error_t why;
    json_t *line = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &why);
    int err = line == NULL ? bit_fail(BIT_EDATA, "%s", why.text) : take_request(lines, line, plan);

    json_decref(line);
    return err;
}

static int read_lines(struct bit_score_lines *lines, FILE *from, const char *name, const struct bit_worker_plan *plan)
{
    const int64_t before = lines->count;
    char *text = NULL;
    size_t room = 0;
    long long number = 0;
    ssize_t bytes;
    int err = 0;

    errno = 0;
    while (err >= 0 && (bytes = getline(&text, &room, from)) >= 0) {
        number++;
        if (strspn(text, " \t\r\n") < (size_t)bytes)
            err = take_line(lines, text, (size_t)bytes, plan);
    }
    if (err < 0)
        bit_fail_within(err, "'%s', line %lld", name, number);
    else if (ferror(from))
        err = bit_fail(errno == 0 ? -EIO : -errno, "reading '%s'", name);
    else if (lines->count == before)
        err = bit_fail(BIT_EDATA, "'%s' has no requests", name);
    free(text);
    return err;
}

/* ---- request files */

static int take_item(struct bit_score_lines *lines, const struct bit_request_file *file, uint32_t item,
                     const struct bit_worker_plan *plan)
{
    struct bit_request_cut cut;
    int err = bit_request_cut(file, item, (uint32_t)plan->context, &cut);

    if (err >= 0)
        err = make_line(lines);
    if (err >= 0)
        err = make_room(&lines->ids, &lines->ids_room, lines->ids_count, (int64_t)cut.query_tokens + 1);
    if (err < 0)
        return err;
    bit_request_cut_ids(file, item, &cut, lines->ids + lines->ids_count);
    lines->ids_count += cut.query_tokens + 1;
    lines->tokens[lines->count] = cut.query_tokens + 1;
    lines->continuation[lines->count++] = cut.rows;
    return 0;
}

static int read_items(struct bit_score_lines *lines, const char *path, const struct bit_worker_plan *plan)
{
    struct bit_request_file file = {0};
    int err = bit_request_file_open(path, NULL, &file);

    if (err < 0)
        return err;
    err = bit_request_file_check(&file, path, (uint32_t)plan->vocab, NULL);
    for (uint32_t i = 0; err >= 0 && i < file.item_count; i++)
        err = take_item(lines, &file, i, plan);
    bit_request_file_finish(&file);
    return err;
}

static bool ends_with(const char *text, const char *ending)
{
    const size_t length = strlen(text), ending_length = strlen(ending);

    return length >= ending_length && strcmp(text + length - ending_length, ending) == 0;
}

int bit_score_file_read(struct bit_score_lines *lines, const char *path, const struct bit_worker_plan *plan)
{
    FILE *from;
    int err;

    if (strcmp(path, "-") == 0)
        return read_lines(lines, stdin, "standard input", plan);
    if (ends_with(path, BIT_REQUEST_FILE_ENDING))
        return read_items(lines, path, plan);
    from = fopen(path, "re");
    if (from == NULL)
        return bit_fail(-errno, "'%s'", path);
    err = read_lines(lines, from, path, plan);
    fclose(from);
    return err;
}

void bit_score_lines_finish(struct bit_score_lines *lines)
{
    free(lines->tokens);
    free(lines->continuation);
    free(lines->ids);
    *lines = (struct bit_score_lines){0};
}
