/* A growable list of strings: a command line or an environment. */
#ifndef BIT_DAEMON_ARGV_H
#define BIT_DAEMON_ARGV_H

#include <stddef.h>

/* Empty if zeroed. The first failure is kept: it is enough to call bit_argv_check at the end. */
struct bit_argv {
    char **item; /* NULL-terminated; heap */
    size_t count, capacity;
    int err;
};

void bit_argv_add(struct bit_argv *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void bit_argv_add_all(struct bit_argv *v, char *const *item, size_t count);
/** Add NAME=VALUE, replacing an item with that NAME. */
void bit_argv_set(struct bit_argv *v, const char *pair);
/** 0, or -ENOMEM if one could not be added. */
int bit_argv_check(const struct bit_argv *v);
void bit_argv_finish(struct bit_argv *v);
/** All items as one line, quoted for a shell where needed. Heap; NULL: -ENOMEM. */
char *bit_argv_line(const struct bit_argv *v);

#endif
