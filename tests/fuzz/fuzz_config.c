/* bitd.conf. Accepted settings are within their ranges, and are accepted again. */
#include <string.h>

#include "daemon/sys/settings/config.h"
#include "proto/err.h"
#include "tests/fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct bit_config once, again;
    struct fuzz_file file;

    fuzz_file_open(&file, data, bytes);
    bit_config_init(&once);
    again = once;
    int err = bit_config_load(&once, file.path);
    FUZZ_CHECK(err == 0 || err == BIT_EUSAGE);
    if (err == 0) {
        FUZZ_CHECK(once.slots >= 1 && once.lookahead >= 1 && once.lookahead <= 64 && once.grace_ms >= 10);
        FUZZ_CHECK(memchr(once.state, 0, sizeof once.state) != NULL &&
                   memchr(once.group, 0, sizeof once.group) != NULL);
        FUZZ_CHECK(bit_config_load(&again, file.path) == 0 && memcmp(&once, &again, sizeof once) == 0);
    } else {
        FUZZ_CHECK(bit_fail_text()[0] != '\0');
    }
    fuzz_file_close(&file);
    return 0;
}
