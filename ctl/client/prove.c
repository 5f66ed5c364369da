#include "ctl/client/prove.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/ckpt/weight_index.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/spec/spec.h"
#include "proto/text/problems.h"
#include "proto/wire/msg.h"

/* Relative paths start at the specification's folder, here as in bitd. */
static int open_path(const char *directory, const char *path)
{
    int folder = directory != NULL ? open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC) : AT_FDCWD;
    int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int err = fd < 0 ? -errno : fd;

    if (folder >= 0)
        close(folder);
    return err;
}

/* Opens file number `shard` of those that the index at `path` names. */
static int open_shard(const char *directory, const char *path, int shard)
{
    struct bit_weight_index *index = calloc(1, sizeof *index);
    char file[BIT_PATH_MAX + BIT_WEIGHT_FILE_NAME_MAX];
    struct stat st;
    int fd = index == NULL ? -ENOMEM : open_path(directory, path);

    if (fd < 0) {
        free(index);
        return fd;
    }
    int err = fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ? -ENOENT : bit_weight_index_read(fd, path, &st, index);
    close(fd);
    if (err >= 0 && (size_t)shard < index->count) {
        const int folder = (int)(strrchr(path, '/') - path);
        snprintf(file, sizeof file, "%.*s/%s", folder, path, index->name[shard]);
        fd = open_path(directory, file);
    } else {
        fd = -ENOENT; /* bitd, which gets the index too, reports what is wrong with it */
    }
    free(index);
    return fd;
}

static int open_shown(const Bit__SubmitRequest *submitted, const char *path, int shard)
{
    return shard < 0 ? open_path(submitted->directory, path) : open_shard(submitted->directory, path, shard);
}

/* The descriptors go with the frame's first bytes; if sendmsg takes fewer bytes, the rest follows without them. */
static int send_with(int socket, const uint8_t *data, size_t bytes, const int *fds, size_t count)
{
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(BIT_PROVE_BATCH * sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = bytes};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    if (count > 0) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        *c = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(count * sizeof(int))};
        memcpy(CMSG_DATA(c), fds, count * sizeof(int));
    }
    while (iov.iov_len > 0) {
        ssize_t n = sendmsg(socket, &msg, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return bit_fail(BIT_EDAEMON, "bitd hung up while files were shown to it");
        iov.iov_base = (uint8_t *)iov.iov_base + n;
        iov.iov_len -= (size_t)n;
        msg.msg_control = NULL;
        msg.msg_controllen = 0;
    }
    return 0;
}

int bit_prove(struct bit_connection *c, const Bit__SubmitRequest *submitted, const Bit__ProveCall *asked)
{
    Bit__ProveAnswer m = BIT__PROVE_ANSWER__INIT;
    int32_t error[BIT_PROVE_BATCH] = {0};
    int fds[BIT_PROVE_BATCH], err = 0;
    size_t count = 0, bytes = 0;
    uint8_t *frame = NULL;

    if (asked->count > BIT_PROVE_BATCH)
        return bit_fail(BIT_EMESSAGE, "bitd asks for %u files at once", asked->count);
    for (size_t i = 0; i < asked->count && err == 0; i++) {
        char path[BIT_PATH_MAX + 32];
        int shard;
        bool ours = bit_spec_shown_path(submitted->spec, (size_t)asked->first + i, path, sizeof path, &shard);
        int fd = ours ? open_shown(submitted, path, shard) : 0;
        if (!ours)
            err = bit_fail(BIT_EMESSAGE, "bitd asks for a file that is not of the specification");
        else if (fd < 0)
            error[i] = fd;
        else
            fds[count++] = fd;
    }
    m.first = asked->first;
    m.n_error = asked->count;
    m.error = error;
    if (err == 0)
        err = bit_msg_encode(BIT_MSG_PROVE_ANSWER, 0, &m, &frame, &bytes);
    if (err == 0)
        err = send_with(c->fd, frame, bytes, fds, count);
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
    free(frame);
    return err;
}

static int set_all(Bit__RunSpec *spec, const Bit__SweepBranchAsked *branch)
{
    struct bit_problems *problems = calloc(1, sizeof *problems);
    int err = problems == NULL ? bit_fail(-ENOMEM, "a branch") : 0;

    for (size_t i = 0; i < branch->n_set && err == 0; i++)
        err = bit_spec_set(spec, branch->set[i], problems);
    free(problems);
    return err;
}

int bit_prove_sweep(struct bit_connection *c, const Bit__SweepRequest *submitted, const Bit__ProveCall *asked)
{
    Bit__SubmitRequest first = BIT__SUBMIT_REQUEST__INIT;
    int err;

    first.spec = bit_msg_clone(submitted->spec);
    first.directory = submitted->directory;
    err = first.spec == NULL ? bit_fail(-ENOMEM, "a branch") : 0;
    if (err == 0 && submitted->n_branch > 0)
        err = set_all(first.spec, submitted->branch[0]);
    if (err == 0)
        err = bit_prove(c, &first, asked);
    bit_msg_free(first.spec);
    return err;
}
