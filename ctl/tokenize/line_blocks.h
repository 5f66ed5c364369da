/* Reads the lines of a file (plain, gzip or zstd) in blocks of whole lines, which threads can share. */
#ifndef BIT_CTL_LINE_BLOCKS_H
#define BIT_CTL_LINE_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#define BIT_LINE_BYTES_MAX   (128u << 20) /* of one line; a longer one is cut to one byte more than this */
#define BIT_LINE_BLOCK_BYTES (256u << 10) /* of a block, about; more if it is a single line */

struct bit_line_block {
    uint8_t *data; /* lines, each with its newline, except for the last line of a file that lacks one */
    size_t bytes, room;
    uint64_t first_line, end_line; /* counted from 1 in the file; end_line is one after the last */
};
void bit_line_block_finish(struct bit_line_block *block);

struct bit_line_blocks;

/**
 * Open a file. gzip (any number of members) and zstd (any number of frames) are recognised by the first bytes. `path`
 * is borrowed until close. -errno; -ENOMEM.
 */
int bit_line_blocks_open(const char *path, struct bit_line_blocks **out);
/**
 * Fill block with the next whole lines, reusing its memory. Returns 1, or 0 at the end of the file.
 * Errors      BIT_ECORRUPT naming file and offset of compressed data that is damaged or cut short; BIT_ELIMIT for a
 *             zstd window above 128 MiB; -errno
 */
int bit_line_blocks_read(struct bit_line_blocks *lines, struct bit_line_block *block);
/** Bytes of the file consumed so far. */
uint64_t bit_line_blocks_offset(const struct bit_line_blocks *lines);
void bit_line_blocks_close(struct bit_line_blocks *lines);

#endif
