/* Where the time goes, operator by operator: an exec that has a trace leaves a mark before each and one after it. */
#ifndef BIT_KERNELS_OP_TRACE_H
#define BIT_KERNELS_OP_TRACE_H

#include <stdint.h>

#include "kernels/exec/exec.h"

struct bit_op_trace_span {
    const char *name; /* of the operator, or what else was traced */
    struct bit_mark begin, end;
};

struct bit_op_trace {
    struct bit_op_trace_span *spans; /* (most); owned */
    int count, most;                 /* what comes after `most` is not traced */
};

/** Errors: -ENOMEM, BIT_ECUDA. finish takes a zeroed trace too; detach it from its exec first. */
int bit_op_trace_init(struct bit_op_trace *trace, const struct bit_exec *exec, int most);
void bit_op_trace_finish(struct bit_op_trace *trace);
/** Around what is called `name` (static storage). Nothing, where exec has no trace. */
void bit_op_trace_begin(const struct bit_exec *exec, const char *name);
void bit_op_trace_end(const struct bit_exec *exec);
/** Of one span, after bit_exec_wait. */
double bit_op_trace_ms(const struct bit_op_trace *trace, int span);

#endif
