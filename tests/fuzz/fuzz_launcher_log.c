/* What a launcher wrote of the rank that ended first. Whatever a job prints, it names a rank that can be, or none. */
#include "daemon/launch/launcher_log.h"
#include "proto/limits.h"
#include "tests/fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct bit_blame blame = {0};
    struct fuzz_file file;

    fuzz_file_open(&file, data, bytes);
    if (bit_blame_read(file.path, &blame)) {
        FUZZ_CHECK(blame.has_rank || blame.signal != 0 || blame.has_code);
        FUZZ_CHECK(blame.signal >= 0);
    }
    fuzz_file_close(&file);
    return 0;
}
