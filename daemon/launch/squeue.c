#include "daemon/launch/squeue.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"

#define FIELDS     4
#define DIGITS_MAX 9

static bool take_number(const char **p, uint64_t *out)
{
    size_t digits = strspn(*p, "0123456789");

    if (digits == 0 || digits > DIGITS_MAX)
        return false;
    *out = strtoull(*p, NULL, 10);
    *p += digits;
    return true;
}

bool bit_squeue_time(const char *text, uint64_t *out_s)
{
    static const uint64_t unit[] = {3600, 60, 1};
    const char *p = text;
    uint64_t days = 0, part[BIT_COUNT(unit)];
    size_t count = 0;
    bool has_days = strchr(text, '-') != NULL;

    if (has_days && (!take_number(&p, &days) || *p++ != '-'))
        return false;
    do {
        if (count == BIT_COUNT(unit) || !take_number(&p, &part[count++]))
            return false;
    } while (*p++ == ':');
    if (p[-1] != '\0' || (!has_days && count < 2))
        return false;
    *out_s = days * 86400;
    for (size_t i = 0; i < count; i++) /* with days the first part is hours; without, the last is seconds */
        *out_s += part[i] * unit[has_days ? i : i + BIT_COUNT(unit) - count];
    return true;
}

static int copy(char *to, size_t room, const char *from, size_t bytes, const char *what)
{
    if (bytes >= room)
        return bit_fail(BIT_EMESSAGE, "squeue: a %s of %zu bytes", what, bytes);
    memcpy(to, from, bytes);
    to[bytes] = '\0';
    for (char *p = to; *p != '\0'; p++)
        if (!isprint((unsigned char)*p))
            return bit_fail(BIT_EMESSAGE, "squeue: a %s with a control character", what);
    return 0;
}

int bit_squeue_parse(const char *text, struct bit_squeue *out)
{
    const char *field[FIELDS], *end = text + strcspn(text, "\n"), *p = text;
    size_t bytes[FIELDS];
    char left[32];

    *out = (struct bit_squeue){0};
    for (int i = 0; i < FIELDS; i++) {
        const char *bar = i < FIELDS - 1 ? memchr(p, '|', (size_t)(end - p)) : end;
        if (bar == NULL)
            return bit_fail(BIT_EMESSAGE, "squeue: '%.64s' is not a line of its output", text);
        field[i] = p;
        bytes[i] = (size_t)(bar - p);
        p = bar + 1;
    }
    int err = copy(out->state, sizeof out->state, field[0], bytes[0], "state");
    if (err == 0)
        err = copy(out->reason, sizeof out->reason, field[1], bytes[1], "reason");
    if (err == 0)
        err = copy(left, sizeof left, field[2], bytes[2], "time");
    if (err == 0 && (out->nodes = strndup(field[3], bytes[3])) == NULL)
        err = bit_fail(-ENOMEM, "a list of nodes");
    if (err < 0) {
        bit_squeue_finish(out);
        return err;
    }
    out->has_left = bit_squeue_time(left, &out->left_s);
    return 0;
}

void bit_squeue_finish(struct bit_squeue *q)
{
    free(q->nodes);
    *q = (struct bit_squeue){0};
}

enum bit_squeue_stage bit_squeue_stage(const struct bit_squeue *q)
{
    static const struct {
        const char *state;
        enum bit_squeue_stage stage;
    } known[] = {
        {"PENDING", BIT_SQUEUE_WAITS},       {"CONFIGURING", BIT_SQUEUE_WAITS},  {"REQUEUED", BIT_SQUEUE_WAITS},
        {"REQUEUE_FED", BIT_SQUEUE_WAITS},   {"REQUEUE_HOLD", BIT_SQUEUE_WAITS}, {"SPECIAL_EXIT", BIT_SQUEUE_WAITS},
        {"RESV_DEL_HOLD", BIT_SQUEUE_WAITS}, {"COMPLETING", BIT_SQUEUE_WAITS},   {"SUSPENDED", BIT_SQUEUE_WAITS},
        {"STOPPED", BIT_SQUEUE_WAITS},       {"RUNNING", BIT_SQUEUE_RUNS},       {"RESIZING", BIT_SQUEUE_RUNS},
        {"SIGNALING", BIT_SQUEUE_RUNS}, /* for the moment in which Slurm sends its ranks a signal, such as a warning */
        {"BOOT_FAIL", BIT_SQUEUE_ENDED},     {"CANCELLED", BIT_SQUEUE_ENDED},    {"COMPLETED", BIT_SQUEUE_ENDED},
        {"DEADLINE", BIT_SQUEUE_ENDED},      {"FAILED", BIT_SQUEUE_ENDED},       {"NODE_FAIL", BIT_SQUEUE_ENDED},
        {"OUT_OF_MEMORY", BIT_SQUEUE_ENDED}, {"PREEMPTED", BIT_SQUEUE_ENDED},    {"REVOKED", BIT_SQUEUE_ENDED},
        {"STAGE_OUT", BIT_SQUEUE_ENDED},     {"TIMEOUT", BIT_SQUEUE_ENDED},
    };

    for (size_t i = 0; i < BIT_COUNT(known); i++)
        if (strcmp(q->state, known[i].state) == 0)
            return known[i].stage;
    return BIT_SQUEUE_UNKNOWN;
}
