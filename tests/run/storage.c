/*
 * Storage that misbehaves, for tests: preloaded into bitd, it stands before every read of a token file and does what
 * the file named by BIT_STORAGE says, as long as that file is there:
 *
 *     delay MS      each read takes so much longer
 *     error N       each read fails with errno N
 *     short         each read gives at most 100 bytes, every third one is interrupted
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static int is_token_file(int fd)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path);
    return n > 4 && memcmp(path + n - 4, ".npy", 4) == 0;
}

static int orders(char *text, size_t room)
{
    const char *path = getenv("BIT_STORAGE");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, room - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n > 0;
}

static ssize_t misbehave(int fd, void *buf, size_t bytes, off_t offset)
{
    static ssize_t (*real)(int, void *, size_t, off_t);
    static int calls;
    char text[64];
    int number = 0;

    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "pread64");
    if (!is_token_file(fd) || !orders(text, sizeof text))
        return real(fd, buf, bytes, offset);
    if (sscanf(text, "error %d", &number) == 1) {
        errno = number;
        return -1;
    }
    if (sscanf(text, "delay %d", &number) == 1)
        nanosleep(&(struct timespec){number / 1000, number % 1000 * 1000000l}, NULL);
    if (strncmp(text, "short", 5) == 0) {
        if (++calls % 3 == 0) {
            errno = EINTR;
            return -1;
        }
        bytes = bytes > 100 ? 100 : bytes;
    }
    return real(fd, buf, bytes, offset);
}

/* pread64 by its symbol: files are large here. */
ssize_t pread(int fd, void *buf, size_t bytes, off_t offset)
{
    return misbehave(fd, buf, bytes, offset);
}
