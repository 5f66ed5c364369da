#include "daemon/link/payload.h"

#include <stdlib.h>

#include "proto/check.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire/frame.h"

int bit_payload_create(size_t size, struct bit_payload **out)
{
    if (size == 0 || size > BIT_STEP_TOKEN_BYTES_MAX)
        return bit_fail(BIT_ELIMIT, "a payload of %zu bytes", size);
    struct bit_payload *p = calloc(1, sizeof *p);
    if (p == NULL || (p->bytes = malloc(size)) == NULL) {
        free(p);
        return bit_fail(-ENOMEM, "a payload of %zu bytes", size);
    }
    p->size = size;
    *out = p;
    return 0;
}

void bit_payload_destroy(struct bit_payload *p)
{
    if (p == NULL)
        return;
    free(p->headers);
    free(p->bytes);
    free(p);
}

size_t bit_payload_piece_bytes(const struct bit_payload *p, size_t i)
{
    size_t begin = i * BIT_PAYLOAD_CHUNK;

    return BIT_MIN(p->size - begin, (size_t)BIT_PAYLOAD_CHUNK);
}

int bit_payload_seal(struct bit_payload *p, uint64_t epoch)
{
    BIT_ASSERT(p->frame_count == 0);
    size_t count = (p->size + BIT_PAYLOAD_CHUNK - 1) / BIT_PAYLOAD_CHUNK;
    p->headers = malloc(count * BIT_FRAME_HEADER_BYTES);
    if (p->headers == NULL)
        return bit_fail(-ENOMEM, "%zu frame headers", count);
    p->crc = 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *piece = p->bytes + i * BIT_PAYLOAD_CHUNK;
        size_t bytes = bit_payload_piece_bytes(p, i);
        p->crc = bit_crc32c(p->crc, piece, bytes);
        struct bit_frame frame = {
            .type = BIT_FRAME_PAYLOAD, .epoch = epoch, .body = piece, .body_bytes = (uint32_t)bytes};
        bit_frame_encode_header(&frame, p->headers + i * BIT_FRAME_HEADER_BYTES);
    }
    p->frame_count = count;
    return 0;
}
