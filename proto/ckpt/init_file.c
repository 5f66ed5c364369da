#include "proto/ckpt/init_file.h"

#include "proto/err.h"

static uint64_t mtime_ns(const struct stat *st)
{
    return (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;
}

void bit_init_file_note(const struct stat *st, Bit__InitFile *out)
{
    bit__init_file__init(out);
    out->device = st->st_dev;
    out->inode = st->st_ino;
    out->bytes = (uint64_t)st->st_size;
    out->mtime_ns = mtime_ns(st);
}

int bit_init_file_check_same(const char *path, const struct stat *st, const Bit__InitFile *then)
{
    if (st->st_ino != then->inode)
        return bit_fail(BIT_EDATA, "'%s': another file has taken its place since the run was submitted", path);
    if ((uint64_t)st->st_size != then->bytes || mtime_ns(st) != then->mtime_ns)
        return bit_fail(BIT_EDATA, "'%s': written to since the run was submitted", path);
    return 0;
}
