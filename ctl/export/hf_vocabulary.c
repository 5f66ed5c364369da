#include "ctl/export/hf_vocabulary.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/export/export.h"
#include "ctl/export/json_file.h"
#include "ctl/tokenize/tokenizer.h"
#include "proto/err.h"
#include "proto/regular_file.h"

#define PADDING "<|padding|>" /* name in OLMo's tokenizers */

static int64_t find(const struct bit_tokenizer *tokenizer, const char *token)
{
    const uint32_t id = bit_tokenizer_find(tokenizer, token, strlen(token));

    return id == BIT_BPE_NONE ? -1 : id;
}

static int check(const struct bit_export *e, const struct bit_tokenizer *tokenizer, struct bit_hf_vocabulary *out)
{
    const uint32_t rows = e->source.manifest->spec->model->vocab_padded;

    if (tokenizer->bpe.token_count > rows)
        return bit_fail(BIT_EDATA, "tokenizer '%s' has ids to %" PRIu64 ", and the model's embedding %" PRIu32 " rows",
                        e->options->tokenizer, (uint64_t)tokenizer->bpe.token_count - 1, rows);
    out->end_of_text = find(tokenizer, e->options->end_of_text);
    out->padding = find(tokenizer, PADDING);
    if (out->end_of_text < 0)
        return bit_fail(BIT_EDATA, "tokenizer '%s' has no token '%s'; name its end-of-text token with --end-of-text",
                        e->options->tokenizer, e->options->end_of_text);
    return 0;
}

static int write_config(struct bit_export *e, const struct bit_hf_vocabulary *v)
{
    json_t *config = json_pack("{s:s, s:n, s:s, s:b, s:I}", "tokenizer_class", "PreTrainedTokenizerFast", "bos_token",
                               "eos_token", e->options->end_of_text, "clean_up_tokenization_spaces", 0,
                               "model_max_length", (json_int_t)e->source.manifest->spec->model->context);

    if (config != NULL && v->padding >= 0)
        json_object_set_new(config, "pad_token", json_string(PADDING));
    return bit_json_file_write(&e->output, "tokenizer_config.json", config);
}

static int copy_tokenizer(struct bit_export *e)
{
    struct stat st;
    uint8_t *bytes = NULL;
    size_t count = 0;
    int fd = bit_regular_file_open(e->options->tokenizer, true, &st);
    int err = fd < 0 ? fd
                     : bit_regular_file_read(fd, e->options->tokenizer, &st, BIT_TOKENIZER_BYTES_MAX, &bytes, &count);

    if (fd >= 0)
        close(fd);
    if (err >= 0)
        err = bit_output_file(&e->output, "tokenizer.json", bytes, count);
    free(bytes);
    return err;
}

int bit_hf_vocabulary_write(struct bit_export *e, struct bit_hf_vocabulary *out)
{
    struct bit_tokenizer *tokenizer = NULL;
    int err;

    *out = (struct bit_hf_vocabulary){-1, -1};
    if (e->options->tokenizer == NULL)
        return 0;
    err = bit_tokenizer_load(e->options->tokenizer, &tokenizer);
    if (err >= 0)
        err = check(e, tokenizer, out);
    if (err >= 0)
        err = copy_tokenizer(e);
    if (err >= 0)
        err = write_config(e, out);
    bit_tokenizer_destroy(tokenizer);
    return err;
}
