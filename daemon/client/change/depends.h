/* Finds what needs a run: the runs that begin from its checkpoints (model.init_from, bitctl fork), and pins. */
#ifndef BIT_DAEMON_DEPENDS_H
#define BIT_DAEMON_DEPENDS_H

#include <stdbool.h>
#include <stddef.h>

struct bit_runner;
struct bit_runs;

/* Which of the runs that begin from a checkpoint count. */
enum bit_depends_how {
    BIT_DEPENDS_EVER,  /* all */
    BIT_DEPENDS_NEEDS, /* those that would read it at a launch, or share its files */
    BIT_DEPENDS_READS, /* the same without forks that keep the files anyway, that is, all but weights-only ones */
};

/* The checkpoints that runs begin from, read once for many queries. */
struct bit_depends {
    char *folder;    /* the real path of STATE/runs */
    const char *but; /* a sweep whose runs do not count; NULL: all count. Set by the caller */
    size_t count;
    struct bit_depends_item {
        const struct bit_runner *runner;
        char *path;
        bool fork; /* a fork needs it as long as it shares its files */
    } * item;
};

/** Reads the init.pb of those runs. Call bit_depends_finish in every case. Errors: -ENOMEM. */
int bit_depends_init(struct bit_depends *d, const struct bit_runs *runs);
void bit_depends_finish(struct bit_depends *d);
/**
 * List the ids ("r5, r6") of the runs that begin from something in `below`, a folder of r's, or "" for r's whole
 * folder. A run needs it until it has a checkpoint of its own or has completed, because its next launch would read
 * it; a fork, as long as it shares the files. Returns how many there are; `out` is empty if none.
 */
size_t bit_depends_list(const struct bit_runner *r, const char *below, enum bit_depends_how how, char *out,
                        size_t room);
/**
 * Whether the run should stay, because a checkpoint is pinned, or a branch of its sweep or another run begins from it.
 * `out` has the reason: "step-00000008 of it is pinned".
 */
bool bit_depends_misses(const struct bit_depends *d, const struct bit_runner *r, char *out, size_t room);

#endif
