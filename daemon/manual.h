/* bitd's own documentation: --help, bitd(8), bitd.conf(5) and a file of all settings, generated from the table of
 * options and the table of settings (daemon/sys/settings/config.h). */
#ifndef BIT_DAEMON_MANUAL_H
#define BIT_DAEMON_MANUAL_H

#include <stdio.h>

enum bit_flag_kind {
    BIT_FLAG_STATE,
    BIT_FLAG_SOCKET,
    BIT_FLAG_CONFIG,
    BIT_FLAG_SLOTS,
    BIT_FLAG_GROUP,
    BIT_FLAG_WORKER,
    BIT_FLAG_SET,
    BIT_FLAG_LOG_FILE,
    BIT_FLAG_LOG_LEVEL,
    BIT_FLAG_RUN,
    BIT_FLAG_HOLDS,
    BIT_FLAG_REQUEUE,
    BIT_FLAG_FOREGROUND,
    BIT_FLAG_SETTINGS,
    BIT_FLAG_VERSION,
    BIT_FLAG_HELP,
    BIT_FLAG_MAN, /* not in the help: for the build */
    BIT_FLAG_COUNT
};

struct bit_flag {
    const char *name;
    const char *arg;  /* NULL: takes none */
    const char *help; /* NULL: not in the help */
};
extern const struct bit_flag bit_flags[BIT_FLAG_COUNT];

void bit_manual_help(FILE *f);
/** bitd(8) */
void bit_manual_bitd(FILE *f);
/** bitd.conf(5) */
void bit_manual_conf(FILE *f);
/** A configuration file with every setting and its default, commented out. */
void bit_manual_settings(FILE *f);

#endif
