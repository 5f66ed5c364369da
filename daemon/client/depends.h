/* Runs that begin from another run's checkpoint (model.init_from, bitctl fork), and would miss it. */
#ifndef BIT_DAEMON_DEPENDS_H
#define BIT_DAEMON_DEPENDS_H

#include <stdbool.h>
#include <stddef.h>

struct bit_runner;
struct bit_runs;

/* Where each run begins that begins from something, read once for many questions. */
struct bit_depends {
    char *folder; /* the real path of STATE/runs */
    size_t count;
    struct bit_depends_item {
        const struct bit_runner *runner;
        char *path;
        bool fork; /* which needs it for as long as it shares its files */
    } * item;
};

/** Reads the init.pb of those runs. bit_depends_finish is for every case. Errors: -ENOMEM. */
int bit_depends_init(struct bit_depends *d, const struct bit_runs *runs);
void bit_depends_finish(struct bit_depends *d);
/**
 * Of the runs that begin from what lies in `below`, a folder of r's or "" for all of it, the ids ("r5, r6"): with
 * `need` those that have no checkpoint of their own yet and have not completed, so that a launch of them would read it;
 * else all of them. A fork needs it while its own folder has it. Empty: none. Returns how many there are.
 */
size_t bit_depends_of(const struct bit_depends *d, const struct bit_runner *r, const char *below, bool need, char *out,
                      size_t room);
/** The same for one question. */
size_t bit_depends_list(const struct bit_runner *r, const char *below, bool need, char *out, size_t room);

#endif
