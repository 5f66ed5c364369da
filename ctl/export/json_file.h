/* A small file of JSON in an export. */
#ifndef BIT_CTL_EXPORT_JSON_FILE_H
#define BIT_CTL_EXPORT_JSON_FILE_H

#include <jansson.h>

#include "ctl/export/output.h"

/** Takes ownership of value; NULL is -ENOMEM, so that a pack's result can be passed on. */
int bit_json_file_write(struct bit_output *output, const char *name, json_t *value);

#endif
