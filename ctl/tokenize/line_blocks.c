#include "ctl/tokenize/line_blocks.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "proto/check.h"
#include "proto/err.h"

#define INPUT_BYTES (128u << 10)

enum packing { PLAIN, GZIP, ZSTD };

struct bit_line_blocks {
    const char *path;
    int fd;
    enum packing packing;
    uint8_t *input; /* INPUT_BYTES of raw file data */
    size_t input_at, input_bytes;
    uint64_t offset; /* file offset after the bytes in input */
    bool at_end;     /* of the file */
    bool in_frame;   /* inside a gzip member or zstd frame */
    z_stream gzip;
    bool gzip_open;
    ZSTD_DStream *zstd;
    uint8_t *carry; /* start of the next block */
    size_t carry_bytes, carry_room;
    uint64_t next_line;
};

/* ---- bytes of the file */

static int refill(struct bit_line_blocks *l)
{
    ssize_t n;

    if (l->input_at < l->input_bytes || l->at_end)
        return 0;
    do {
        n = read(l->fd, l->input, INPUT_BYTES);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return bit_fail(-errno, "'%s': offset %llu", l->path, (unsigned long long)l->offset);
    l->input_at = 0;
    l->input_bytes = (size_t)n;
    l->offset += (uint64_t)n;
    l->at_end = n == 0;
    return 0;
}

uint64_t bit_line_blocks_offset(const struct bit_line_blocks *l)
{
    return l->offset - (l->input_bytes - l->input_at);
}

static int damaged(const struct bit_line_blocks *l, const char *what)
{
    return bit_fail(BIT_ECORRUPT, "'%s': offset %llu: %s", l->path, (unsigned long long)bit_line_blocks_offset(l),
                    what);
}

static int open_packing(struct bit_line_blocks *l)
{
    static const uint8_t gzip[] = {0x1f, 0x8b}, zstd[] = {0x28, 0xb5, 0x2f, 0xfd}, skippable[] = {0x2a, 0x4d, 0x18};
    int err = refill(l);

    if (err < 0)
        return err;
    if (l->input_bytes >= sizeof gzip && memcmp(l->input, gzip, sizeof gzip) == 0) {
        l->packing = GZIP;
        if (inflateInit2(&l->gzip, 15 + 16) != Z_OK) /* 16: expect gzip's header and checksum */
            return bit_fail(-ENOMEM, "'%s': gzip", l->path);
        l->gzip_open = true;
    } else if (l->input_bytes >= sizeof zstd &&
               (memcmp(l->input, zstd, sizeof zstd) == 0 || memcmp(l->input + 1, skippable, sizeof skippable) == 0)) {
        l->packing = ZSTD;
        l->zstd = ZSTD_createDStream();
        if (l->zstd == NULL)
            return bit_fail(-ENOMEM, "'%s': zstd", l->path);
    }
    return 0;
}

/* ---- unpacking: each function fills out[0..room) and returns the number of bytes, 0 at the end */

static ssize_t read_plain(struct bit_line_blocks *l, uint8_t *out, size_t room)
{
    size_t n = BIT_MIN(room, l->input_bytes - l->input_at);

    memcpy(out, l->input + l->input_at, n);
    l->input_at += n;
    return (ssize_t)n;
}

/* Between members: zeros may pad the end of the file; anything else must be another member. */
static int begin_member(struct bit_line_blocks *l)
{
    if (l->input[l->input_at] == 0) {
        while (l->input_at < l->input_bytes && l->input[l->input_at] == 0)
            l->input_at++;
        return 0;
    }
    if (inflateReset(&l->gzip) != Z_OK)
        return damaged(l, "gzip state");
    l->in_frame = true;
    return 0;
}

static ssize_t read_gzip(struct bit_line_blocks *l, uint8_t *out, size_t room)
{
    if (!l->in_frame) {
        int err = begin_member(l);
        if (err < 0 || !l->in_frame)
            return err;
    }
    l->gzip.next_in = l->input + l->input_at;
    l->gzip.avail_in = (uInt)(l->input_bytes - l->input_at);
    l->gzip.next_out = out;
    l->gzip.avail_out = (uInt)BIT_MIN(room, 1u << 30);
    int code = inflate(&l->gzip, Z_NO_FLUSH);
    l->input_at = l->input_bytes - l->gzip.avail_in;
    if (code == Z_STREAM_END)
        l->in_frame = false;
    else if (code != Z_OK && code != Z_BUF_ERROR)
        return damaged(l, l->gzip.msg != NULL ? l->gzip.msg : "damaged gzip data");
    return l->gzip.next_out - out;
}

static ssize_t read_zstd(struct bit_line_blocks *l, uint8_t *out, size_t room)
{
    ZSTD_inBuffer in = {l->input, l->input_bytes, l->input_at};
    ZSTD_outBuffer to = {out, room, 0};
    size_t code = ZSTD_decompressStream(l->zstd, &to, &in);

    l->input_at = in.pos;
    if (ZSTD_isError(code)) {
        bool window = ZSTD_getErrorCode(code) == ZSTD_error_frameParameter_windowTooLarge;
        damaged(l, ZSTD_getErrorName(code));
        return window ? BIT_ELIMIT : BIT_ECORRUPT;
    }
    l->in_frame = code != 0;
    return (ssize_t)to.pos;
}

static ssize_t unpack(struct bit_line_blocks *l, uint8_t *out, size_t room)
{
    for (;;) {
        ssize_t n;
        int err = refill(l);
        if (err < 0)
            return err;
        bool empty = l->input_at == l->input_bytes;
        if (empty && l->packing == PLAIN)
            return 0;
        if (empty && !l->in_frame)
            return 0;
        n = l->packing == PLAIN  ? read_plain(l, out, room)
            : l->packing == GZIP ? read_gzip(l, out, room)
                                 : read_zstd(l, out, room);
        if (n != 0)
            return n;
        if (empty && l->in_frame)
            return damaged(l, "the compressed data is cut short");
    }
}

/* ---- lines */

static int reserve(uint8_t **data, size_t *room, size_t need, const char *path)
{
    if (need <= *room)
        return 0;
    size_t more = BIT_MAX(need, *room + *room / 2);
    uint8_t *grown = realloc(*data, more);
    if (grown == NULL)
        return bit_fail(-ENOMEM, "'%s': a line of %zu bytes", path, need);
    *data = grown;
    *room = more;
    return 0;
}

static int keep(struct bit_line_blocks *l, const uint8_t *data, size_t bytes)
{
    int err = reserve(&l->carry, &l->carry_room, bytes, l->path);

    if (err < 0)
        return err;
    if (bytes > 0)
        memcpy(l->carry, data, bytes);
    l->carry_bytes = bytes;
    return 0;
}

/* The block is the start of a line that is too long: keep one byte more than the maximum, drop the rest of the line. */
static int drop_line(struct bit_line_blocks *l, struct bit_line_block *block)
{
    int err = reserve(&block->data, &block->room, (size_t)BIT_LINE_BYTES_MAX + 1 + INPUT_BYTES, l->path);
    ssize_t n;

    if (err < 0)
        return err;
    uint8_t *rest = block->data + BIT_LINE_BYTES_MAX + 1;
    size_t room = block->room - BIT_LINE_BYTES_MAX - 1;
    while ((n = unpack(l, rest, room)) > 0) {
        uint8_t *newline = memchr(rest, '\n', (size_t)n);
        if (newline == NULL)
            continue;
        err = keep(l, newline + 1, (size_t)(rest + n - newline - 1));
        rest[0] = '\n';
        block->bytes = BIT_LINE_BYTES_MAX + 2;
        return err;
    }
    block->bytes = BIT_LINE_BYTES_MAX + 1;
    return n < 0 ? (int)n : 0;
}

static uint64_t count_lines(const struct bit_line_block *block)
{
    const uint8_t *at = block->data, *end = at + block->bytes;
    uint64_t lines = 0;

    while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        lines++;
        at++;
    }
    return lines;
}

/* Read until the block is full and has a newline, or the file ends. Sets *cut to the byte after its last newline. */
static int fill(struct bit_line_blocks *l, struct bit_line_block *block, size_t *cut)
{
    uint8_t *newline = block->bytes > 0 ? memrchr(block->data, '\n', block->bytes) : NULL;
    ssize_t n = 1;

    *cut = newline == NULL ? 0 : (size_t)(newline - block->data) + 1;
    while (block->bytes < BIT_LINE_BLOCK_BYTES || *cut == 0) {
        if (block->bytes > BIT_LINE_BYTES_MAX)
            return 0;
        int err = reserve(&block->data, &block->room, block->bytes + BIT_LINE_BLOCK_BYTES, l->path);
        if (err < 0)
            return err;
        uint8_t *begin = block->data + block->bytes;
        n = unpack(l, begin, block->room - block->bytes);
        if (n <= 0)
            break;
        block->bytes += (size_t)n;
        newline = memrchr(begin, '\n', (size_t)n);
        if (newline != NULL)
            *cut = (size_t)(newline - block->data) + 1;
    }
    if (n == 0)
        *cut = block->bytes;
    return n < 0 ? (int)n : 0;
}

int bit_line_blocks_read(struct bit_line_blocks *l, struct bit_line_block *block)
{
    size_t cut;
    int err = reserve(&block->data, &block->room, BIT_MAX(l->carry_bytes, BIT_LINE_BLOCK_BYTES), l->path);

    if (err < 0)
        return err;
    if (l->carry_bytes > 0)
        memcpy(block->data, l->carry, l->carry_bytes);
    block->bytes = l->carry_bytes;
    l->carry_bytes = 0;
    err = fill(l, block, &cut);
    if (err < 0)
        return err;
    if (cut == 0 && block->bytes > BIT_LINE_BYTES_MAX) {
        err = drop_line(l, block);
    } else {
        err = keep(l, block->data + cut, block->bytes - cut);
        block->bytes = cut;
    }
    if (err < 0)
        return err;
    block->first_line = l->next_line;
    l->next_line += count_lines(block);
    block->end_line = l->next_line + (block->bytes > 0 && block->data[block->bytes - 1] != '\n');
    return block->bytes > 0;
}

int bit_line_blocks_open(const char *path, struct bit_line_blocks **out)
{
    struct bit_line_blocks *l = calloc(1, sizeof *l);
    int err = 0;

    if (l == NULL)
        return bit_fail(-ENOMEM, "'%s'", path);
    l->path = path;
    l->next_line = 1;
    l->fd = open(path, O_RDONLY | O_CLOEXEC);
    l->input = malloc(INPUT_BYTES);
    if (l->fd < 0)
        err = bit_fail(-errno, "'%s'", path);
    else if (l->input == NULL)
        err = bit_fail(-ENOMEM, "'%s'", path);
    else
        err = open_packing(l);
    if (err < 0) {
        bit_line_blocks_close(l);
        return err;
    }
    posix_fadvise(l->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    *out = l;
    return 0;
}

void bit_line_blocks_close(struct bit_line_blocks *l)
{
    if (l == NULL)
        return;
    if (l->fd >= 0)
        close(l->fd);
    if (l->gzip_open)
        inflateEnd(&l->gzip);
    ZSTD_freeDStream(l->zstd);
    free(l->input);
    free(l->carry);
    free(l);
}

void bit_line_block_finish(struct bit_line_block *block)
{
    free(block->data);
    *block = (struct bit_line_block){0};
}
