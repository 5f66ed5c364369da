#include "proto/wire/secret.h"

#include <errno.h>
#include <sodium/utils.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "proto/err.h"

void bit_secret_wipe(void *secret, size_t bytes)
{
    if (bytes > 0)
        sodium_memzero(secret, bytes);
}

int bit_secret_no_core(void)
{
    const struct rlimit none = {0, 0};

    return setrlimit(RLIMIT_CORE, &none) < 0 ? bit_fail(-errno, "no core files") : 0;
}

int bit_secret_no_dump(void)
{
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? bit_fail(-errno, "a process that is not dumped") : 0;
}

void bit_secret_hide(void *secret, size_t bytes)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)secret / page * page;
    uintptr_t to = ((uintptr_t)secret + bytes + page - 1) / page * page;

    madvise((void *)from, to - from, MADV_DONTDUMP);
}
