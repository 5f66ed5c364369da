#include "daemon/client/query/run_filter.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/client/query/status.h"
#include "daemon/run/changes.h"
#include "daemon/store/runs/runner.h"
#include "proto/err.h"
#include "proto/spec/spec.h"
#include "proto/text/nearest.h"
#include "proto/wire/msg.h"

/* The VALUE of a condition KEY=VALUE if KEY is `key`, else NULL. */
static const char *value_of(const char *where, const char *key)
{
    const size_t bytes = strlen(key);

    return strncmp(where, key, bytes) == 0 && where[bytes] == '=' ? where + bytes + 1 : NULL;
}

static Bit__RunState find_state(const char *name)
{
    for (int s = BIT__RUN_STATE__QUEUED; s <= BIT__RUN_STATE__FAILED; s++)
        if (strcasecmp(bit_run_state_name((Bit__RunState)s), name) == 0)
            return (Bit__RunState)s;
    return 0;
}

static int no_state(const char *name)
{
    struct bit_nearest near;

    bit_nearest_init(&near, name, strlen(name));
    for (int s = BIT__RUN_STATE__QUEUED; s <= BIT__RUN_STATE__FAILED; s++)
        bit_nearest_offer(&near, bit_run_state_name((Bit__RunState)s));
    const char *meant = bit_nearest_name(&near);
    return bit_fail(BIT_EUSAGE, "'%.40s' is no state of a run%s%s%s", name, meant ? "; did you mean " : "",
                    meant ? meant : "", meant ? "?" : "");
}

/* A key without a dot, near to one of those that are not fields. */
static int check_key(const char *where)
{
    static const char *const keys[] = {"state", "tag", "name", "sweep", NULL};
    char key[BIT_NEAREST_WORD_MAX + 1], hint[BIT_NEAREST_HINT];
    const size_t bytes = strcspn(where, "=");

    if (bytes >= sizeof key || memchr(where, '.', bytes) != NULL)
        return 0;
    memcpy(key, where, bytes);
    key[bytes] = '\0';
    if (protobuf_c_message_descriptor_get_field_by_name(&bit__run_spec__descriptor, key) != NULL ||
        *bit_nearest_hint(key, keys, hint) == '\0')
        return 0;
    return bit_fail(BIT_EUSAGE, "'%.80s': there is no condition '%s'%s", where, key, hint);
}

static int check_field(const char *where)
{
    Bit__RunSpec spec = BIT__RUN_SPEC__INIT, *copy = bit_msg_clone(&spec);
    struct bit_problems *problems = calloc(1, sizeof *problems);
    int err = copy == NULL || problems == NULL ? bit_fail(-ENOMEM, "a condition") : bit_spec_set(copy, where, problems);

    if (err == BIT_ESPEC)
        err = bit_fail(BIT_EUSAGE, "'%.80s': %s%s%s; or state, tag, name or sweep", where, problems->item[0].field,
                       problems->item[0].field[0] ? ": " : "", problems->item[0].text);
    bit_msg_free(copy);
    free(problems);
    return err;
}

static int check(const char *where)
{
    const char *state = value_of(where, "state");

    if (strchr(where, '=') == NULL || strstr(where, "+=") != NULL)
        return bit_fail(BIT_EUSAGE, "'%.80s': a condition is KEY=VALUE", where);
    if (state != NULL)
        return find_state(state) != 0 ? 0 : no_state(state);
    bool of_run = value_of(where, "tag") != NULL || value_of(where, "name") != NULL || value_of(where, "sweep") != NULL;
    int err = of_run ? 0 : check_key(where);
    return of_run || err < 0 ? err : check_field(where);
}

int bit_run_filter_check(const Bit__ListRequest *m)
{
    int err = 0;

    for (size_t i = 0; i < m->n_where && err == 0; i++)
        err = check(m->where[i]);
    return err;
}

/* A condition on a field holds if setting the field to that value changes nothing. So enumerations, lists and numbers
 * compare by value, not by spelling. */
static bool field_is(const struct bit_run *run, const char *where)
{
    Bit__RunSpec *is = bit_changes_effective(run->spec, &run->plan), *would_be = is ? bit_msg_clone(is) : NULL;
    struct bit_problems *problems = calloc(1, sizeof *problems);
    bool same = would_be != NULL && problems != NULL && bit_spec_set(would_be, where, problems) == 0 &&
                bit_msg_is_same(&is->base, &would_be->base);

    free(problems);
    bit_msg_free(would_be);
    bit_msg_free(is);
    return same;
}

static bool holds(const char *where, const struct bit_runner *r)
{
    const char *state = value_of(where, "state"), *tag = value_of(where, "tag"), *name = value_of(where, "name"),
               *sweep = value_of(where, "sweep");

    if (state != NULL)
        return bit_status_state(r) == find_state(state);
    if (tag != NULL)
        return bit_tags_have(&r->run.tags, tag);
    if (name != NULL)
        return r->run.spec->name != NULL && strcmp(r->run.spec->name, name) == 0;
    if (sweep != NULL)
        return strcmp(r->run.sweep, sweep) == 0;
    return field_is(&r->run, where);
}

bool bit_run_filter_holds(const Bit__ListRequest *m, const struct bit_runner *r)
{
    for (size_t i = 0; i < m->n_where; i++)
        if (!holds(m->where[i], r))
            return false;
    return true;
}

bool bit_run_filter_wants_ended(const Bit__ListRequest *m)
{
    for (size_t i = 0; i < m->n_where; i++) {
        const char *state = value_of(m->where[i], "state");
        const Bit__RunState s = state != NULL ? find_state(state) : 0;
        if (s == BIT__RUN_STATE__COMPLETED || s == BIT__RUN_STATE__CANCELLED || s == BIT__RUN_STATE__FAILED)
            return true;
    }
    return false;
}
