/* Suggestions for unknown field names. */
#include <stdio.h>
#include <string.h>

#include "proto/check.h"
#include "proto/text/nearest.h"
#include "proto/text/text.h"

/* "schedule.steps", depth first. False if no message below desc has a field of that name. */
static bool find_elsewhere(const ProtobufCMessageDescriptor *desc, const char *name, size_t len, int depth, char *path,
                           size_t size)
{
    for (unsigned i = 0; i < desc->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &desc->fields[i];
        if (strlen(field->name) == len && memcmp(field->name, name, len) == 0) {
            snprintf(path, size, "%s", field->name);
            return true;
        }
        size_t used = strlen(field->name) + 1;
        if (field->type != PROTOBUF_C_TYPE_MESSAGE || depth == 0 || used >= size)
            continue;
        if (find_elsewhere(field->descriptor, name, len, depth - 1, path + used, size - used)) {
            memcpy(path, field->name, used - 1);
            path[used - 1] = '.';
            return true;
        }
    }
    return false;
}

/* The only field of desc whose name contains `name` as a word: peak_lr for lr. NULL if there is none, or several. */
static const char *find_word(const ProtobufCMessageDescriptor *desc, const char *name, size_t len)
{
    const char *found = NULL;

    for (unsigned i = 0; i < desc->n_fields; i++)
        for (const char *word = desc->fields[i].name; word != NULL; word = strchr(word, '_')) {
            word += *word == '_';
            if (strcspn(word, "_") != len || memcmp(word, name, len) != 0)
                continue;
            if (found != NULL)
                return NULL;
            found = desc->fields[i].name;
        }
    return found;
}

/* The bytes of path before the unknown name, which is its last component or, in a key, one before it. */
static size_t parent_bytes(const char *path, const char *name, size_t len)
{
    for (const char *at = path; *at != '\0'; at += strcspn(at, "."), at += *at == '.')
        if (strcspn(at, ".") == len && memcmp(at, name, len) == 0)
            return at > path ? (size_t)(at - path) - 1 : 0;
    return strcspn(path, "[");
}

void bit_text_unknown_field(const ProtobufCMessageDescriptor *root, const ProtobufCMessageDescriptor *desc,
                            const char *path, const char *name, size_t len, int line, int column,
                            struct bit_problems *problems)
{
    char elsewhere[128], hint[192] = "";
    const size_t parent = parent_bytes(path, name, len);
    struct bit_nearest nearest;

    bit_nearest_init(&nearest, name, len);
    for (unsigned i = 0; i < desc->n_fields; i++)
        bit_nearest_offer(&nearest, desc->fields[i].name);
    const char *best = bit_nearest_name(&nearest), *word = find_word(desc, name, len);
    if (word != NULL)
        snprintf(hint, sizeof hint, "; did you mean %s?", word);
    else if (find_elsewhere(root, name, len, BIT_SPEC_DEPTH_MAX, elsewhere, sizeof elsewhere))
        snprintf(hint, sizeof hint, "; did you mean %s?", elsewhere);
    else if (best != NULL)
        snprintf(hint, sizeof hint, "; did you mean %s?", best);
    else
        snprintf(hint, sizeof hint, "; `bitctl help spec%s%.*s` lists the fields", parent > 0 ? " " : "", (int)parent,
                 path);
    if (parent > 0)
        bit_problems_add(problems, path, line, column, "%.*s has no field '%.*s'%s", (int)parent, path,
                         (int)BIT_MIN(len, 40u), name, hint);
    else
        bit_problems_add(problems, path, line, column, "there is no field '%.*s'%s", (int)BIT_MIN(len, 40u), name,
                         hint);
}
