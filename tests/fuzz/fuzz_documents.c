/* A line of a Dolma file, compared with jansson: both accept the same lines, with the exceptions below, and read the
 * same text. */
#include <jansson.h>
#include <string.h>

#include "ctl/tokenize/documents.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct bit_document_scratch scratch = {0};
    struct bit_document d;
    json_error_t error = {.text = ""};
    size_t at;
    int fault = bit_document_parse(data, bytes, &scratch, &d, &at);
    json_t *root = json_loadb((const char *)data, bytes, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    const json_t *text = json_object_get(root, "text");

    FUZZ_CHECK(at <= bytes);
    /* jansson refuses numbers above a double's range and escaped NULs in keys, and allows deeper nesting. */
    if (root != NULL && fault == BIT_DOCUMENT_GOOD) {
        FUZZ_CHECK(json_is_string(text) && json_string_length(text) == d.text_bytes);
        FUZZ_CHECK(d.text_bytes == 0 || memcmp(json_string_value(text), d.text, d.text_bytes) == 0);
        bit_document_strip(&d);
    } else if (root != NULL) {
        FUZZ_CHECK(!json_is_string(text) || fault == BIT_DOCUMENT_JSON);
    } else {
        FUZZ_CHECK(fault != BIT_DOCUMENT_GOOD || strstr(error.text, "overflow") || strstr(error.text, "NUL") ||
                   strstr(error.text, "\\u0000"));
    }
    json_decref(root);
    bit_document_scratch_finish(&scratch);
    return 0;
}
