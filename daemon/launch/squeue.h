/* What squeue says about one job, asked for with BIT_SQUEUE_FORMAT. */
#ifndef BIT_DAEMON_SQUEUE_H
#define BIT_DAEMON_SQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* State, reason, time left, nodes; the nodes last, because they may be long. */
#define BIT_SQUEUE_FORMAT "%T|%r|%L|%N"

struct bit_squeue {
    char state[24], reason[96];
    bool has_left;
    uint64_t left_s; /* until its time limit */
    char *nodes;     /* folded (hostlist.h), empty without nodes; heap */
};

/** Parse the first line of `text`. Pure. Errors: BIT_EMESSAGE, -ENOMEM; out is empty then. */
int bit_squeue_parse(const char *text, struct bit_squeue *out);
void bit_squeue_finish(struct bit_squeue *q);
/** "1-02:03:04", "02:03:04", "3:04" in seconds. false for "UNLIMITED" and for anything else. Source: squeue(1), %L */
bool bit_squeue_time(const char *text, uint64_t *out_s);
/** The job does not run but may run later; it runs. */
bool bit_squeue_waits(const struct bit_squeue *q);
bool bit_squeue_runs(const struct bit_squeue *q);

#endif
