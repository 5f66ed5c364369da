#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/sys/settings/allow.h"
#include "daemon/sys/settings/config_key.h"
#include "daemon/sys/settings/metrics_address.h"
#include "proto/check.h"
#include "proto/err.h"

static int set_count(void *field, const struct bit_config_key *key, const char *value)
{
    char *end;

    errno = 0;
    unsigned long long v = strtoull(value, &end, 10);
    if (errno != 0 || !isdigit((unsigned char)value[0]) || *end != '\0' || v < key->least || v > key->most)
        return bit_fail(BIT_EUSAGE, "%s = %s: a number from %" PRIu64 " to %" PRIu64, key->name, value, key->least,
                        key->most);
    *(uint32_t *)field = (uint32_t)v;
    return 0;
}

static int set_milliseconds(void *field, const struct bit_config_key *key, const char *value)
{
    char *end;
    double ms = strtod(value, &end) * 1000;

    if (end == value || *end != '\0' || !(ms >= (double)key->least && ms <= (double)key->most))
        return bit_fail(BIT_EUSAGE, "%s = %s: seconds from %g to %g", key->name, value, (double)key->least / 1000,
                        (double)key->most / 1000);
    *(uint64_t *)field = (uint64_t)ms;
    return 0;
}

static int set_text(char *field, const struct bit_config_key *key, const char *value)
{
    if (strlen(value) >= key->most)
        return bit_fail(BIT_EUSAGE, "%s: longer than %" PRIu64 " bytes", key->name, key->most - 1);
    memcpy(field, value, strlen(value) + 1);
    return 0;
}

/* Parsed here so that an error names file and line; the address is bound when the daemon starts. */
static int set_address(char *field, const struct bit_config_key *key, const char *value)
{
    struct bit_address address;
    int err = value[0] == '\0' ? 0 : bit_address_parse(value, &address);

    if (err < 0)
        return bit_fail_within(err, "%s", key->name);
    return set_text(field, key, value);
}

static int set_metrics(char *field, const struct bit_config_key *key, const char *value)
{
    struct bit_metrics_address address;
    int err = value[0] == '\0' ? 0 : bit_metrics_address_parse(value, &address);

    return err < 0 ? bit_fail_within(err, "%s", key->name) : set_text(field, key, value);
}

static int set_list(char *field, const struct bit_config_key *key, const char *value)
{
    int err = key->kind == BIT_CONFIG_VARIABLES
                  ? bit_allow_check_variables(value)
                  : bit_allow_check_options(key->kind == BIT_CONFIG_SRUN_OPTIONS ? BIT_SLURM_SRUN : BIT_SLURM_SBATCH,
                                            value);

    return err < 0 ? bit_fail_within(err, "%s", key->name) : set_text(field, key, value);
}

/* Whether the program exists is not checked: it is looked up at each call. */
static int set_hook(char *field, const struct bit_config_key *key, const char *value)
{
    if (value[0] != '\0' && value[0] != '/')
        return bit_fail(BIT_EUSAGE, "%s = %s: give the program's full path, as in /usr/local/bin/tell", key->name,
                        value);
    if (strpbrk(value, "\"'`$") != NULL)
        return bit_fail(BIT_EUSAGE,
                        "%s = %s: no shell runs this line: put anything that needs quotes or $ into a "
                        "script",
                        key->name, value);
    return set_text(field, key, value);
}

static int set_link(enum bit_link_kind *field, const char *value)
{
    for (size_t i = 0; i < BIT_COUNT(bit_config_link_kinds); i++)
        if (strcmp(bit_config_link_kinds[i], value) == 0) {
            *field = (enum bit_link_kind)i;
            return 0;
        }
    return bit_fail(BIT_EUSAGE, "link = %s: auto, unix or tcp", value);
}

static int set_yes_or_no(bool *field, const struct bit_config_key *key, const char *value)
{
    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
        return bit_fail(BIT_EUSAGE, "%s = %s: yes or no", key->name, value);
    *field = value[0] == 'y';
    return 0;
}

static int set_level(enum bit_log_level *field, const char *value)
{
    int level = bit_log_level_parse(value);

    if (level < 0)
        return bit_fail(BIT_EUSAGE, "log_level = %s: error, warn, info or debug", value);
    *field = (enum bit_log_level)level;
    return 0;
}

int bit_config_set(struct bit_config *c, const char *name, const char *value)
{
    const struct bit_config_key *key;
    int err = bit_config_key_find(name, &key);

    if (err < 0)
        return err;
    void *field = (char *)c + key->offset;
    switch (key->kind) {
    case BIT_CONFIG_TEXT:
        return set_text(field, key, value);
    case BIT_CONFIG_COUNT:
        return set_count(field, key, value);
    case BIT_CONFIG_MILLISECONDS:
        return set_milliseconds(field, key, value);
    case BIT_CONFIG_ADDRESS:
        return set_address(field, key, value);
    case BIT_CONFIG_METRICS:
        return set_metrics(field, key, value);
    case BIT_CONFIG_LINK:
        return set_link(field, value);
    case BIT_CONFIG_SRUN_OPTIONS:
    case BIT_CONFIG_SBATCH_OPTIONS:
    case BIT_CONFIG_VARIABLES:
        return set_list(field, key, value);
    case BIT_CONFIG_HOOK:
        return set_hook(field, key, value);
    case BIT_CONFIG_LEVEL:
        return set_level(field, value);
    case BIT_CONFIG_YES_OR_NO:
        return set_yes_or_no(field, key, value);
    }
    return 0;
}
