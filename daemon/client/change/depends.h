/* Runs that begin from another run's checkpoint (model.init_from, bitctl fork), and would miss it. */
#ifndef BIT_DAEMON_DEPENDS_H
#define BIT_DAEMON_DEPENDS_H

#include <stdbool.h>
#include <stddef.h>

struct bit_runner;
struct bit_runs;

/* Which of the runs that begin from something are meant. */
enum bit_depends_how {
    BIT_DEPENDS_EVER,  /* all of them */
    BIT_DEPENDS_NEEDS, /* those that would read it at a launch, or share its files */
    BIT_DEPENDS_READS, /* of these not the forks, which have the files whatever becomes of the other run */
};

/* Where each run begins that begins from something, read once for many questions. */
struct bit_depends {
    char *folder;    /* the real path of STATE/runs */
    const char *but; /* a sweep whose runs are not meant; NULL: none. For the caller to set */
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
 * Of the runs that begin from what lies in `below`, a folder of r's or "" for all of it, the ids ("r5, r6"). One needs
 * it until it has a checkpoint of its own or has completed, so that a launch of it would read it; a fork while its own
 * folder has it. Empty: none. Returns how many there are.
 */
size_t bit_depends_of(const struct bit_depends *d, const struct bit_runner *r, const char *below,
                      enum bit_depends_how how, char *out, size_t room);
/** The same for one question. */
size_t bit_depends_list(const struct bit_runner *r, const char *below, enum bit_depends_how how, char *out,
                        size_t room);

#endif
