/* A launcher's log about the rank that ended first. A finding has a rank, a signal or an exit code. */
#include "daemon/launch/launcher_log.h"
#include "proto/limits.h"
#include "tests/fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct bit_launcher_log first = {0};
    struct fuzz_file file;

    fuzz_file_open(&file, data, bytes);
    if (bit_launcher_log_read(file.path, &first)) {
        FUZZ_CHECK(first.has_rank || first.signal != 0 || first.has_code);
        FUZZ_CHECK(first.signal >= 0);
    }
    fuzz_file_close(&file);
    return 0;
}
