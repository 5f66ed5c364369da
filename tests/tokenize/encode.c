/* encode TOKENIZER.json: reads texts from stdin, each after its length in a little-endian u32, and prints their ids as
 * u32, after their count; `decode` as a second word does the reverse. For comparison with other tokenizers. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/tokenize/tokenizer.h"
#include "proto/err.h"

/* Reads a length and so many items of `size` bytes. Returns 1, 0 at the end of the input, or < 0. */
static int read_item(void **data, uint32_t *count, size_t size)
{
    if (fread(count, sizeof *count, 1, stdin) != 1)
        return 0;
    free(*data);
    *data = malloc((size_t)*count * size + 1);
    if (*data == NULL)
        return bit_fail(-ENOMEM, "%u items", *count);
    return fread(*data, size, *count, stdin) == *count ? 1 : bit_fail(-EIO, "the input ends inside an item");
}

static void write_item(const void *data, size_t count, size_t size)
{
    uint32_t n = (uint32_t)count;

    fwrite(&n, sizeof n, 1, stdout);
    if (count > 0) /* data may be NULL for an empty item */
        fwrite(data, size, count, stdout);
}

static int encode_all(const struct bit_tokenizer *tokenizer)
{
    struct bit_encoder *encoder = NULL;
    struct bit_ids ids = {0};
    void *text = NULL;
    uint32_t bytes;
    int err = bit_encoder_create(tokenizer, &encoder);

    while (err >= 0 && (err = read_item(&text, &bytes, 1)) > 0) {
        ids.count = 0;
        err = bit_encoder_encode(encoder, text, bytes, &ids);
        if (err == 0)
            write_item(ids.id, ids.count, sizeof *ids.id);
    }
    bit_encoder_destroy(encoder);
    bit_ids_finish(&ids);
    free(text);
    return err;
}

static int decode_all(const struct bit_tokenizer *tokenizer)
{
    void *ids = NULL;
    uint32_t count;
    int err;

    while ((err = read_item(&ids, &count, sizeof(uint32_t))) > 0) {
        char *text;
        size_t bytes;
        err = bit_tokenizer_decode(tokenizer, ids, count, &text, &bytes);
        if (err < 0)
            break;
        write_item(text, bytes, 1);
        free(text);
    }
    free(ids);
    return err;
}

int main(int argc, char **argv)
{
    struct bit_tokenizer *tokenizer;
    int err;

    if (argc < 2)
        return BIT_EXIT_USAGE;
    err = bit_tokenizer_load(argv[1], &tokenizer);
    if (err == 0) {
        err = argc > 2 && strcmp(argv[2], "decode") == 0 ? decode_all(tokenizer) : encode_all(tokenizer);
        bit_tokenizer_destroy(tokenizer);
    }
    if (err < 0)
        fprintf(stderr, "%s\n", bit_fail_text());
    return err < 0 ? BIT_EXIT_FAILURE : BIT_EXIT_OK;
}
