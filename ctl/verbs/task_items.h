/* `bitctl tasks --items`: what each item of a run's tasks came to, from the run's journal. */
#ifndef BIT_CTL_TASK_ITEMS_H
#define BIT_CTL_TASK_ITEMS_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl/cli/verb.h"

struct bit_task_items_wish {
    const char *task; /* NULL: each */
    bool every_step;  /* else the newest evaluation of each task in each precision */
    bool has_step;    /* after this step alone */
    uint64_t step;
};

/**
 * A line of JSON for each item of the tasks that were scored whole. Returns the exit code: 102 where nothing is as
 * wished, 1 where an evaluation is of a bitd that kept no items.
 */
int bit_task_items_print(struct bit_cli *cli, const char *run, const struct bit_task_items_wish *wish);

#endif
