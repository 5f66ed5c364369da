#include "ctl/spec/sweep_labels.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"

#define VALUE_BYTES 40 /* of a value at most */

struct keys {
    const char **item; /* for each key an assignment that begins with it */
    size_t count;
};

static bool same_key(const char *a, const char *b)
{
    const size_t bytes = bit_sweep_key(a);

    return bytes == bit_sweep_key(b) && strncmp(a, b, bytes) == 0;
}

static const char *assignment_of(const struct bit_sweep_branch *b, const char *key)
{
    for (size_t i = 0; i < b->count; i++)
        if (same_key(b->set[i].text, key))
            return b->set[i].text;
    return NULL;
}

/* Whether some branch has another value of the key, or none. */
static bool varies(const struct bit_sweep_branches *b, const char *key)
{
    for (size_t i = 0; i < b->count; i++) {
        const char *other = assignment_of(&b->item[i], key);
        if (other == NULL || strcmp(other, key) != 0)
            return true;
    }
    return false;
}

static bool has_key(const struct keys *k, const char *key)
{
    for (size_t i = 0; i < k->count; i++)
        if (same_key(k->item[i], key))
            return true;
    return false;
}

static int collect(const struct bit_sweep_branches *b, struct keys *k)
{
    for (size_t i = 0; i < b->count; i++)
        for (size_t n = 0; n < b->item[i].count; n++) {
            const char *key = b->item[i].set[n].text;
            if (has_key(k, key) || !varies(b, key))
                continue;
            const char **grown = realloc(k->item, (k->count + 1) * sizeof *grown);
            if (grown == NULL)
                return bit_fail(-ENOMEM, "labels");
            k->item = grown;
            k->item[k->count++] = key;
        }
    return 0;
}

/* Whether `from`, the last `bytes` of the key, is also the end of another key. */
static bool is_ambiguous(const struct keys *k, const char *key, const char *from, size_t bytes)
{
    for (size_t i = 0; i < k->count; i++) {
        const size_t of_other = bit_sweep_key(k->item[i]);
        const char *end = k->item[i] + of_other - BIT_MIN(bytes, of_other);
        if (!same_key(k->item[i], key) && of_other >= bytes && strncmp(end, from, bytes) == 0 &&
            (of_other == bytes || end[-1] == '.'))
            return true;
    }
    return false;
}

/* The shortest unique end of the key, in whole names. */
static const char *shorten(const struct keys *k, const char *key)
{
    const char *from = key + bit_sweep_key(key), *end = from;

    while (from > key) {
        for (from--; from > key && from[-1] != '.'; from--)
            ;
        if (!is_ambiguous(k, key, from, (size_t)(end - from)))
            break;
    }
    return from;
}

/* Adds a value without its quotes; of a path only the last name. */
static void add_value(char *label, size_t room, const char *value)
{
    const size_t all = strlen(value);
    const bool quoted = all >= 2 && (value[0] == '"' || value[0] == '\'') && value[all - 1] == value[0];
    const char *text = value + quoted;
    size_t bytes = all - 2 * quoted;

    if (memchr(text, '{', bytes) == NULL && memchr(text, '[', bytes) == NULL) {
        const char *slash = memrchr(text, '/', bytes);
        if (slash != NULL && slash + 1 < text + bytes) {
            bytes -= (size_t)(slash + 1 - text);
            text = slash + 1;
        }
    }
    if (bytes > VALUE_BYTES)
        bit_format_more(label, room, "%.*s..", VALUE_BYTES - 2, text);
    else
        bit_format_more(label, room, "%.*s", (int)bytes, text);
}

static void add_assignment(char *label, size_t room, const struct keys *k, const char *assignment)
{
    const char *key = shorten(k, assignment);
    const size_t bytes = (size_t)(assignment + bit_sweep_key(assignment) - key);
    const char *equals = strchr(assignment, '=');
    const char *value = equals != NULL ? equals + 1 : "";

    if (label[0] != '\0')
        bit_format_more(label, room, " ");
    if (value[0] == '\0') {
        bit_format_more(label, room, "no %.*s", (int)bytes, key);
        return;
    }
    bit_format_more(label, room, "%.*s=", (int)bytes, key);
    add_value(label, room, value);
}

static void make_label(struct bit_sweep_branch *b, const struct keys *k)
{
    for (size_t i = 0; i < b->count; i++)
        if (has_key(k, b->set[i].text))
            add_assignment(b->label, sizeof b->label, k, b->set[i].text);
    if (b->label[0] == '\0' && b->seed == 0)
        bit_format(b->label, sizeof b->label, "base");
}

static void add_seed(struct bit_sweep_branch *b)
{
    char end[24];

    if (b->seed == 0)
        return;
    snprintf(end, sizeof end, "%sseed=%u", b->label[0] ? " " : "", b->seed);
    b->label[bit_format_fit(b->label, sizeof b->label - 1 - strlen(end))] = '\0';
    strcat(b->label, end);
}

static bool is_taken(const struct bit_sweep_branches *b, size_t which)
{
    for (size_t i = 0; i < which; i++)
        if (strcmp(b->item[i].label, b->item[which].label) == 0)
            return true;
    return false;
}

static void tell_apart(const struct bit_sweep_branches *b, size_t which)
{
    char *label = b->item[which].label, end[24];

    if (!is_taken(b, which))
        return;
    snprintf(end, sizeof end, " #%zu", which + 1);
    label[bit_format_fit(label, BIT_LABEL_MAX - strlen(end))] = '\0';
    strcat(label, end);
}

int bit_sweep_labels_make(struct bit_sweep_branches *b)
{
    struct keys keys = {0};
    int err = collect(b, &keys);

    for (size_t i = 0; i < b->count && err == 0; i++) {
        if (b->item[i].label[0] == '\0')
            make_label(&b->item[i], &keys);
        add_seed(&b->item[i]);
        tell_apart(b, i);
    }
    free(keys.item);
    return err;
}
