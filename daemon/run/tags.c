#include "daemon/run/tags.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"

void bit_tags_finish(struct bit_tags *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->item[i]);
    free(t->item);
    free(t->note);
    *t = (struct bit_tags){0};
}

static size_t find(const struct bit_tags *t, const char *tag)
{
    size_t i = 0;

    while (i < t->count && strcmp(t->item[i], tag) != 0)
        i++;
    return i;
}

bool bit_tags_have(const struct bit_tags *t, const char *tag)
{
    return find(t, tag) < t->count;
}

static int check_word(const char *tag)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const size_t bytes = strlen(tag);

    if (bytes == 0 || bytes > BIT_NAME_MAX || tag[0] == '-' || tag[strspn(tag, allowed)] != '\0')
        return bit_fail(BIT_EUSAGE, "'%.64s' is no tag: 1 to %d letters, digits, '.', '_' and '-', not '-' first", tag,
                        BIT_NAME_MAX);
    return 0;
}

int bit_tags_check(const struct bit_tags *t, const Bit__TagRequest *m)
{
    size_t count = t->count;
    int err = 0;

    for (size_t i = 0; i < m->n_add && err == 0; i++) {
        err = check_word(m->add[i]);
        count += !bit_tags_have(t, m->add[i]);
    }
    if (err == 0 && count > BIT_TAGS_MAX)
        err = bit_fail(BIT_EUSAGE, "%zu tags are more than %d", count, BIT_TAGS_MAX);
    if (err == 0 && m->note != NULL && strlen(m->note) > BIT_NOTE_MAX)
        err = bit_fail(BIT_EUSAGE, "a note of %zu bytes; at most %d", strlen(m->note), BIT_NOTE_MAX);
    return err;
}

static void drop(struct bit_tags *t, const char *tag)
{
    const size_t at = find(t, tag);

    if (at == t->count)
        return;
    free(t->item[at]);
    memmove(&t->item[at], &t->item[at + 1], (t->count - at - 1) * sizeof *t->item);
    t->count--;
}

static int add(struct bit_tags *t, const char *tag)
{
    if (bit_tags_have(t, tag))
        return 0;
    char **grown = realloc(t->item, (t->count + 1) * sizeof *grown);
    if (grown == NULL)
        return bit_fail(-ENOMEM, "a tag");
    t->item = grown;
    if ((grown[t->count] = strdup(tag)) == NULL)
        return bit_fail(-ENOMEM, "a tag");
    t->count++;
    return 0;
}

static int set_note(struct bit_tags *t, const char *note)
{
    char *copy = note[0] != '\0' ? strdup(note) : NULL;

    if (note[0] != '\0' && copy == NULL)
        return bit_fail(-ENOMEM, "a note");
    free(t->note);
    t->note = copy;
    return 0;
}

int bit_tags_apply(struct bit_tags *t, const Bit__RunTagged *m)
{
    int err = 0;

    for (size_t i = 0; i < m->n_remove; i++)
        drop(t, m->remove[i]);
    for (size_t i = 0; i < m->n_add && err == 0; i++)
        err = add(t, m->add[i]);
    return err == 0 && m->note != NULL ? set_note(t, m->note) : err;
}
