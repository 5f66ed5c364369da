/* A small JSON file in an export. */
#ifndef BIT_CTL_EXPORT_JSON_FILE_H
#define BIT_CTL_EXPORT_JSON_FILE_H

#include <jansson.h>

#include "ctl/export/output.h"

/** Takes ownership of value; NULL gives -ENOMEM, so that the result of json_pack can be passed directly. */
int bit_json_file_write(struct bit_output *output, const char *name, json_t *value);

#endif
