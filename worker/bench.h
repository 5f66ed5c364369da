/* bitworker bench: whole training steps of one model, timed where they run, without a daemon. */
#ifndef BIT_WORKER_BENCH_H
#define BIT_WORKER_BENCH_H

#include "worker/step.h"

#define BIT_BENCH_STEPS_MAX 200

enum bit_bench_class {
    BIT_BENCH_GEMM,
    BIT_BENCH_ATTENTION,
    BIT_BENCH_ELEMENTWISE,
    BIT_BENCH_COMMUNICATION, /* the part that is not hidden behind computation */
    BIT_BENCH_OPTIMIZER,     /* norm, update, scales, codes, 16-bit copies */
    BIT_BENCH_WAIT,          /* between operators: copies, zeroing, the host */
    BIT_BENCH_CLASSES
};

struct bit_bench_result {
    const struct bit_worker *worker;
    const char *model;
    int64_t micro_steps; /* of one step */
    int steps;
    double step_ms, low_ms, high_ms;               /* median, and the tenths at both ends */
    double split_ms[BIT_BENCH_CLASSES], traced_ms; /* of one extra step, with marks around every operator: adds up */
    double loss;
    double memory_gib; /* GPU memory in use at the end, with the context and other programs; 0 on a processor */
    double taken_gib;  /* the part of it that was allocated after the context was created */
    uint64_t reduced_bytes, gathered_bytes; /* of one step, by this rank */
    uint64_t collectives;                   /* NCCL or MPI calls that moved these bytes */
    /* Over the timed steps; below 0 if the card does not report it: */
    double power_w, clock_mhz; /* mean power; median clock, of one sample per step */
    double capped;             /* the part of the time in which the power cap lowered the clock */
};

extern const char bit_bench_help[];
/** The verb: argv[0] is "bench". Returns an exit code. */
int bit_bench_main(int argc, char **argv);

/** The class of a traced operator, from its name. */
enum bit_bench_class bit_bench_class_of(const char *name);
void bit_bench_print(const struct bit_bench_result *result, bool json);

#endif
