/* A token file: the first byte determines the context and the width of ids, the second the vocabulary; the rest is the
 * file. Every id that is read is below the vocabulary, and an error names the file. */
#include <stdlib.h>
#include <string.h>

#include "proto/data/shards.h"
#include "proto/data/token_file.h"
#include "proto/err.h"
#include "tests/fuzz/file.h"

static void read_all(struct bit_shards *shards, const struct bit_shards_shape *shape)
{
    void *tokens = malloc((size_t)shape->context * shape->token_bytes);

    FUZZ_CHECK(tokens != NULL);
    for (uint64_t i = 0; i < bit_shards_instances(shards); i++) {
        int err = bit_shards_read(shards, i, tokens);
        FUZZ_CHECK(err == 0 || err == BIT_EDATA);
        for (uint32_t t = 0; t < shape->context && err == 0; t++)
            FUZZ_CHECK(bit_token_id(tokens, t, shape->token_bytes) < shape->vocab);
    }
    free(tokens);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct bit_shards *shards = NULL;
    struct fuzz_file file;

    if (bytes < 2)
        return 0;
    const struct bit_shards_shape shape = {
        .context = 2 + data[0] % 64, .vocab = 2 + 257 * data[1], .token_bytes = data[0] < 128 ? 2 : 4};
    fuzz_file_open(&file, data + 2, bytes - 2);
    char *path = file.path;
    int err = bit_shards_create(&path, 1, &shape, &shards);
    FUZZ_CHECK(err == 0 || err == BIT_EDATA || err == BIT_ECORRUPT);
    if (err == 0)
        read_all(shards, &shape);
    else
        FUZZ_CHECK(strstr(bit_fail_text(), file.path) != NULL);
    bit_shards_destroy(shards);
    fuzz_file_close(&file);
    return 0;
}
