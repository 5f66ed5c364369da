#include "daemon/run/after.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

int bit_after_set(struct bit_after *a, char *const *item, size_t count)
{
    bit_after_finish(a);
    a->item = count > 0 ? calloc(count, sizeof *a->item) : NULL;
    if (count > 0 && a->item == NULL)
        return bit_fail(-ENOMEM, "%zu runs to wait for", count);
    for (; a->count < count; a->count++) {
        a->item[a->count] = strdup(item[a->count]);
        if (a->item[a->count] == NULL)
            return bit_fail(-ENOMEM, "a run to wait for");
    }
    return 0;
}

void bit_after_finish(struct bit_after *a)
{
    for (size_t i = 0; i < a->count; i++)
        free(a->item[i]);
    free(a->item);
    *a = (struct bit_after){0};
}

const char *bit_after_which(const char *item, bool *completes)
{
    const size_t bytes = strlen(BIT_AFTER_OK);

    *completes = strncmp(item, BIT_AFTER_OK, bytes) == 0;
    return *completes ? item + bytes : item;
}
