/* The index of a model's files. */
#include <stdlib.h>
#include <string.h>

#include "proto/ckpt/weight_index.h"
#include "proto/err.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct bit_weight_index index;
    int err = bit_weight_index_parse((const char *)data, bytes, "an.index", &index);

    FUZZ_CHECK(err == 0 || err == BIT_ECORRUPT || err == BIT_ELIMIT);
    if (err < 0)
        return 0;
    FUZZ_CHECK(index.count >= 1 && index.count <= BIT_WEIGHT_FILES_MAX);
    for (size_t i = 0; i < index.count; i++) {
        FUZZ_CHECK(bit_weight_index_check_name("an.index", index.name[i]) == 0);
        FUZZ_CHECK(i == 0 || strcmp(index.name[i - 1], index.name[i]) < 0);
    }
    return 0;
}
