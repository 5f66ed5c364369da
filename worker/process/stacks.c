#include "worker/process/stacks.h"

#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <inttypes.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"

#define FRAMES_MAX  48
#define THREADS_MAX 64
#define ANSWER_MS   100    /* time for a thread to run its handler */
#define ASK         SIGURG /* ignored by default, and used for nothing else here */

/* One thread's answer. Each thread has its own slot, so that a late answer disturbs no other. */
struct slot {
    pid_t thread;
    int count;
    void *frame[FRAMES_MAX];
};

static struct {
    _Atomic int rank; /* -1: not known yet */
    const struct bit_sections *_Atomic sections;
    struct slot slot[THREADS_MAX];
    _Atomic int slots;
    sem_t answered;
    int lines; /* a memfd in which frames are turned into text */
} stacks = {.rank = -1, .lines = -1};

static pid_t own_thread(void)
{
    return (pid_t)syscall(SYS_gettid);
}

static void on_asked(int signal)
{
    const int err = errno, slots = atomic_load(&stacks.slots);
    const pid_t thread = own_thread();

    for (int i = 0; i < slots; i++) {
        struct slot *slot = &stacks.slot[i];
        if (slot->thread == thread && slot->count == 0) {
            slot->count = backtrace(slot->frame, FRAMES_MAX);
            sem_post(&stacks.answered);
        }
    }
    errno = err;
}

int bit_stacks_init(void)
{
    struct sigaction action = {.sa_handler = on_asked, .sa_flags = SA_RESTART};
    void *frame[1];

    backtrace(frame, 1); /* loads libgcc now, because a handler must not */
    stacks.lines = memfd_create("stacks", MFD_CLOEXEC);
    if (stacks.lines < 0 || sem_init(&stacks.answered, 0, 0) < 0 || sigaction(ASK, &action, NULL) < 0)
        return bit_fail(-errno, "setting up the stack dump");
    return 0;
}

void bit_stacks_set_rank(int rank, const struct bit_sections *sections)
{
    atomic_store(&stacks.sections, sections);
    atomic_store(&stacks.rank, rank);
}

/* Writes whole lines in one call. */
static void put(const char *text, size_t bytes)
{
    while (bytes > 0) {
        ssize_t n = write(STDERR_FILENO, text, bytes);
        if (n < 0 && errno != EINTR)
            return;
        text += n > 0 ? n : 0;
        bytes -= n > 0 ? (size_t)n : 0;
    }
}

static void read_name(pid_t thread, char out[32])
{
    char path[64];

    snprintf(path, sizeof path, "/proc/self/task/%d/comm", (int)thread);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, out, 31);
    if (fd >= 0)
        close(fd);
    out[n > 0 ? n : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
}

/* Writes a thread's frames as text, with rank, thread and name at the start of each line. */
static void write_slot(const struct slot *slot)
{
    static char text[16384], line[512];
    char name[32];

    read_name(slot->thread, name);
    if (slot->count == 0) {
        int n = snprintf(line, sizeof line, "stack rank=%d thread=%d name=%s did not answer\n", stacks.rank,
                         (int)slot->thread, name);
        put(line, (size_t)n);
        return;
    }
    if (ftruncate(stacks.lines, 0) < 0 || lseek(stacks.lines, 0, SEEK_SET) < 0)
        return;
    backtrace_symbols_fd(slot->frame + 2, BIT_MAX(slot->count - 2, 0), stacks.lines); /* skip the handler's own */
    ssize_t bytes = pread(stacks.lines, text, sizeof text - 1, 0);
    text[bytes > 0 ? bytes : 0] = '\0';
    for (char *at = text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        int n = snprintf(line, sizeof line, "stack rank=%d thread=%d name=%s %.*s\n", stacks.rank, (int)slot->thread,
                         name, (int)(end - at), at);
        put(line, BIT_MIN((size_t)n, sizeof line - 1));
    }
}

static void ask(pid_t thread)
{
    struct timespec until;
    struct slot *slot = &stacks.slot[stacks.slots];

    *slot = (struct slot){.thread = thread};
    atomic_fetch_add(&stacks.slots, 1);
    if (syscall(SYS_tgkill, getpid(), thread, ASK) < 0)
        return;
    clock_gettime(CLOCK_MONOTONIC, &until); /* a wall clock that is set back could make this wait an hour */
    until.tv_nsec += ANSWER_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    while (sem_clockwait(&stacks.answered, CLOCK_MONOTONIC, &until) < 0 && errno == EINTR)
        ;
}

/* Uses getdents64(), because opendir() would allocate. */
static void ask_all(void)
{
    static _Alignas(struct dirent64) char entries[4096];
    int tasks = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ssize_t n;

    atomic_store(&stacks.slots, 0);
    while (tasks >= 0 && (n = getdents64(tasks, entries, sizeof entries)) > 0)
        for (ssize_t at = 0; at < n; at += ((const struct dirent64 *)(entries + at))->d_reclen) {
            pid_t thread = (pid_t)strtol(((const struct dirent64 *)(entries + at))->d_name, NULL, 10);
            if (thread > 0 && thread != own_thread() && stacks.slots < THREADS_MAX)
                ask(thread);
        }
    if (tasks >= 0)
        close(tasks);
}

void bit_stacks_write(void)
{
    const struct bit_sections *sections = atomic_load(&stacks.sections);
    char line[160];

    int n = snprintf(line, sizeof line, "stacks rank=%d step=%" PRIu64 " section=%s\n", stacks.rank,
                     sections ? (uint64_t)atomic_load(&sections->step) : 0,
                     bit_section_name(sections ? atomic_load(&sections->now) : BIT_SECTION_START));
    put(line, (size_t)n);
    ask_all();
    for (int i = 0; i < stacks.slots; i++)
        write_slot(&stacks.slot[i]);
    n = snprintf(line, sizeof line, "stacks rank=%d end\n", stacks.rank);
    put(line, (size_t)n);
}
