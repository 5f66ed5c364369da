/* Recognises JSON, YAML or TOML in a text that is not protobuf text format. */
#ifndef BIT_PROTO_FOREIGN_FORMAT_H
#define BIT_PROTO_FOREIGN_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

struct bit_foreign_format {
    const char *name; /* JSON, YAML, TOML */
    int line, column; /* of the first sign of it */
};

/** For a text that does not parse. Whether it looks like one of these formats; *out is set only then. */
bool bit_foreign_format_find(const char *text, size_t bytes, struct bit_foreign_format *out);

#endif
