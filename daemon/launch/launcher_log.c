#include "daemon/launch/launcher_log.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/format.h"

#define TAIL_BYTES 16384

/* "mpirun noticed that process rank 1 with PID 0 on node n1 exited on signal 9 (Killed)." */
static bool parse_signal(const char *text, struct bit_launcher_log *out)
{
    const char *begin = strstr(text, "noticed that process rank ");
    const char *end = begin ? strstr(begin, "exited on signal ") : NULL;
    unsigned rank;
    int number;

    if (end == NULL || sscanf(begin, "noticed that process rank %u", &rank) != 1 ||
        sscanf(end, "exited on signal %d", &number) != 1 || number < 1 || number > SIGRTMAX)
        return false; /* a job's output may contain anything */
    *out = (struct bit_launcher_log){.has_rank = true, .rank = rank, .signal = number};
    return true;
}

/* "  Process name: [[13742,1],1]" and below it "  Exit code:    3" */
static bool parse_code(const char *text, struct bit_launcher_log *out)
{
    const char *begin = strstr(text, "Process name: [[");
    const char *end = begin ? strstr(begin, "Exit code:") : NULL;
    unsigned rank;
    int code;

    if (end == NULL || sscanf(begin, "Process name: [[%*u,%*u],%u]", &rank) != 1 ||
        sscanf(end, "Exit code: %d", &code) != 1)
        return false;
    *out = (struct bit_launcher_log){.has_rank = true, .rank = rank, .has_code = true, .code = code};
    return true;
}

/* "Segmentation fault (core dumped)": the signal with the longest name that begins the text; 0: none. */
static int signal_named(const char *text)
{
    int found = 0;
    size_t longest = 0;

    for (int i = 1; i < SIGRTMIN; i++) {
        const char *name = strsignal(i);
        size_t bytes = strlen(name);
        if (bytes > longest && strncmp(text, name, bytes) == 0) {
            found = i;
            longest = bytes;
        }
    }
    return found;
}

/* The text after "srun: error: ": "n3: task 2: Killed", "n[1-2]: tasks 0-1: Exited with exit code 3". */
static bool parse_task(const char *text, struct bit_launcher_log *out)
{
    char line[256], how[64];
    unsigned rank;

    snprintf(line, sizeof line, "%.*s", (int)BIT_MIN(strcspn(text, "\n"), sizeof line - 1), text);
    const char *task = strstr(line, ": task");
    const char *digit = task == NULL ? NULL : task + strcspn(task, "0123456789");
    const char *colon = task == NULL ? NULL : strchr(task + 1, ':');
    if (colon == NULL || digit > colon || sscanf(digit, "%u", &rank) != 1 || sscanf(colon, ": %63[^\n]", how) != 1)
        return false;
    *out = (struct bit_launcher_log){.has_rank = true, .rank = rank, .signal = signal_named(how)};
    out->has_code = sscanf(how, "Exited with exit code %d", &out->code) == 1;
    return out->signal != 0 || out->has_code;
}

/* The task that srun names first ended first; the others ended because of it. */
static bool parse_srun(const char *text, struct bit_launcher_log *out)
{
    static const char says[] = "srun: error: ";
    struct bit_launcher_log found;

    for (const char *p = text; (p = strstr(p, says)) != NULL; p++)
        if (parse_task(p + strlen(says), &found)) {
            *out = found;
            return true;
        }
    return false;
}

bool bit_launcher_log_parse(const char *text, struct bit_launcher_log *out)
{
    return parse_signal(text, out) || parse_code(text, out) || parse_srun(text, out);
}

bool bit_launcher_log_srun(const char *text, char *says, size_t room)
{
    static const char error[] = "srun: error: ";
    const char *begin = strstr(text, error);

    if (begin == NULL)
        return false;
    begin += strlen(error);
    if (strstr(text, "cannot find mpi plugin for mpi/pmix") != NULL)
        bit_format(says, room, "Slurm here has no PMIx plugin (srun --mpi=list tells what it has)");
    else
        bit_format(says, room, "srun: %.*s", bit_format_fit(begin, BIT_MIN(strcspn(begin, "\n"), (size_t)200)), begin);
    return true;
}

bool bit_launcher_log_unreached(const char *text, bit_launcher_log_node *take, void *arg, char *says, size_t room)
{
    static const char error[] = "srun: error: ", launch[] = "srun: error: Task launch for ", on[] = " failed on node ";
    char line[256], host[64];
    bool any = false;

    for (const char *p = text; (p = strstr(p, launch)) != NULL; p++) {
        snprintf(line, sizeof line, "%.*s", (int)BIT_MIN(strcspn(p, "\n"), sizeof line - 1), p);
        const char *node = strstr(line, on);
        if (node == NULL || sscanf(node + strlen(on), "%63[^: ]", host) != 1)
            continue;
        if (!any)
            bit_format(says, room, "srun: %s", line + strlen(error));
        any = true;
        take(arg, host);
    }
    return any;
}

bool bit_launcher_log_last(const char *text, char *line, size_t room)
{
    const char *end = text + strlen(text);

    while (end > text) {
        const char *begin = end;
        while (begin > text && begin[-1] != '\n')
            begin--;
        const size_t bytes = (size_t)(end - begin), dull = strspn(begin, " \t\r-=*");
        if (dull < bytes) {
            bit_format(line, room, "%.*s", bit_format_fit(begin, BIT_MIN(bytes, (size_t)200)), begin);
            return true;
        }
        end = begin > text ? begin - 1 : begin;
    }
    return false;
}

/* The last kilobytes of a file, NUL-terminated. */
static bool read_tail(const char *path, char text[TAIL_BYTES + 1])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return false;
    off_t end = lseek(fd, 0, SEEK_END);
    off_t begin = end > TAIL_BYTES ? end - TAIL_BYTES : 0;
    ssize_t n = pread(fd, text, TAIL_BYTES, begin);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    for (ssize_t i = 0; i < n; i++)
        if (text[i] == '\0')
            text[i] = ' ';
    return true;
}

bool bit_launcher_log_read(const char *path, struct bit_launcher_log *out)
{
    char text[TAIL_BYTES + 1];

    return read_tail(path, text) && bit_launcher_log_parse(text, out);
}

bool bit_launcher_log_read_srun(const char *path, char *says, size_t room)
{
    char text[TAIL_BYTES + 1];

    return read_tail(path, text) && bit_launcher_log_srun(text, says, room);
}

bool bit_launcher_log_read_unreached(const char *path, bit_launcher_log_node *take, void *arg, char *says, size_t room)
{
    char text[TAIL_BYTES + 1];

    return read_tail(path, text) && bit_launcher_log_unreached(text, take, arg, says, room);
}

bool bit_launcher_log_read_last(const char *path, char *line, size_t room)
{
    char text[TAIL_BYTES + 1];

    return read_tail(path, text) && bit_launcher_log_last(text, line, room);
}
