/* Unicode normalisation form C. */
#ifndef BIT_CTL_NFC_H
#define BIT_CTL_NFC_H

#include <stddef.h>
#include <stdint.h>

/* Buffers that grow and are reused. A zeroed struct is ready for use. */
struct bit_nfc {
    uint8_t *text; /* the result of bit_nfc */
    size_t text_bytes, text_room;
    struct bit_nfc_char {
        uint32_t c;
        uint8_t ccc;
    } * chars, *sorted;
    size_t chars_room;
};

/**
 * Normalise text (valid UTF-8) to form C by Unicode 9.0. Hugging Face's tokenizers use that version too: their NFC
 * leaves younger characters unchanged. Text that is in form C already, as nearly all is, is recognised in one pass and
 * not copied.
 * Returns 0 if it is; 1 if it may not be, and then nfc->text (borrowed until the next call) is the form C; -ENOMEM.
 * Time is linear for any text. Source: Unicode Standard Annex 15, sections 1.3 and 9 (quick check).
 */
int bit_nfc(struct bit_nfc *nfc, const uint8_t *text, size_t bytes);
void bit_nfc_finish(struct bit_nfc *nfc);

#endif
