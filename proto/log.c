#include "proto/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/pairs.h"

#define LINE_MAX_BYTES    4096 /* PIPE_BUF: writes to a pipe are atomic up to this size */
#define CONTEXT_MAX_BYTES 256

static const struct {
    const char *name;
    int priority; /* of syslog(3) */
} levels[] = {
    [BIT_LOG_ERROR] = {"error", 3},
    [BIT_LOG_WARN] = {"warn", 4},
    [BIT_LOG_INFO] = {"info", 6},
    [BIT_LOG_DEBUG] = {"debug", 7},
};

static enum bit_log_level level_most = BIT_LOG_INFO;
static bool to_journal;
static char context[CONTEXT_MAX_BYTES];

/* Child processes inherit the variable even if their stderr is redirected, so compare stderr with the file that it
 * names (systemd.exec(5)). */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;

    return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
           (unsigned long long)st.st_dev == device && (unsigned long long)st.st_ino == inode;
}

void bit_log_init(enum bit_log_level level)
{
    level_most = level;
    to_journal = stderr_is_journal();
}

int bit_log_level_parse(const char *text)
{
    for (size_t i = 0; i < BIT_COUNT(levels); i++)
        if (strcmp(text, levels[i].name) == 0)
            return (int)i;
    return -EINVAL;
}

void bit_log_context(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    bit_pairs_format(context, sizeof context, fmt, args);
    va_end(args);
}

static size_t put_head(char *line, enum bit_log_level level)
{
    struct timespec now;
    struct tm utc;
    size_t at;

    if (to_journal)
        return (size_t)snprintf(line, LINE_MAX_BYTES, "<%d>", levels[level].priority);
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    at = strftime(line, LINE_MAX_BYTES, "%Y-%m-%dT%H:%M:%S", &utc);
    return at + (size_t)snprintf(line + at, LINE_MAX_BYTES - at, ".%03dZ %s ", (int)(now.tv_nsec / 1000000),
                                 levels[level].name);
}

static size_t put(char *line, size_t at, const char *before, const char *text)
{
    if (text[0] == '\0' || at + strlen(before) + strlen(text) >= LINE_MAX_BYTES)
        return at;
    return at + (size_t)sprintf(line + at, "%s%s", before, text);
}

void bit_log_line(enum bit_log_level level, const char *topic, const char *event, const char *fmt, ...)
{
    char line[LINE_MAX_BYTES];
    int saved_errno = errno;
    va_list args;
    size_t at;

    if (level > level_most)
        return;
    at = put_head(line, level);
    at = put(line, at, "", topic);
    at = put(line, at, ": ", event);
    at = put(line, at, " ", context);
    line[at++] = ' ';
    va_start(args, fmt);
    size_t bytes = bit_pairs_format(line + at, LINE_MAX_BYTES - at, fmt, args);
    va_end(args);
    at = bytes > 0 ? at + bytes : at - 1;
    line[at++] = '\n'; /* in place of the NUL */
    /* A failure to write to stderr cannot be reported anywhere. */
    (void)!write(STDERR_FILENO, line, at);
    errno = saved_errno;
}
