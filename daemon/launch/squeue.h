/* What squeue says about one job, asked for with BIT_SQUEUE_FORMAT. */
#ifndef BIT_DAEMON_SQUEUE_H
#define BIT_DAEMON_SQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* State, reason, time left, nodes; the nodes last, because they may be long. */
#define BIT_SQUEUE_FORMAT "%T|%r|%L|%N"

/* What the state of a job means for the run whose ranks it holds. Source: squeue(1), JOB STATE CODES. */
enum bit_squeue_stage {
    BIT_SQUEUE_UNKNOWN, /* a state of a newer Slurm: the next poll decides */
    BIT_SQUEUE_WAITS,   /* does not run, and may run later */
    BIT_SQUEUE_RUNS,
    BIT_SQUEUE_ENDED,
};

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
enum bit_squeue_stage bit_squeue_stage(const struct bit_squeue *q);

#endif
