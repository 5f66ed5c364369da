/* Time per operator: with a trace, an exec sets a mark before and after each operator. */
#ifndef BIT_KERNELS_OP_TRACE_H
#define BIT_KERNELS_OP_TRACE_H

#include <stdint.h>

#include "kernels/exec/exec.h"

struct bit_op_trace_span {
    const char *name; /* of the operator, or as passed to bit_op_trace_begin */
    struct bit_mark begin, end;
};

struct bit_op_trace {
    struct bit_op_trace_span *spans; /* (most); owned */
    int count, most;                 /* after `most` spans nothing is traced */
};

/** Errors: -ENOMEM, BIT_ECUDA. finish also takes a zeroed trace; detach it from its exec first. */
int bit_op_trace_init(struct bit_op_trace *trace, const struct bit_exec *exec, int most);
void bit_op_trace_finish(struct bit_op_trace *trace);
/** Begin and end a span called `name` (static storage). They do nothing if exec has no trace. */
void bit_op_trace_begin(const struct bit_exec *exec, const char *name);
void bit_op_trace_end(const struct bit_exec *exec);
/** The duration of one span, in milliseconds; call it after bit_exec_wait. */
double bit_op_trace_ms(const struct bit_op_trace *trace, int span);

#endif
