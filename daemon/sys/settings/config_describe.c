#include <inttypes.h>
#include <stdio.h>

#include "daemon/sys/settings/config_key.h"
#include "proto/check.h"

static const char *name_of_level(enum bit_log_level level)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};

    for (size_t i = 0; i < BIT_COUNT(names); i++)
        if (bit_log_level_parse(names[i]) == (int)level)
            return names[i];
    return "";
}

static void text_of_default(const struct bit_config_key *key, char *out, size_t room)
{
    struct bit_config c;

    bit_config_init(&c);
    const void *at = (const char *)&c + key->offset;
    if (key->without != NULL)
        snprintf(out, room, "%s", key->without);
    else if (key->kind == BIT_CONFIG_MILLISECONDS)
        snprintf(out, room, "%g", (double)*(const uint64_t *)at / 1000);
    else if (key->kind == BIT_CONFIG_COUNT)
        snprintf(out, room, "%" PRIu32, *(const uint32_t *)at);
    else if (key->kind == BIT_CONFIG_LEVEL)
        snprintf(out, room, "%s", name_of_level(c.log_level));
    else if (key->kind == BIT_CONFIG_YES_OR_NO)
        snprintf(out, room, "%s", *(const bool *)at ? "yes" : "no");
    else
        snprintf(out, room, "%s", key->kind == BIT_CONFIG_LINK ? bit_config_link_kinds[c.link_kind] : (const char *)at);
}

static void text_of_range(const struct bit_config_key *key, char *out, size_t room)
{
    out[0] = '\0';
    if (key->kind == BIT_CONFIG_MILLISECONDS)
        snprintf(out, room, "%g to %g seconds", (double)key->least / 1000, (double)key->most / 1000);
    else if (key->kind == BIT_CONFIG_COUNT)
        snprintf(out, room, "%" PRIu64 " to %" PRIu64, key->least, key->most);
}

bool bit_config_describe(size_t i, struct bit_config_setting *out)
{
    const struct bit_config_key *key = bit_config_key(i);

    if (key == NULL)
        return false;
    *out = (struct bit_config_setting){.name = key->name, .help = key->help, .group = key->group};
    out->is_value = key->without == NULL;
    text_of_default(key, out->fallback, sizeof out->fallback);
    text_of_range(key, out->range, sizeof out->range);
    return true;
}
