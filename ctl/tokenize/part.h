/* Writes one token file and its index of documents, as NAME.partial and renamed when complete. */
#ifndef BIT_CTL_PART_H
#define BIT_CTL_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BIT_PART_NAME_MAX 64

struct bit_part_row {
    const uint8_t *id;
    size_t id_bytes;
    const char *source;
    uint64_t line;
};

struct bit_part;

/** "part-0-00007.npy" for 7 and "npy". */
void bit_part_name(char out[BIT_PART_NAME_MAX], size_t number, const char *end);

/**
 * Allocate memory for writing the parts of a folder, one after another. The folder's descriptor and its name in error
 * messages are borrowed. -ENOMEM.
 */
int bit_part_create(int folder, const char *folder_name, unsigned token_bytes, struct bit_part **out);
/** Begin part `number`. -errno naming the file; -ENOMEM. */
int bit_part_begin(struct bit_part *p, size_t number);
/** Whether a part was begun and not ended. */
bool bit_part_is_open(const struct bit_part *p);
/** Append a document: count ids, little-endian. -errno naming the file. */
int bit_part_add(struct bit_part *p, const uint8_t *tokens, size_t count, const struct bit_part_row *row);
/** Of the current part. */
uint64_t bit_part_tokens(const struct bit_part *p);
uint64_t bit_part_documents(const struct bit_part *p);
/** Sync both files, rename them, and sync the folder. *crc is the CRC-32C of the token file. -errno. */
int bit_part_end(struct bit_part *p, uint32_t *crc);
/** Closes a current part; its .partial files stay. NULL is fine. */
void bit_part_destroy(struct bit_part *p);

#endif
