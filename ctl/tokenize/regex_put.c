#include "ctl/tokenize/regex_put.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/tokenize/regex_read.h"
#include "proto/err.h"

static int reserve_code(struct bit_regex_parse *p, size_t more)
{
    if (p->code_count + more <= p->code_room)
        return 0;
    size_t room = (p->code_count + more) * 2;
    uint16_t *code = realloc(p->code, room * sizeof *code);
    if (code == NULL)
        return bit_fail(-ENOMEM, "a pattern of %zu items", room);
    p->code = code;
    p->code_room = room;
    return 0;
}

int bit_regex_put(struct bit_regex_parse *p, const char *text)
{
    const size_t length = strlen(text);
    int err = reserve_code(p, length);

    if (err < 0)
        return err;
    for (size_t i = 0; i < length; i++)
        p->code[p->code_count++] = (uint8_t)text[i];
    return 0;
}

int bit_regex_wrap(struct bit_regex_parse *p, size_t from)
{
    int err = bit_regex_put(p, ")(?:");

    if (err < 0)
        return err;
    memmove(p->code + from + 3, p->code + from, (p->code_count - 3 - from) * sizeof *p->code);
    for (int i = 0; i < 3; i++)
        p->code[from + (size_t)i] = (uint8_t) "(?:"[i];
    return 0;
}

/* Find an equal set among the known ones, or move `set` to them. */
static int number_set(struct bit_regex_parse *p, struct bit_codeset *set, size_t *number)
{
    for (*number = 0; *number < p->set_count; (*number)++) {
        if (bit_codeset_equal(&p->sets[*number], set))
            return 0;
    }
    if (p->set_count == BIT_REGEX_SETS_MAX)
        return bit_regex_refuse(p, "more than %d different characters and classes", BIT_REGEX_SETS_MAX);
    if (p->set_count == p->set_room) {
        size_t room = p->set_room * 2 + 16;
        struct bit_codeset *sets = realloc(p->sets, room * sizeof *sets);
        if (sets == NULL)
            return bit_fail(-ENOMEM, "%zu classes", room);
        p->sets = sets;
        p->set_room = room;
    }
    p->sets[p->set_count++] = *set;
    *set = (struct bit_codeset){0};
    return 0;
}

int bit_regex_put_set(struct bit_regex_parse *p, struct bit_codeset *set)
{
    size_t number;
    int err = number_set(p, set, &number);

    if (err == 0)
        err = reserve_code(p, 1);
    if (err == 0)
        p->code[p->code_count++] = (uint16_t)(256 + number);
    bit_codeset_finish(set);
    return err;
}

int bit_regex_put_char(struct bit_regex_parse *p, uint32_t c)
{
    struct bit_codeset set = {0};
    int err = bit_codeset_add(&set, c, c);

    return err < 0 ? err : bit_regex_put_set(p, &set);
}
