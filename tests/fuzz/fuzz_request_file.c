/* A request file's bytes: as they are, and with corrected checksums, so that the checks after them are reached. */
#include <stdlib.h>
#include <string.h>

#include "proto/crc32c.h"
#include "proto/data/request_cut.h"
#include "proto/data/request_file.h"
#include "proto/data/token_file.h"
#include "proto/err.h"
#include "tests/fuzz/fuzz.h"

static void check_items(const struct bit_request_file *f)
{
    uint32_t most = 0;

    for (uint32_t i = 0; i < f->item_count; i++) {
        const struct bit_request_item *item = &f->item[i];
        struct bit_request_cut cut;
        FUZZ_CHECK(item->context_at + item->context_tokens <= f->id_count);
        FUZZ_CHECK(item->continuation_at + item->continuation_tokens <= f->id_count);
        FUZZ_CHECK(item->document < f->document_count && item->choice < f->document[item->document].choices);
        FUZZ_CHECK(bit_request_cut(f, i, item->continuation_tokens, &cut) == 0 && cut.context_tokens == 1);
        FUZZ_CHECK(bit_request_cut(f, i, UINT32_MAX, &cut) == 0 && cut.context_from == 0);
        most = cut.query_tokens > most ? cut.query_tokens : most;
    }
    struct bit_request_extent e;
    FUZZ_CHECK(bit_request_extent(f, "input", BIT_REQUEST_IDS_MAX, &e) == 0 && e.longest == most && e.cut == 0);
}

/* The properties that bitd relies on when it sends requests; and encoding gives the same bytes. */
static void check_file(const struct bit_request_file *f, const uint8_t *data, size_t bytes)
{
    uint8_t *again;
    size_t count;

    FUZZ_CHECK(bit_task_name_valid(f->task) && strlen(f->sha256) == 64);
    for (uint64_t i = 0; i < f->id_count; i++)
        FUZZ_CHECK(bit_token_id(f->ids, i, f->token_bytes) < f->vocab);
    for (uint32_t d = 0; d < f->document_count; d++)
        FUZZ_CHECK(f->document[d].label < f->document[d].choices);
    check_items(f);
    FUZZ_CHECK(bit_request_file_encode(f, &again, &count) == 0);
    FUZZ_CHECK(count == bytes && memcmp(again, data, bytes) == 0);
    free(again);
}

static void parse(const uint8_t *data, size_t bytes)
{
    struct bit_request_file f = {.vocab = 7};
    int err = bit_request_file_parse(data, bytes, "input", &f);

    FUZZ_CHECK(err == 0 || err == BIT_ECORRUPT || err == BIT_EDATA || err == BIT_EVERSION || err == BIT_ELIMIT);
    FUZZ_CHECK(err == 0 || (f.vocab == 7 && strstr(bit_fail_text(), "input") != NULL));
    if (err == 0) {
        check_file(&f, data, bytes);
        bit_request_file_finish(&f);
    }
}

static void put32(uint8_t *at, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t get32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void seal(uint8_t *b, size_t bytes)
{
    uint64_t tables = 512 + UINT64_C(16) * get32(b + 24) + UINT64_C(20) * get32(b + 28);

    if (tables <= bytes) {
        put32(b + 496, bit_crc32c(0, b + 512, tables - 512));
        put32(b + 500, bit_crc32c(0, b + tables, bytes - tables));
    }
    put32(b + 508, bit_crc32c(0, b, 508));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    parse(data, bytes);
    if (bytes < BIT_REQUEST_HEADER_BYTES)
        return 0;
    uint8_t *sealed = malloc(bytes);
    FUZZ_CHECK(sealed != NULL);
    memcpy(sealed, data, bytes);
    seal(sealed, bytes);
    parse(sealed, bytes);
    free(sealed);
    return 0;
}
