#include "proto/err.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "proto/escape.h"
#include "proto/format.h"
#include "proto/limits.h"

static const struct {
    int err;
    int exit_code;
    const char *name; /* for programs */
    const char *text;
    bool in_note; /* notes with this code explain it themselves, so its text is not appended */
} table[] = {
    {BIT_EUSAGE, BIT_EXIT_USAGE, "usage", "usage", true},
    {BIT_ESPEC, BIT_EXIT_SPEC, "specification", "the specification has problems", true},
    {BIT_ECORRUPT, BIT_EXIT_CORRUPT, "corrupt", "corrupt data"},
    {BIT_EFRAME, BIT_EXIT_INTERNAL, "frame", "malformed frame"},
    {BIT_EMESSAGE, BIT_EXIT_INTERNAL, "message", "malformed message"},
    {BIT_ELIMIT, BIT_EXIT_INTERNAL, "limit", "above the limit"},
    {BIT_EDATA, BIT_EXIT_CORRUPT, "data", "bad data", true},
    {BIT_ENORUN, BIT_EXIT_NOT_FOUND, "no_run", "no such run", true},
    {BIT_ESTATE, BIT_EXIT_FAILURE, "state", "not possible in this state", true},
    {BIT_EDAEMON, BIT_EXIT_UNAVAILABLE, "no_daemon", "no daemon answers", true},
    {BIT_EPHASE, BIT_EXIT_INTERNAL, "phase", "an order for another phase"},
    {BIT_EEPOCH, BIT_EXIT_INTERNAL, "epoch", "from a launch that is over"},
    {BIT_EAUTH, BIT_EXIT_PERMISSION, "authorisation", "not authorised"},
    {BIT_EMPI, BIT_EXIT_FAILURE, "mpi", "MPI failed"},
    {BIT_EWORKER, BIT_EXIT_FAILURE, "worker_lost", "a worker was lost"},
    {BIT_ENUMERIC, BIT_EXIT_POLICY, "not_finite", "not a finite number"},
    {BIT_EMEMORY, BIT_EXIT_FAILURE, "memory", "does not fit the memory"},
    {BIT_EBUSY, BIT_EXIT_TRYAGAIN, "busy", "in use", true},
    {BIT_ECUDA, BIT_EXIT_FAILURE, "cuda", "CUDA failed"},
    {BIT_EVERSION, BIT_EXIT_FAILURE, "version", "another version"},
    {BIT_ETIMEOUT, BIT_EXIT_UNFINISHED, "timeout", "did not happen in time", true},
    {BIT_ENCCL, BIT_EXIT_FAILURE, "nccl", "a collective between GPUs failed"},
    {BIT_EDIFFERS, BIT_EXIT_POLICY, "differs", "a repeated step gave another result"},
    {BIT_EREPLICA, BIT_EXIT_POLICY, "replica", "copies of the weights differ"},
    {BIT_ELAUNCH, BIT_EXIT_LAUNCH, "launch", "could not be launched", true},
    {BIT_EOUTPUT, BIT_EXIT_CANTCREATE, "output", "the output cannot be written", true},
    {-ENOTSUP, BIT_EXIT_FAILURE, "ENOTSUP", "not supported", true},
};

static _Thread_local char note_text[BIT_ERR_TEXT_MAX];
static _Thread_local char note_place[96];

const char *bit_strerror(int err)
{
    static _Thread_local char unknown[64];

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].err == err)
            return table[i].text;
    if (err < 0 && err > -3000)
        return strerror(-err);
    snprintf(unknown, sizeof unknown, "error %d", err);
    return unknown;
}

const char *bit_err_name(int err)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].err == err)
            return table[i].name;
    return err < 0 && err > -3000 ? strerrorname_np(-err) : NULL;
}

int bit_exit_code(int err)
{
    if (err >= 0)
        return BIT_EXIT_OK;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].err == err)
            return table[i].exit_code;
    switch (-err) {
    case EACCES:
    case EPERM:
        return BIT_EXIT_PERMISSION;
    case ENOSPC:
    case EROFS:
        return BIT_EXIT_CANTCREATE;
    case EAGAIN:
    case EBUSY:
    case EADDRINUSE:
        return BIT_EXIT_TRYAGAIN;
    default:
        return BIT_EXIT_FAILURE;
    }
}

int bit_err_output(int err)
{
    const bool is_errno = err < 0 && err > -3000;
    const bool kept = err == -EEXIST || err == -ENOMEM || err == -EINTR || bit_exit_code(err) != BIT_EXIT_FAILURE;

    return is_errno && !kept ? BIT_EOUTPUT : err;
}

/* Whether the note needs no code text, because it explains the error or already contains that text. */
static bool says_it(int err, const char *note)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].err == err && table[i].in_note)
            return true;
    return strstr(note, bit_strerror(err)) != NULL;
}

/* Appends ": text" to the note. If the note was cut, less than a character's room is left, and nothing is appended. */
static void add_behind(size_t bytes, const char *text)
{
    if (bytes + 4 < sizeof note_text)
        bit_format_more(note_text, sizeof note_text, ": %s", text);
}

int bit_fail_at(const char *file, int line, int err, const char *fmt, ...)
{
    va_list args;

    /* __FILE__ is relative to the build folder; print it relative to the source tree. */
    while (file[0] == '.' && file[1] == '.' && file[2] == '/')
        file += 3;
    snprintf(note_place, sizeof note_place, "%s:%d", file, line);
    va_start(args, fmt);
    size_t bytes = bit_vformat(note_text, sizeof note_text, fmt, args);
    va_end(args);
    if (!says_it(err, note_text))
        add_behind(bytes, bit_strerror(err));
    return err;
}

int bit_fail_within(int err, const char *fmt, ...)
{
    char inner[BIT_ERR_TEXT_MAX];
    va_list args;

    memcpy(inner, note_text, sizeof inner);
    va_start(args, fmt);
    size_t bytes = bit_vformat(note_text, sizeof note_text, fmt, args);
    va_end(args);
    add_behind(bytes, inner);
    return err;
}

int bit_fail_again_at(const char *file, int line, int err, const char *who, const char *text)
{
    const char *tail = bit_strerror(err);
    size_t length = strlen(text), tail_length = strlen(tail) + 2;

    /* The note may end with its code's text, which bit_fail_at appends again: remove it. */
    if (length > tail_length && strcmp(text + length - tail_length + 2, tail) == 0)
        length -= tail_length;
    return bit_fail_at(file, line, err, "%s%.*s", who, (int)length, text);
}

const char *bit_fail_text(void)
{
    return note_text;
}

void bit_fail_print(const char *program)
{
    fprintf(stderr, "%s: ", program);
    bit_escape_print(stderr, note_text);
    fputc('\n', stderr);
}

const char *bit_fail_place(void)
{
    return note_place;
}
