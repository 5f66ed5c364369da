#include "proto/text/problems.h"
#include "proto/format.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/check.h"

/* FNV-1a. A collision would only give a wrong line number, and is unlikely with some hundred fields: names need not be
 * stored. */
static uint64_t hash_path(const char *path, size_t len)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (uint8_t)path[i]) * 0x100000001b3u;
    return hash;
}

/* The path's index in position[], or -1. */
static int find_exact(const struct bit_problems *p, const char *path, size_t len)
{
    uint64_t field = hash_path(path, len);

    for (int i = 0; i < p->position_count; i++)
        if (p->position[i].field == field)
            return i;
    return -1;
}

/* "eval.set[1].path[0]" -> "eval.set[1].path" -> "eval.set[1]" -> "eval.set" -> "eval" -> "" */
static size_t parent_len(const char *path, size_t len)
{
    while (len > 0 && path[len - 1] != '.' && path[len - 1] != '[')
        len--;
    return len > 0 ? len - 1 : 0;
}

bool bit_problems_find(const struct bit_problems *p, const char *field, int *line, int *column)
{
    for (size_t len = strlen(field); len > 0; len = parent_len(field, len)) {
        int i = find_exact(p, field, len);
        if (i >= 0) {
            *line = p->position[i].line;
            *column = p->position[i].column;
            return true;
        }
    }
    return false;
}

void bit_problems_place(struct bit_problems *p, const char *field, int line, int column)
{
    size_t len = strlen(field);
    int i = find_exact(p, field, len);

    if (i < 0) {
        /* Elements of long lists may use only half of the table, so that settings have room. */
        int room = strchr(field, '[') != NULL ? BIT_POSITIONS_MAX / 2 : BIT_POSITIONS_MAX;
        if (p->position_count >= room)
            return;
        i = p->position_count++;
    }
    p->position[i] = (struct bit_position){.field = hash_path(field, len), .line = line, .column = column};
}

void bit_problems_add(struct bit_problems *p, const char *field, int line, int column, const char *fmt, ...)
{
    int index = p->count++;
    va_list args;

    if (index >= BIT_PROBLEMS_MAX)
        return;
    if (line == 0 && field != NULL)
        bit_problems_find(p, field, &line, &column);
    struct bit_problem *item = &p->item[index];
    bit_format(item->field, sizeof item->field, "%s", field != NULL ? field : "");
    item->line = line;
    item->column = column;
    va_start(args, fmt);
    bit_vformat(item->text, sizeof item->text, fmt, args);
    va_end(args);
}

int bit_problems_kept(const struct bit_problems *p)
{
    return BIT_MIN(p->count, BIT_PROBLEMS_MAX);
}

bool bit_problems_in_text(const struct bit_problems *p, const char *field)
{
    int i = find_exact(p, field, strlen(field));

    return i >= 0 && p->position[i].line > 0;
}

bool bit_problems_given(const struct bit_problems *p, const char *field)
{
    return find_exact(p, field, strlen(field)) >= 0 || p->position_count == 0 || p->position_count == BIT_POSITIONS_MAX;
}

bool bit_problems_about(const struct bit_problems *p, const char *field)
{
    for (int i = 0; i < bit_problems_kept(p); i++)
        if (strcmp(p->item[i].field, field) == 0)
            return true;
    return false;
}

static bool stands_before(const struct bit_problem *a, const struct bit_problem *b)
{
    if (a->line == 0 || b->line == 0)
        return a->line > b->line;
    return a->line != b->line ? a->line < b->line : a->column < b->column;
}

/* Insertion sort: it is stable, and there are few problems. */
void bit_problems_sort(struct bit_problems *p)
{
    for (int i = 1; i < bit_problems_kept(p); i++) {
        struct bit_problem item = p->item[i];
        int at = i;
        for (; at > 0 && stands_before(&item, &p->item[at - 1]); at--)
            p->item[at] = p->item[at - 1];
        p->item[at] = item;
    }
}
