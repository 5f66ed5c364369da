#include "daemon/client/sweep/sweep_names.h"

#include <string.h>

#include "daemon/client/connection/client.h"
#include "daemon/store/sweeps/sweeps.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/limits.h"

int bit_sweep_names_check_new(const char *name)
{
    if (name[0] == '\0' || strlen(name) > BIT_NAME_MAX)
        return bit_fail(BIT_EUSAGE, "the name of a sweep has 1 to %d bytes", BIT_NAME_MAX);
    if (name[0] == '@' || (name[0] == 's' && name[1] != '\0' && strspn(name + 1, "0123456789") == strlen(name + 1)))
        return bit_fail(BIT_EUSAGE, "'%s' is the id of a sweep: give it another name", name);
    return 0;
}

static int find_named(const struct bit_client *c, const char *which, bool change, struct bit_sweep **out)
{
    const struct bit_sweeps *sweeps = c->all->sweeps;
    struct bit_sweep *own = NULL, *other = NULL;
    size_t own_count = 0, other_count = 0;

    for (size_t i = 0; i < sweeps->count; i++) {
        struct bit_sweep *s = sweeps->sweep[i];
        if (strcmp(s->plan->name, which) != 0)
            continue;
        const bool is_own = s->plan->uid == c->peer.uid;
        *(is_own ? &own : &other) = s;
        *(is_own ? &own_count : &other_count) += 1;
    }
    const size_t count = own != NULL ? own_count : other_count;
    *out = own != NULL ? own : other;
    if (count == 0)
        return bit_fail(BIT_ENORUN, "there is no sweep '%.*s'", bit_format_fit(which, BIT_NAME_MAX), which);
    if (count > 1 && change)
        return bit_fail(BIT_EUSAGE, "'%s' is the name of %zu sweeps; give the id of one: the newest is %s", which,
                        count, (*out)->id);
    return 0;
}

/* As for a run, only its submitter and administrators may change it. */
static int check_user(const struct bit_client *c, const struct bit_sweep *s)
{
    if (c->peer.admin || c->peer.uid == s->plan->uid)
        return 0;
    return bit_fail(BIT_EAUTH, "uid %u may not change %s: it is uid %u's", c->peer.uid, s->id, s->plan->uid);
}

struct bit_sweep *bit_sweep_names_asked(struct bit_client *c, const char *which, bool change)
{
    struct bit_sweep *s = bit_sweeps_find(c->all->sweeps, which);
    int err = s == NULL ? find_named(c, which, change, &s) : 0;

    if (err == 0 && change)
        err = check_user(c, s);
    if (err < 0)
        bit_client_refuse(c, err, "%s", bit_fail_text());
    return err < 0 ? NULL : s;
}
