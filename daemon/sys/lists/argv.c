#include "daemon/sys/lists/argv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

static int reserve(struct bit_argv *v)
{
    if (v->err == 0 && v->count + 1 >= v->capacity) {
        size_t capacity = v->capacity ? 2 * v->capacity : 16;
        char **grown = realloc(v->item, capacity * sizeof *grown);
        if (grown == NULL)
            return v->err = bit_fail(-ENOMEM, "a command line");
        v->item = grown;
        v->capacity = capacity;
    }
    return v->err;
}

void bit_argv_add(struct bit_argv *v, const char *fmt, ...)
{
    va_list args;

    if (reserve(v) < 0)
        return;
    va_start(args, fmt);
    if (vasprintf(&v->item[v->count], fmt, args) < 0)
        v->err = bit_fail(-ENOMEM, "a command line");
    else
        v->count++;
    va_end(args);
    v->item[v->count] = NULL;
}

void bit_argv_add_all(struct bit_argv *v, char *const *item, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bit_argv_add(v, "%s", item[i]);
}

void bit_argv_set(struct bit_argv *v, const char *pair)
{
    size_t name = strcspn(pair, "=") + 1;

    for (size_t i = 0; i < v->count; i++)
        if (strncmp(v->item[i], pair, name) == 0) {
            free(v->item[i]);
            v->item[i] = v->item[--v->count];
            v->item[v->count] = NULL;
            break;
        }
    bit_argv_add(v, "%s", pair);
}

int bit_argv_check(const struct bit_argv *v)
{
    return v->err;
}

void bit_argv_finish(struct bit_argv *v)
{
    for (size_t i = 0; i < v->count; i++)
        free(v->item[i]);
    free(v->item);
    *v = (struct bit_argv){0};
}

static void write_quoted(FILE *f, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_";

    if (text[0] != '\0' && text[strspn(text, plain)] == '\0') {
        fputs(text, f);
        return;
    }
    fputc('\'', f);
    for (const char *p = text; *p != '\0'; p++)
        if (*p == '\'')
            fputs("'\\''", f);
        else
            fputc(*p, f);
    fputc('\'', f);
}

char *bit_argv_line(const struct bit_argv *v)
{
    char *line = NULL;
    size_t bytes;
    FILE *f = open_memstream(&line, &bytes);

    if (f == NULL)
        return NULL;
    for (size_t i = 0; i < v->count; i++) {
        fputs(i ? " " : "", f);
        write_quoted(f, v->item[i]);
    }
    if (fclose(f) == 0)
        return line;
    free(line);
    return NULL;
}
