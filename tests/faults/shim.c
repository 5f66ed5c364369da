/*
 * Faults for tests: preloaded into bitd, mpirun and bitworker, it wraps the calls below and follows the rules in the
 * file named by BIT_FAULTS, as long as that file exists. One rule a line; the first that applies is used:
 *
 *     CALL [who=PROGRAM] [rank=R] [path=PART] [step=N] [from=K] [count=N] [every=N] [once=FILE] [p=PERCENT seed=S]
 * ACTION
 *
 * CALL is open (with O_CREAT), write, pwrite, pread, fsync, fdatasync, fallocate, mkdir, rename, unlink,
 * ftruncate, send, yield, clock, or "any": each call that changes a file. path=PART: the file's path contains PART.
 * step=N: the call sends the report of step N. from=K: from the K-th matching call in this process on, where counting
 * restarts when the rules change; count=N: for N of them; every=N: every N-th. once=FILE: only if FILE can be created,
 * so once among all processes. ACTION is
 *
 *     error N     fails with errno N           delay MS   takes MS longer
 *     short N     at most N bytes              torn       writes half, then kills the process
 *     flip        flips one bit                kill SIG   sends SIG to the process  exit N     ends it
 *     hang        the call never returns       shift S    the wall clock is S seconds off
 *     note        only writes a line "PROGRAM RANK CALL PATH" to the file BIT_FAULTS.calls
 */
#undef _FILE_OFFSET_BITS /* both names of a call, as pwrite and pwrite64, are defined here */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define RULES_MAX    32
#define TEXT_MAX     8192
#define FRAME_HEADER 28 /* proto/wire/frame.h: the type is at byte 4 */
#define STEP_REPORT  32 /* proto/wire/msg.h */
#define EXPORT       __attribute__((visibility("default")))

struct call {
    const char *name;
    const char *path; /* NULL where there is none */
    bool changes;     /* a file, so that "any" matches */
    long step;        /* -1: none */
};

struct action {
    char name[16];
    long number;
};

/* The conditions of a rule that are checked only after its whole line has been read. */
struct asked {
    long from, count, every, percent, seed;
    const char *once;
};

static atomic_long counted[RULES_MAX]; /* calls that matched a rule, in this process */

/* Resets all counts when the file's text has changed. */
static void count_anew(const char *text)
{
    static atomic_ulong of;
    unsigned long hash = 5381;

    for (; *text != '\0'; text++)
        hash = hash * 33 + (unsigned char)*text;
    if (atomic_exchange(&of, hash) == hash)
        return;
    for (int i = 0; i < RULES_MAX; i++)
        atomic_store(&counted[i], 0);
}

/* Makes the system calls directly, so that none of the wrappers in this file runs. */
static long read_rules(char text[TEXT_MAX])
{
    const char *path = getenv("BIT_FAULTS");
    long fd = path == NULL ? -1 : syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);

    if (fd < 0)
        return 0;
    long n = syscall(SYS_read, fd, text, TEXT_MAX - 1);
    syscall(SYS_close, fd);
    text[n > 0 ? n : 0] = '\0';
    return n;
}

static const char *own_rank(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "SLURM_PROCID"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (getenv(names[i]) != NULL)
            return getenv(names[i]);
    return "";
}

static bool by_chance(const struct asked *a, long at)
{
    uint64_t x = (uint64_t)a->seed * 0x9e3779b97f4a7c15u + (uint64_t)at;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (long)((x ^ x >> 31) % 100) < a->percent;
}

static bool make_once(const char *path)
{
    long fd = syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0)
        syscall(SYS_close, fd);
    return fd >= 0;
}

/* 1: the word is the action; 0: a condition that holds or that is_due() checks; -1: a condition that does not hold. */
static int take_word(char *word, const struct call *call, struct asked *a)
{
    long *const numbers[] = {&a->from, &a->count, &a->every, &a->percent, &a->seed};
    static const char *const names[] = {"from", "count", "every", "p", "seed"};
    char *value = strchr(word, '=');

    if (value == NULL)
        return 1;
    *value++ = '\0';
    if (strcmp(word, "who") == 0)
        return strcmp(value, program_invocation_short_name) == 0 ? 0 : -1;
    if (strcmp(word, "rank") == 0)
        return strcmp(value, own_rank()) == 0 ? 0 : -1;
    if (strcmp(word, "path") == 0)
        return call->path != NULL && strstr(call->path, value) != NULL ? 0 : -1;
    if (strcmp(word, "step") == 0)
        return call->step == strtol(value, NULL, 10) ? 0 : -1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(word, names[i]) == 0)
            *numbers[i] = strtol(value, NULL, 10);
    if (strcmp(word, "once") == 0)
        a->once = value;
    return 0;
}

static bool is_due(int rule, const struct asked *a)
{
    long at = atomic_fetch_add(&counted[rule], 1) + 1;

    if (at < a->from || at - a->from >= a->count || at % a->every != 0)
        return false;
    if (a->percent < 100 && !by_chance(a, at))
        return false;
    return a->once == NULL || make_once(a->once);
}

static bool applies(char *line, int rule, const struct call *call, struct action *out)
{
    struct asked a = {.from = 1, .count = 1L << 40, .every = 1, .percent = 100};
    char *at, *word = strtok_r(line, " ", &at);

    if (word == NULL || (strcmp(word, call->name) != 0 && !(strcmp(word, "any") == 0 && call->changes)))
        return false;
    while ((word = strtok_r(NULL, " ", &at)) != NULL) {
        int taken = take_word(word, call, &a);
        if (taken < 0)
            return false;
        if (taken == 0)
            continue;
        snprintf(out->name, sizeof out->name, "%s", word);
        word = strtok_r(NULL, " ", &at);
        out->number = word != NULL ? strtol(word, NULL, 10) : 0;
        return is_due(rule, &a);
    }
    return false;
}

static bool find_action(const struct call *call, struct action *out)
{
    char text[TEXT_MAX], *at, *line;
    int rule = 0;

    if (read_rules(text) <= 0)
        return false;
    count_anew(text);
    for (line = strtok_r(text, "\n", &at); line != NULL && rule < RULES_MAX; line = strtok_r(NULL, "\n", &at))
        if (applies(line, rule++, call, out))
            return true;
    return false;
}

static bool is(const struct action *a, const char *name)
{
    return strcmp(a->name, name) == 0;
}

static void note(const struct call *call)
{
    char path[4096], line[8192];
    const char *rank = own_rank();

    snprintf(path, sizeof path, "%s.calls", getenv("BIT_FAULTS"));
    int n = snprintf(line, sizeof line, "%s %s %s %s\n", program_invocation_short_name, *rank ? rank : "-", call->name,
                     call->path != NULL ? call->path : "-");
    long fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    if (syscall(SYS_write, fd, line, (size_t)n) != n)
        abort(); /* a missing line would leave out crash points */
    syscall(SYS_close, fd);
}

/* Carries out the actions that do not depend on the call's bytes. Returns true if the call must fail; errno is set. */
static bool misbehave(const struct call *call, const struct action *a)
{
    if (is(a, "note"))
        note(call);
    if (is(a, "error"))
        errno = (int)a->number;
    else if (is(a, "delay"))
        nanosleep(&(struct timespec){a->number / 1000, a->number % 1000 * 1000000l}, NULL);
    else if (is(a, "kill"))
        kill(getpid(), (int)a->number);
    else if (is(a, "exit"))
        _exit((int)a->number);
    else if (is(a, "hang"))
        for (;;)
            pause();
    return is(a, "error");
}

static bool fails(const char *name, const char *path)
{
    const struct call call = {.name = name, .path = path, .changes = true, .step = -1};
    const int err = errno;
    struct action a;
    bool failed = find_action(&call, &a) && misbehave(&call, &a);

    if (!failed)
        errno = err;
    return failed;
}

static const char *path_of(int fd, char out[4096])
{
    char link[64];

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, out, 4095);
    out[n > 0 ? n : 0] = '\0';
    return out;
}

static bool fails_fd(const char *name, int fd)
{
    char path[4096];

    return fails(name, path_of(fd, path));
}

/* ---- bytes */

static ssize_t put_some(int fd, const void *buf, size_t bytes, off64_t offset)
{
    return offset < 0 ? syscall(SYS_write, fd, buf, bytes) : syscall(SYS_pwrite64, fd, buf, bytes, offset);
}

static ssize_t put_flipped(int fd, const void *buf, size_t bytes, off64_t offset)
{
    uint8_t *other = malloc(bytes);

    if (other == NULL)
        abort();
    memcpy(other, buf, bytes);
    other[bytes / 2] ^= 0x10;
    ssize_t n = put_some(fd, other, bytes, offset);
    free(other);
    return n;
}

static ssize_t put(const char *name, int fd, const void *buf, size_t bytes, off64_t offset)
{
    char path[4096];
    struct stat st;
    struct action a;

    if (getenv("BIT_FAULTS") == NULL || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return put_some(fd, buf, bytes, offset);
    const struct call call = {.name = name, .path = path_of(fd, path), .changes = true, .step = -1};
    if (!find_action(&call, &a))
        return put_some(fd, buf, bytes, offset);
    if (misbehave(&call, &a))
        return -1;
    if (is(&a, "torn")) {
        put_some(fd, buf, bytes / 2, offset);
        kill(getpid(), SIGKILL);
    }
    if (is(&a, "short") && (size_t)a.number < bytes)
        bytes = (size_t)a.number;
    return is(&a, "flip") && bytes > 0 ? put_flipped(fd, buf, bytes, offset) : put_some(fd, buf, bytes, offset);
}

EXPORT ssize_t write(int fd, const void *buf, size_t bytes)
{
    return put("write", fd, buf, bytes, -1);
}

EXPORT ssize_t pwrite64(int fd, const void *buf, size_t bytes, off64_t offset)
{
    return put("pwrite", fd, buf, bytes, offset);
}

EXPORT ssize_t pwrite(int fd, const void *buf, size_t bytes, off_t offset)
{
    return put("pwrite", fd, buf, bytes, offset);
}

EXPORT ssize_t pread64(int fd, void *buf, size_t bytes, off64_t offset)
{
    char path[4096];
    struct action a;
    const struct call call = {.name = "pread", .path = path_of(fd, path), .step = -1};

    if (!find_action(&call, &a))
        return syscall(SYS_pread64, fd, buf, bytes, offset);
    if (misbehave(&call, &a))
        return -1;
    if (is(&a, "short") && (size_t)a.number < bytes)
        bytes = (size_t)a.number;
    ssize_t n = syscall(SYS_pread64, fd, buf, bytes, offset);
    if (is(&a, "flip") && n > 0)
        ((uint8_t *)buf)[n / 2] ^= 0x10;
    return n;
}

EXPORT ssize_t pread(int fd, void *buf, size_t bytes, off_t offset)
{
    return pread64(fd, buf, bytes, offset);
}

/* ---- files */

EXPORT int fsync(int fd)
{
    return fails_fd("fsync", fd) ? -1 : (int)syscall(SYS_fsync, fd);
}

EXPORT int fdatasync(int fd)
{
    return fails_fd("fdatasync", fd) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

EXPORT int posix_fallocate64(int fd, off64_t offset, off64_t bytes)
{
    static int (*real)(int, off64_t, off64_t);

    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "posix_fallocate64");
    return fails_fd("fallocate", fd) ? errno : real(fd, offset, bytes);
}

EXPORT int posix_fallocate(int fd, off_t offset, off_t bytes)
{
    return posix_fallocate64(fd, offset, bytes);
}

EXPORT int ftruncate64(int fd, off64_t bytes)
{
    return fails_fd("ftruncate", fd) ? -1 : (int)syscall(SYS_ftruncate, fd, bytes);
}

EXPORT int ftruncate(int fd, off_t bytes)
{
    return ftruncate64(fd, bytes);
}

EXPORT int mkdir(const char *path, mode_t mode)
{
    return fails("mkdir", path) ? -1 : (int)syscall(SYS_mkdir, path, mode);
}

EXPORT int rename(const char *from, const char *to)
{
    return fails("rename", from) ? -1 : (int)syscall(SYS_rename, from, to);
}

EXPORT int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return fails("rename", from) ? -1 : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
}

EXPORT int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    return fails("rename", from) ? -1 : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

EXPORT int unlinkat(int dir, const char *path, int flags)
{
    return fails("unlink", path) ? -1 : (int)syscall(SYS_unlinkat, dir, path, flags);
}

static int open_file(int dir, const char *path, int flags, va_list args)
{
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(args, mode_t) : 0;

    if ((flags & O_CREAT) && fails("open", path))
        return -1;
    return (int)syscall(SYS_openat, dir, path, flags, mode);
}

#define OPEN(dir, path, flags)                                                                                         \
    va_list args;                                                                                                      \
    va_start(args, flags);                                                                                             \
    int fd = open_file(dir, path, flags, args);                                                                        \
    va_end(args);                                                                                                      \
    return fd

EXPORT int open(const char *path, int flags, ...)
{
    OPEN(AT_FDCWD, path, flags);
}

EXPORT int open64(const char *path, int flags, ...)
{
    OPEN(AT_FDCWD, path, flags);
}

EXPORT int openat(int dir, const char *path, int flags, ...)
{
    OPEN(dir, path, flags);
}

EXPORT int openat64(int dir, const char *path, int flags, ...)
{
    OPEN(dir, path, flags);
}

/* ---- the rest */

/* A report's first field is its step: a tag of 8, then a varint. */
static long step_of(const uint8_t *buf, size_t bytes)
{
    long step = 0;

    if (bytes < FRAME_HEADER + 2 || memcmp(buf, "BIT1", 4) != 0 || buf[4] != STEP_REPORT || buf[FRAME_HEADER] != 8)
        return -1;
    for (size_t i = 0; i < 5 && FRAME_HEADER + 1 + i < bytes; i++) {
        step |= (long)(buf[FRAME_HEADER + 1 + i] & 0x7f) << (7 * i);
        if ((buf[FRAME_HEADER + 1 + i] & 0x80) == 0)
            break;
    }
    return step;
}

EXPORT ssize_t send(int fd, const void *buf, size_t bytes, int flags)
{
    const struct call call = {.name = "send", .step = step_of(buf, bytes)};
    struct action a;

    if (find_action(&call, &a) && misbehave(&call, &a))
        return -1;
    return syscall(SYS_sendto, fd, buf, bytes, flags, NULL, 0);
}

/* A rank that waits for another calls this: its main thread makes no other call all the time. */
EXPORT int sched_yield(void)
{
    const struct call call = {.name = "yield", .step = -1};
    struct action a;

    if (find_action(&call, &a))
        misbehave(&call, &a);
    return (int)syscall(SYS_sched_yield);
}

EXPORT int clock_gettime(clockid_t which, struct timespec *out)
{
    static int (*real)(clockid_t, struct timespec *);
    const struct call call = {.name = "clock", .step = -1};
    struct action a;

    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    int err = real(which, out);
    if (which == CLOCK_REALTIME && err == 0 && find_action(&call, &a) && is(&a, "shift"))
        out->tv_sec += a.number;
    return err;
}
