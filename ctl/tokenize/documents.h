/* Reads one line of a Dolma file: a JSON object, of which only "text" and "id" are used. */
#ifndef BIT_CTL_DOCUMENTS_H
#define BIT_CTL_DOCUMENTS_H

#include <stddef.h>
#include <stdint.h>

#define BIT_DOCUMENT_DEPTH_MAX 512 /* nesting depth of objects and arrays */

/* Why a line is not a document. */
enum bit_document_fault {
    BIT_DOCUMENT_GOOD,
    BIT_DOCUMENT_BLANK, /* an empty line; not an error */
    BIT_DOCUMENT_JSON,  /* not JSON, or not an object */
    BIT_DOCUMENT_TEXT,  /* no "text", or "text" is not a string */
    BIT_DOCUMENT_UTF8,  /* not UTF-8 */
    BIT_DOCUMENT_LONG,  /* longer than BIT_LINE_BYTES_MAX */
    BIT_DOCUMENT_FAULTS,
};
/** "broken JSON", "no text", "invalid UTF-8", "line too long". */
const char *bit_document_fault_text(enum bit_document_fault fault);
/** The same for programs: "broken_json", "no_text", "invalid_utf8", "line_too_long". */
const char *bit_document_fault_name(enum bit_document_fault fault);

struct bit_document {
    const uint8_t *text,
        *id; /* UTF-8, not NUL-terminated; id_bytes is 0 if "id" is absent or neither string nor number */
    size_t text_bytes, id_bytes;
};

/* Memory for unescaped strings, one per thread. A zeroed struct is ready for use. */
struct bit_document_scratch {
    uint8_t *text, *id;
    size_t text_room, id_room;
};
void bit_document_scratch_finish(struct bit_document_scratch *scratch);

/**
 * Read one line (with or without its newline). Strict JSON (RFC 8259), no lone surrogates; if a key occurs twice, the
 * last one counts. The document borrows from line and scratch. *at is the offset in the line where a fault was found.
 * Returns an enum bit_document_fault, or -ENOMEM.
 */
int bit_document_parse(const uint8_t *line, size_t bytes, struct bit_document_scratch *scratch,
                       struct bit_document *out, size_t *at);

/** Strip white space from both ends of text, as Python's str.strip() does: \s, and U+001C to U+001F. */
void bit_document_strip(struct bit_document *document);

#endif
