/*
 * Split patterns and their translation. Input: a pattern, a line break, a text, which ends before bytes that are not
 * UTF-8. An accepted pattern finds matches in order, inside the text, and terminates.
 */
#include <string.h>

#include "ctl/tokenize/regex.h"
#include "ctl/tokenize/unicode.h"
#include "proto/err.h"
#include "tests/fuzz/fuzz.h"

#define PATTERN_MAX 200 /* longer ones are only slower */
#define TEXT_MAX    60

static void search_all(const struct bit_regex *regex, const uint8_t *text, size_t bytes)
{
    struct bit_regex_search search = {0};
    size_t begin, end, last = 0, count = 0;
    int found;

    FUZZ_CHECK(bit_regex_begin(&search, regex, text, bytes) == 0);
    FUZZ_CHECK(search.count <= bytes);
    while ((found = bit_regex_next(&search, &begin, &end)) > 0) {
        FUZZ_CHECK(begin >= last && begin <= end && end <= search.count);
        FUZZ_CHECK(++count <= 2 * search.count + 1);
        last = end;
    }
    FUZZ_CHECK(found == 0 || found == BIT_EDATA);
    bit_regex_search_finish(&search);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = size == 0 ? NULL : memchr(data, '\n', size);
    size_t bytes = line == NULL ? size : (size_t)(line - data);
    struct bit_regex *regex = NULL;

    if (bytes > PATTERN_MAX)
        return 0;
    int err = bit_regex_create((const char *)data, bytes, false, &regex);
    FUZZ_CHECK(err == 0 || err == BIT_EDATA);
    FUZZ_CHECK((err == 0) == (regex != NULL));
    if (err == 0 && line != NULL) {
        size_t left = size - bytes - 1;
        size_t text = bit_unicode_valid(line + 1, left < TEXT_MAX ? left : TEXT_MAX);
        search_all(regex, line + 1, text);
    }
    bit_regex_destroy(regex);
    return 0;
}
