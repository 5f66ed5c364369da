#include "ctl/tokenize/ledger.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/crc32c.h"
#include "proto/err.h"

#define CRC_CHARS  9 /* eight digits and a space */
#define LINE_CHARS 640

struct bit_ledger {
    int folder, fd;
    const char *name;
    size_t bytes; /* of the file */
    struct bit_ledger_part *parts;
    size_t part_count, part_room;
};

static int fail_ledger(const char *name)
{
    return bit_fail(-errno, "'%s/%s'", name, BIT_LEDGER_NAME);
}

/* ---- head */

static int head_reserve(struct bit_ledger_head *head, size_t more)
{
    if (head->bytes + more <= head->room)
        return 0;
    size_t room = (head->bytes + more) * 2;
    char *text = realloc(head->text, room);
    if (text == NULL)
        return bit_fail(-ENOMEM, "ledger");
    head->text = text;
    head->room = room;
    return 0;
}

/* Append a line after its checksum; newlines and backslashes in it are escaped. */
static int head_put(struct bit_ledger_head *head, const char *line)
{
    int err = head_reserve(head, CRC_CHARS + 2 * strlen(line) + 2);

    if (err < 0)
        return err;
    char *begin = head->text + head->bytes + CRC_CHARS, *at = begin;
    for (; *line != '\0'; line++) {
        if (*line == '\n' || *line == '\\')
            *at++ = '\\';
        *at++ = *line == '\n' ? 'n' : *line;
    }
    char crc[CRC_CHARS + 1];
    snprintf(crc, sizeof crc, "%08" PRIx32 " ", bit_crc32c(0, begin, (size_t)(at - begin)));
    memcpy(begin - CRC_CHARS, crc, CRC_CHARS);
    *at++ = '\n';
    head->bytes = (size_t)(at - head->text);
    return 0;
}

int bit_ledger_say(struct bit_ledger_head *head, const char *fmt, ...)
{
    char *line;
    va_list args;

    if (head->bytes == 0) {
        int err = head_put(head, "format bitd-ledger-1");
        if (err < 0)
            return err;
    }
    va_start(args, fmt);
    int chars = vasprintf(&line, fmt, args);
    va_end(args);
    if (chars < 0)
        return bit_fail(-ENOMEM, "ledger");
    int err = head_put(head, line);
    free(line);
    return err;
}

void bit_ledger_head_finish(struct bit_ledger_head *head)
{
    free(head->text);
    *head = (struct bit_ledger_head){0};
}

/* ---- reading */

/* The length of the line at text, without its newline; -1 if the line is torn or its checksum is wrong. */
static ssize_t line_length(const char *text, size_t bytes)
{
    const char *end = memchr(text, '\n', bytes);
    char digits[CRC_CHARS];

    if (end == NULL || end - text < CRC_CHARS)
        return -1;
    memcpy(digits, text, CRC_CHARS - 1);
    digits[CRC_CHARS - 1] = '\0';
    char *stop;
    unsigned long crc = strtoul(digits, &stop, 16);
    if (*stop != '\0' || crc != bit_crc32c(0, text + CRC_CHARS, (size_t)(end - text) - CRC_CHARS))
        return -1;
    return end - text;
}

static bool parse_part(const char *line, size_t index, struct bit_ledger_part *out)
{
    struct bit_ledger_mark *next = &out->next;
    size_t number;
    int at = 0;

    if (sscanf(line,
               "part %zu tokens=%" SCNu64 " documents=%" SCNu64 " crc=%" SCNx32 " next=%" SCNu64 ":%" SCNu64
               " counts=%n",
               &number, &out->tokens, &out->documents, &out->crc, &next->file, &next->line, &at) != 6 ||
        at == 0 || number != index)
        return false;
    for (int i = 0; i < BIT_LEDGER_COUNTS; i++) {
        char *stop;
        next->counts[i] = strtoull(line + at, &stop, 10);
        if (stop == line + at || *stop != (i + 1 < BIT_LEDGER_COUNTS ? ',' : '\n'))
            return false;
        at = (int)(stop - line) + 1;
    }
    return true;
}

static int reserve_part(struct bit_ledger *l)
{
    if (l->part_count < l->part_room)
        return 0;
    size_t room = l->part_room * 2 + 16;
    struct bit_ledger_part *parts = realloc(l->parts, room * sizeof *parts);
    if (parts == NULL)
        return bit_fail(-ENOMEM, "'%s/%s'", l->name, BIT_LEDGER_NAME);
    l->parts = parts;
    l->part_room = room;
    return 0;
}

/* Read the lines after the head, and truncate the file after the last whole one. */
static int read_parts(struct bit_ledger *l, const char *text, size_t bytes, size_t at)
{
    while (at < bytes) {
        struct bit_ledger_part part;
        ssize_t length = line_length(text + at, bytes - at);
        if (length < 0 && memchr(text + at, '\n', bytes - at - 1) == NULL)
            break;
        if (length < 0 || !parse_part(text + at + CRC_CHARS, l->part_count, &part))
            return bit_fail(BIT_ECORRUPT, "'%s/%s': offset %zu: no line of a ledger", l->name, BIT_LEDGER_NAME, at);
        int err = reserve_part(l);
        if (err < 0)
            return err;
        l->parts[l->part_count++] = part;
        at += (size_t)length + 1;
    }
    l->bytes = at;
    if (at < bytes && ftruncate(l->fd, (off_t)at) < 0)
        return fail_ledger(l->name);
    return lseek(l->fd, (off_t)at, SEEK_SET) < 0 ? fail_ledger(l->name) : 0;
}

/* Report the line in which this head and that of the file differ. `at` is the first byte that differs. */
static int differs(const struct bit_ledger *l, const char *text, const struct bit_ledger_head *head, size_t at)
{
    size_t begin = at;

    while (begin > 0 && text[begin - 1] != '\n')
        begin--;
    const char *was = text + begin, *is = head->text + begin;
    int was_chars = (int)strcspn(was, "\n"), is_chars = begin < head->bytes ? (int)strcspn(is, "\n") : 0;
    was += BIT_MIN(was_chars, CRC_CHARS);
    was_chars -= BIT_MIN(was_chars, CRC_CHARS);
    is += BIT_MIN(is_chars, CRC_CHARS);
    is_chars -= BIT_MIN(is_chars, CRC_CHARS);
    if (was_chars == 0 || strncmp(was, "part ", 5) == 0)
        return bit_fail(-EEXIST, "'%s' was begun without '%.*s'", l->name, is_chars, is);
    return is_chars == 0
               ? bit_fail(-EEXIST, "'%s' was begun with '%.*s' as well", l->name, was_chars, was)
               : bit_fail(-EEXIST, "'%s' was begun with '%.*s'; this is '%.*s'", l->name, was_chars, was, is_chars, is);
}

static int check_head(const struct bit_ledger *l, const char *text, size_t bytes, const struct bit_ledger_head *head)
{
    size_t same = 0, most = BIT_MIN(bytes, head->bytes);

    while (same < most && text[same] == head->text[same])
        same++;
    if (same < head->bytes)
        return differs(l, text, head, same);
    if (bytes > same && line_length(text + same, bytes - same) >= 0 &&
        strncmp(text + same + CRC_CHARS, "part ", 5) != 0)
        return differs(l, text, head, same);
    return 0;
}

static int read_all(const struct bit_ledger *l, char **out, size_t *bytes)
{
    struct stat st;
    size_t done = 0;

    if (fstat(l->fd, &st) < 0)
        return fail_ledger(l->name);
    char *text = malloc((size_t)st.st_size + 1);
    if (text == NULL)
        return bit_fail(-ENOMEM, "'%s/%s'", l->name, BIT_LEDGER_NAME);
    for (ssize_t n = 1; n > 0 && done < (size_t)st.st_size; done += (size_t)BIT_MAX(n, 0)) {
        n = read(l->fd, text + done, (size_t)st.st_size - done);
        if (n < 0) {
            int err = fail_ledger(l->name);
            free(text);
            return err;
        }
    }
    text[done] = '\0';
    *out = text;
    *bytes = done;
    return 0;
}

static int read_ledger(struct bit_ledger *l, const struct bit_ledger_head *head)
{
    char *text = NULL;
    size_t bytes = 0;
    int err = read_all(l, &text, &bytes);

    if (err == 0)
        err = check_head(l, text, bytes, head);
    if (err == 0)
        err = read_parts(l, text, bytes, head->bytes);
    free(text);
    return err;
}

static struct bit_ledger *new_ledger(int folder, const char *name)
{
    struct bit_ledger *l = calloc(1, sizeof *l);

    if (l == NULL) {
        bit_fail(-ENOMEM, "'%s/%s'", name, BIT_LEDGER_NAME);
        return NULL;
    }
    *l = (struct bit_ledger){.folder = folder, .fd = -1, .name = name};
    return l;
}

int bit_ledger_open(int folder, const char *name, const struct bit_ledger_head *head, struct bit_ledger **out)
{
    struct bit_ledger *l = new_ledger(folder, name);
    int err = 0;

    if (l == NULL)
        return -ENOMEM;
    l->fd = openat(folder, BIT_LEDGER_NAME, O_RDWR | O_CLOEXEC);
    if (l->fd < 0 && errno == ENOENT) {
        *out = NULL;
        goto out;
    }
    err = l->fd < 0 ? fail_ledger(name) : read_ledger(l, head);
    if (err < 0)
        goto out;
    *out = l;
    l = NULL;
out:
    bit_ledger_close(l);
    return err;
}

/* ---- writing */

static int write_text(struct bit_ledger *l, const char *text, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t n = write(l->fd, text + done, bytes - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_ledger(l->name);
        done += (size_t)n;
    }
    if (fsync(l->fd) < 0)
        return fail_ledger(l->name);
    l->bytes += bytes;
    return 0;
}

int bit_ledger_create(int folder, const char *name, const struct bit_ledger_head *head, struct bit_ledger **out)
{
    struct bit_ledger *l = new_ledger(folder, name);

    if (l == NULL)
        return -ENOMEM;
    l->fd = openat(folder, BIT_LEDGER_NAME ".partial", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    int err = l->fd < 0 ? fail_ledger(name) : write_text(l, head->text, head->bytes);
    if (err == 0 && renameat(folder, BIT_LEDGER_NAME ".partial", folder, BIT_LEDGER_NAME) < 0)
        err = fail_ledger(name);
    if (err == 0 && fsync(folder) < 0)
        err = fail_ledger(name);
    if (err == 0) {
        *out = l;
        return 0;
    }
    unlinkat(folder, BIT_LEDGER_NAME ".partial", 0);
    bit_ledger_close(l);
    return err;
}

int bit_ledger_add(struct bit_ledger *l, const struct bit_ledger_part *part)
{
    char line[LINE_CHARS];
    int at = CRC_CHARS;

    at += snprintf(line + at, sizeof line - (size_t)at,
                   "part %zu tokens=%" PRIu64 " documents=%" PRIu64 " crc=%08" PRIx32 " next=%" PRIu64 ":%" PRIu64
                   " counts=",
                   l->part_count, part->tokens, part->documents, part->crc, part->next.file, part->next.line);
    for (int i = 0; i < BIT_LEDGER_COUNTS; i++)
        at += snprintf(line + at, sizeof line - (size_t)at, "%s%" PRIu64, i > 0 ? "," : "", part->next.counts[i]);
    char crc[CRC_CHARS + 1];
    snprintf(crc, sizeof crc, "%08" PRIx32 " ", bit_crc32c(0, line + CRC_CHARS, (size_t)at - CRC_CHARS));
    memcpy(line, crc, CRC_CHARS);
    line[at++] = '\n';
    int err = reserve_part(l);
    if (err == 0)
        err = write_text(l, line, (size_t)at);
    if (err == 0)
        l->parts[l->part_count++] = *part;
    else if (ftruncate(l->fd, (off_t)l->bytes) < 0)
        err = bit_fail_within(err, "a torn line stays in '%s/%s'", l->name, BIT_LEDGER_NAME);
    return err;
}

const struct bit_ledger_part *bit_ledger_parts(const struct bit_ledger *l, size_t *count)
{
    *count = l->part_count;
    return l->parts;
}

void bit_ledger_close(struct bit_ledger *l)
{
    if (l == NULL)
        return;
    if (l->fd >= 0)
        close(l->fd);
    free(l->parts);
    free(l);
}
