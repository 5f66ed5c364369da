/* The head of a GGUF file, before the data. The first two bytes are the number of bytes after the input in the file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/export/gguf_read.h"
#include "proto/err.h"
#include "tests/fuzz/fuzz.h"

/* The properties that a reader of the data relies on. */
static void check_tensors(const struct bit_gguf *g, uint64_t data_bytes)
{
    uint64_t at = 0;

    for (int i = 0; i < g->tensor_count; i++) {
        const struct bit_gguf_tensor *t = &g->tensors[i];
        FUZZ_CHECK(t->rows > 0 && t->cols > 0 && t->cols % t->layout->block == 0);
        FUZZ_CHECK(t->offset == at && t->offset % BIT_GGUF_ALIGN == 0);
        FUZZ_CHECK(bit_gguf_tensor_bytes(t) <= data_bytes && at <= data_bytes - bit_gguf_tensor_bytes(t));
        FUZZ_CHECK(bit_gguf_find_tensor(g, t->name) == t);
        at += bit_gguf_tensor_bytes(t);
        at = (at + BIT_GGUF_ALIGN - 1) / BIT_GGUF_ALIGN * BIT_GGUF_ALIGN;
    }
}

static void check_pairs(const struct bit_gguf *g, const uint8_t *buf)
{
    for (int i = 0; i < g->pair_count; i++) {
        const struct bit_gguf_pair *p = &g->pairs[i];
        FUZZ_CHECK((const uint8_t *)p->key >= buf && p->value >= (const uint8_t *)p->key + p->key_bytes);
        FUZZ_CHECK(p->value + p->value_bytes <= buf + g->head_bytes);
        FUZZ_CHECK(p->type != BIT_GGUF_VALUE_ARRAY && (p->is_array || p->count == 1));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct bit_gguf g = {0};

    if (bytes < 2)
        return 0;
    const uint64_t more = data[0] | (uint64_t)data[1] << 8;
    const size_t length = bytes - 2;
    uint8_t *buf = malloc(length + 1);
    FUZZ_CHECK(buf != NULL);
    memcpy(buf, data + 2, length);
    int err = bit_gguf_parse(buf, length, length + more, &g);
    FUZZ_CHECK(err == 0 || err == BIT_ECORRUPT || err == BIT_ELIMIT || (err == -EAGAIN && more > 0));
    if (err == 0) {
        FUZZ_CHECK(g.head_bytes <= length && g.head_bytes % BIT_GGUF_ALIGN == 0);
        check_pairs(&g, buf);
        check_tensors(&g, length + more - g.head_bytes);
    }
    bit_gguf_finish(&g);
    free(buf);
    return 0;
}
