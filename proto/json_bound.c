#include "proto/json_bound.h"

#include <errno.h>
#include <stdbool.h>

#include "proto/check.h"
#include "proto/err.h"

/* Only counts brackets, commas and colons; the parser checks that they are where they should be. */
static int bound(const char *text, size_t bytes, const char *what, int depth_most, size_t tokens_most)
{
    int depth = 0, deepest = 0;
    size_t tokens = 0;
    bool in_string = false;

    for (size_t i = 0; i < bytes; i++) {
        char c = text[i];
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        if (in_string)
            continue;
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        deepest = BIT_MAX(deepest, depth);
        tokens += c == '{' || c == '[' || c == ',' || c == ':';
    }
    if (deepest > depth_most)
        return bit_fail(BIT_ELIMIT, "%s: nested %d deep, %d at most", what, deepest, depth_most);
    if (tokens > tokens_most)
        return bit_fail(BIT_ELIMIT, "%s: more than %zu brackets, commas and colons", what, tokens_most);
    return 0;
}

int bit_json_bound_parse(const char *text, size_t bytes, const char *what, int depth, size_t tokens, int at,
                         json_t **out)
{
    json_error_t why;
    int err = bound(text, bytes, what, depth, tokens);

    if (err < 0)
        return err;
    errno = 0;
    json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &why);
    /* jansson reports a failed allocation as a wrong token; the file is not damaged then. */
    if (root == NULL && errno == ENOMEM)
        return bit_fail(-ENOMEM, "%s of %zu bytes", what, bytes);
    if (root == NULL)
        return bit_fail(BIT_ECORRUPT, "%s at byte %d: %s", what, at + why.position, why.text);
    if (!json_is_object(root)) {
        json_decref(root);
        return bit_fail(BIT_ECORRUPT, "%s is no JSON object", what);
    }
    *out = root;
    return 0;
}
