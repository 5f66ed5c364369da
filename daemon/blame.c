#include "daemon/blame.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TAIL_BYTES 16384

/* "mpirun noticed that process rank 1 with PID 0 on node n1 exited on signal 9 (Killed)." */
static bool parse_signal(const char *text, struct bit_blame *out)
{
    const char *begin = strstr(text, "noticed that process rank ");
    const char *end = begin ? strstr(begin, "exited on signal ") : NULL;
    unsigned rank;
    int number;
    if (end == NULL || sscanf(begin, "noticed that process rank %u", &rank) != 1 ||
        sscanf(end, "exited on signal %d", &number) != 1)
        return false;
    *out = (struct bit_blame){.has_rank = true, .rank = rank, .signal = number};
    return true;
}

/* "  Process name: [[13742,1],1]" and below it "  Exit code:    3" */
static bool parse_code(const char *text, struct bit_blame *out)
{
    const char *begin = strstr(text, "Process name: [[");
    const char *end = begin ? strstr(begin, "Exit code:") : NULL;
    unsigned rank;
    int code;
    if (end == NULL || sscanf(begin, "Process name: [[%*u,%*u],%u]", &rank) != 1 ||
        sscanf(end, "Exit code: %d", &code) != 1)
        return false;
    *out = (struct bit_blame){.has_rank = true, .rank = rank, .has_code = true, .code = code};
    return true;
}

bool bit_blame_parse(const char *text, struct bit_blame *out)
{
    return parse_signal(text, out) || parse_code(text, out);
}

bool bit_blame_read(const char *path, struct bit_blame *out)
{
    char text[TAIL_BYTES + 1];
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
    return bit_blame_parse(text, out);
}

static bool waits(const struct bit_blame_rank *rank)
{
    return rank->answered && (strcmp(rank->section, "comm") == 0 || strcmp(rank->section, "wait") == 0);
}

int64_t bit_blame_hung(const struct bit_blame_rank *rank, uint32_t ranks)
{
    uint64_t least = UINT64_MAX, most = 0;
    int64_t behind = -1;
    for (uint32_t r = 0; r < ranks; r++) {
        if (!rank[r].known)
            continue;
        least = rank[r].step < least ? rank[r].step : least;
        most = rank[r].step > most ? rank[r].step : most;
    }
    for (uint32_t r = ranks; r-- > 0;) /* the lowest of each kind stays */
        if (rank[r].known && rank[r].step == least && least < most)
            behind = r;
    for (uint32_t r = 0; r < ranks; r++)
        if (rank[r].known && rank[r].step == least && !waits(&rank[r]))
            return r;
    return behind;
}
