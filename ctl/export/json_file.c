#include "ctl/export/json_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

int bit_json_file_write(struct bit_output *output, const char *name, json_t *value)
{
    char *text = value == NULL ? NULL : json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    int err = text == NULL ? bit_fail(-ENOMEM, "'%s'", name) : 0;

    if (err >= 0) {
        const size_t bytes = strlen(text);
        text[bytes] = '\n'; /* replaces the NUL */
        err = bit_output_file(output, name, text, bytes + 1);
    }
    free(text);
    json_decref(value);
    return err;
}
