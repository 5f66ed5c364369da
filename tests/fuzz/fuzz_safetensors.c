/* The JSON of a safetensors header. The first two bytes are the number of data bytes after it in the file. */
#include <stdlib.h>
#include <string.h>

#include "proto/ckpt/safetensors.h"
#include "proto/err.h"
#include "tests/fuzz/fuzz.h"

/* The properties that a reader relies on when it maps the data. */
static void check_cover(const struct bit_safetensors *s, uint64_t data_bytes)
{
    uint64_t at = 0;

    for (size_t i = 0; i < s->count; i++) {
        const struct bit_safetensors_entry *e = &s->entries[i];
        uint64_t elements = 1;
        for (int d = 0; d < e->dims; d++)
            elements *= (uint64_t)e->shape[d];
        FUZZ_CHECK(e->dims >= 0 && e->dims <= BIT_SAFETENSORS_DIMS_MAX);
        FUZZ_CHECK(e->begin == at && e->end >= e->begin && e->end <= data_bytes);
        FUZZ_CHECK(elements == 0 ? e->end == at : (e->end - at) % elements == 0 && (e->end - at) / elements <= 8);
        FUZZ_CHECK(bit_safetensors_find(s, e->name) == e);
        at = e->end;
    }
    FUZZ_CHECK(at == data_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct bit_safetensors s = {0};

    if (bytes < 2)
        return 0;
    const uint64_t data_bytes = data[0] | (uint64_t)data[1] << 8;
    const size_t length = bytes - 2;
    uint8_t *buf = malloc(8 + length);
    FUZZ_CHECK(buf != NULL);
    for (int i = 0; i < 8; i++)
        buf[i] = (uint8_t)((uint64_t)length >> 8 * i);
    memcpy(buf + 8, data + 2, length);
    int err = bit_safetensors_parse(buf, 8 + length, 8 + length + data_bytes, &s);
    FUZZ_CHECK(err == 0 || err == BIT_ECORRUPT || err == BIT_ELIMIT);
    if (err == 0) {
        FUZZ_CHECK(s.data_offset == 8 + length);
        check_cover(&s, data_bytes);
    }
    bit_safetensors_finish(&s);
    /* and with the first eight bytes of the input as the length */
    if (bit_safetensors_parse(data, bytes, bytes, &s) == 0)
        bit_safetensors_finish(&s);
    free(buf);
    return 0;
}
