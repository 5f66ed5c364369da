/* A dataset.json's bytes. */
#include <string.h>

#include "proto/data/sidecar.h"
#include "proto/err.h"
#include "tests/fuzz/fuzz.h"

/* The properties that bitd and bitctl rely on. */
static void check_sidecar(const struct bit_sidecar *s)
{
    FUZZ_CHECK(strlen(s->sha256) == 64 && strnlen(s->tokenizer, sizeof s->tokenizer) < sizeof s->tokenizer);
    FUZZ_CHECK(s->vocab >= 1 && s->end_of_text < s->vocab);
    FUZZ_CHECK(s->token_bytes == 4 || (s->token_bytes == 2 && s->vocab <= 1u << 16));
    FUZZ_CHECK(s->tokens <= INT64_MAX && s->documents <= INT64_MAX && s->text_bytes <= INT64_MAX);
    FUZZ_CHECK(bit_sidecar_bytes_per_token(s) >= 0);
    for (size_t i = 0; i < s->file_count; i++) {
        const struct bit_sidecar_file *f = bit_sidecar_find(s, s->file[i].name);
        FUZZ_CHECK(f != NULL && strcmp(f->name, s->file[i].name) == 0);
        FUZZ_CHECK(s->file[i].tokens <= INT64_MAX && s->file[i].documents <= INT64_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct bit_sidecar s = {.vocab = 7};
    int err = bit_sidecar_parse((const char *)data, bytes, "input", &s);

    FUZZ_CHECK(err == 0 || err == BIT_ECORRUPT);
    if (err < 0) {
        FUZZ_CHECK(s.vocab == 7); /* untouched on failure */
        return 0;
    }
    check_sidecar(&s);
    bit_sidecar_finish(&s);
    return 0;
}
