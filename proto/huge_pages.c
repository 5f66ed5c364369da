#include "proto/huge_pages.h"

#include <stdlib.h>
#include <sys/mman.h>

#define PAGE ((size_t)2 << 20)

void *bit_huge_pages_alloc(size_t bytes)
{
    void *p;

    if (posix_memalign(&p, PAGE, (bytes + PAGE - 1) & ~(PAGE - 1)) != 0)
        return NULL;
    madvise(p, bytes, MADV_HUGEPAGE);
    return p;
}
