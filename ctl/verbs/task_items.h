/* `bitctl tasks --items`: the results of each item of a run's tasks, from the run's journal. */
#ifndef BIT_CTL_TASK_ITEMS_H
#define BIT_CTL_TASK_ITEMS_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl/cli/verb.h"

struct bit_task_items_wish {
    const char *task; /* NULL: all */
    bool every_step;  /* every evaluation; else the newest of each task in each precision */
    bool has_step;    /* only after this step */
    uint64_t step;
};

/**
 * Print a line of JSON for each choice of each document, of the tasks that were scored completely. Returns the exit
 * code: 102 if there is nothing that was asked for, 1 if an evaluation is from a bitd that kept no items.
 */
int bit_task_items_print(struct bit_cli *cli, const char *run, const struct bit_task_items_wish *wish);

#endif
