#include "kernels/exec/op_trace.h"

#include <stdlib.h>

#include "proto/err.h"

int bit_op_trace_init(struct bit_op_trace *trace, const struct bit_exec *exec, int most)
{
    int err = 0;

    *trace = (struct bit_op_trace){.most = most, .spans = calloc((size_t)most, sizeof *trace->spans)};
    if (trace->spans == NULL)
        return bit_fail(-ENOMEM, "a trace of %d operators", most);
    for (int i = 0; i < most && err >= 0; i++) {
        err = bit_mark_init(&trace->spans[i].begin, exec);
        if (err >= 0)
            err = bit_mark_init(&trace->spans[i].end, exec);
    }
    if (err < 0)
        bit_op_trace_finish(trace);
    return err;
}

void bit_op_trace_finish(struct bit_op_trace *trace)
{
    for (int i = 0; i < trace->most && trace->spans != NULL; i++) {
        bit_mark_finish(&trace->spans[i].begin);
        bit_mark_finish(&trace->spans[i].end);
    }
    free(trace->spans);
    *trace = (struct bit_op_trace){0};
}

/* Errors of bit_mark_set are ignored: they only make a time wrong, and operators report a broken GPU. */
void bit_op_trace_begin(const struct bit_exec *exec, const char *name)
{
    struct bit_op_trace *trace = exec->trace;

    if (trace == NULL || trace->count == trace->most)
        return;
    trace->spans[trace->count].name = name;
    bit_mark_set(&trace->spans[trace->count].begin, exec);
}

void bit_op_trace_end(const struct bit_exec *exec)
{
    struct bit_op_trace *trace = exec->trace;

    if (trace == NULL || trace->count == trace->most)
        return;
    bit_mark_set(&trace->spans[trace->count].end, exec);
    trace->count++;
}

double bit_op_trace_ms(const struct bit_op_trace *trace, int span)
{
    return bit_mark_ms(&trace->spans[span].begin, &trace->spans[span].end);
}
