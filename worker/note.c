#include "worker/note.h"

#include <string.h>

#include "proto/err.h"

int bit_note_again(int err, const char *who, const char *text)
{
    const char *tail = bit_strerror(err);
    size_t length = strlen(text), tail_length = strlen(tail) + 2;

    /* bit_fail ends every note with the code's own text: once is enough. */
    if (length > tail_length && strcmp(text + length - tail_length + 2, tail) == 0)
        length -= tail_length;
    return bit_fail(err, "%s%.*s", who, (int)length, text);
}
