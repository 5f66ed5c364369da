/* Checks the request files of the tasks that a specification names, and reports all problems at once. */
#ifndef BIT_PROTO_TASK_LOOK_H
#define BIT_PROTO_TASK_LOOK_H

#include <stdbool.h>

#include "proto/bit.pb-c.h"
#include "proto/regular_file.h"
#include "proto/text/problems.h"

/**
 * Read the request file of each eval.task of a normalised spec, and set in the spec: name and metric if they are
 * absent, the number of documents and items, and the file's digest. A file that is missing, damaged, of another
 * tokenizer or with a request that does not fit into model.context is a problem of its field. Blocking.
 * shown           NULL: any file; else the files that the submitter opened, in the order of bit_spec_path
 * rules_hold      the spec has passed bit_spec_validate; otherwise files are not compared with the model
 * Errors          BIT_EAUTH if a path names another file for this process than for the submitter, which ends the check;
 *                 else the first problem's error, BIT_EDATA for a missing file; -ENOMEM
 */
int bit_task_look(Bit__RunSpec *spec, const struct bit_file_id *shown, bool rules_hold, struct bit_problems *problems);

#endif
