/* What a text that is no protobuf text format looks like instead. */
#ifndef BIT_PROTO_FOREIGN_FORMAT_H
#define BIT_PROTO_FOREIGN_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

struct bit_foreign_format {
    const char *name; /* JSON, YAML, TOML */
    int line, column; /* where that shows */
};

/** To be asked of a text that does not parse. */
bool bit_foreign_format_find(const char *text, size_t bytes, struct bit_foreign_format *out);

#endif
