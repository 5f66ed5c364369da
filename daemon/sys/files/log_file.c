#include "daemon/sys/files/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "proto/err.h"

int bit_log_file_open(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (fd < 0)
        return bit_fail(-errno, "the log %s cannot be opened", path);
    int err = dup2(fd, STDERR_FILENO) < 0 ? bit_fail(-errno, "the log %s", path) : 0;
    close(fd);
    return err;
}
