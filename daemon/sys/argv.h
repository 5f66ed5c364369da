/* A command line, or an environment, that grows. */
#ifndef BIT_DAEMON_ARGV_H
#define BIT_DAEMON_ARGV_H

#include <stddef.h>

/* Zeroed, it is empty. A failure is kept, so that only bit_argv_check has to be looked at. */
struct bit_argv {
    char **item; /* with a NULL at the end; heap */
    size_t count, capacity;
    int err;
};

void bit_argv_add(struct bit_argv *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void bit_argv_add_all(struct bit_argv *v, char *const *item, size_t count);
/** NAME=VALUE, in place of one with that NAME if there is one. */
void bit_argv_set(struct bit_argv *v, const char *pair);
/** 0, or -ENOMEM if one could not be added. */
int bit_argv_check(const struct bit_argv *v);
void bit_argv_finish(struct bit_argv *v);
/** All of it in one line, each argument quoted where a shell needs it. Heap; NULL: -ENOMEM. */
char *bit_argv_line(const struct bit_argv *v);

#endif
