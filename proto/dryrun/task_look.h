/* The request files of the tasks that a specification names, looked at: all that is wrong with them at once. */
#ifndef BIT_PROTO_TASK_LOOK_H
#define BIT_PROTO_TASK_LOOK_H

#include <stdbool.h>

#include "proto/bit.pb-c.h"
#include "proto/regular_file.h"
#include "proto/text/problems.h"

/**
 * Read the request file of each eval.task of a normalised spec, and put into the spec what it says: name and metric
 * where they are absent, the number of documents, and the file's digest. A file that is missing, damaged, of another
 * tokenizer or with a request that does not fit into model.context is a problem of its field. Blocking.
 * shown           NULL: any file; else those that the submitter showed, in the order of bit_spec_path
 * rules_hold      the spec has passed bit_spec_validate; otherwise files are not held against the model
 * Errors          BIT_EAUTH of a file that is another for us than for who showed it, and then nothing else is told; the
 *                 first problem's, which is BIT_EDATA for a file that is not there; -ENOMEM
 */
int bit_task_look(Bit__RunSpec *spec, const struct bit_file_id *shown, bool rules_hold, struct bit_problems *problems);

#endif
