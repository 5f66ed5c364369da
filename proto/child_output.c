#include "proto/child_output.h"

#include <inttypes.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"

bool bit_child_output_ok(const struct bit_child_output *r)
{
    return r->spawn_err == 0 && !r->late && r->signal == 0 && r->status == 0;
}

void bit_child_output_explain(const struct bit_child_output *r, const char *name, char *text, size_t room)
{
    int bytes = (int)BIT_MIN(r->err_bytes, room);

    while (bytes > 0 && (r->err[bytes - 1] == '\n' || r->err[bytes - 1] == '\0'))
        bytes--;
    if (r->spawn_err < 0)
        bit_format(text, room, "%s: %s", name, bit_strerror(r->spawn_err));
    else if (r->late)
        bit_format(text, room, "%s took too long", name);
    else if (r->signal != 0)
        bit_format(text, room, "%s was ended by signal %d", name, r->signal);
    else if (bytes > 0)
        bit_format(text, room, "%.*s", bytes, (const char *)r->err);
    else
        bit_format(text, room, "%s ended with %" PRId64 " and printed nothing", name, r->status);
}
