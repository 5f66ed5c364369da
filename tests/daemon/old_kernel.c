/* Preloaded into bitd: acts as a kernel before Linux 6.16, where a Unix socket cannot refuse passed descriptors. */
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

#define PASSRIGHTS 83 /* SO_PASSRIGHTS, which the headers may lack */

int setsockopt(int fd, int level, int name, const void *value, socklen_t bytes)
{
    int (*real)(int, int, int, const void *, socklen_t);

    if (level == SOL_SOCKET && name == PASSRIGHTS) {
        errno = ENOPROTOOPT;
        return -1;
    }
    *(void **)&real = dlsym(RTLD_NEXT, "setsockopt");
    return real(fd, level, name, value, bytes);
}
