/* The table of settings, for the files of config.h. */
#ifndef BIT_DAEMON_CONFIG_KEY_H
#define BIT_DAEMON_CONFIG_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/sys/settings/config.h"

enum bit_config_kind {
    BIT_CONFIG_TEXT,
    BIT_CONFIG_COUNT,
    BIT_CONFIG_MILLISECONDS,
    BIT_CONFIG_LEVEL,
    BIT_CONFIG_ADDRESS,
    BIT_CONFIG_LINK,
    BIT_CONFIG_SRUN_OPTIONS,
    BIT_CONFIG_SBATCH_OPTIONS,
    BIT_CONFIG_VARIABLES,
    BIT_CONFIG_HOOK,
    BIT_CONFIG_YES_OR_NO,
    BIT_CONFIG_METRICS,
};

struct bit_config_key {
    const char *name;
    const char *help; /* one line or two; also in the manual */
    enum bit_config_kind kind;
    size_t offset;        /* of its member in struct bit_config */
    uint64_t least, most; /* BIT_CONFIG_TEXT: most is the buffer's size, including the NUL */
    const char *group;    /* the group's title, for the first setting of a group */
    const char *without;  /* describes the default; NULL: the default is the value in bit_config_init */
};

/** The i-th setting, in the order of the manual; NULL after the last. */
const struct bit_config_key *bit_config_key(size_t i);
/** The setting of this name. Errors: BIT_EUSAGE naming the nearest one. */
int bit_config_key_find(const char *name, const struct bit_config_key **out);

/* The values of "link", by enum bit_link_kind. */
extern const char *const bit_config_link_kinds[BIT_LINK_TCP + 1];

#endif
