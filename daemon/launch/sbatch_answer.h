/* What sbatch answers for a job: accepted, refused, or not possible just now. */
#ifndef BIT_DAEMON_SBATCH_ANSWER_H
#define BIT_DAEMON_SBATCH_ANSWER_H

#include <stddef.h>

#include "proto/child_output.h"

enum bit_sbatch_answer {
    BIT_SBATCH_TAKEN,
    BIT_SBATCH_NOT_NOW,  /* Slurm does not answer, or the user has as many jobs as allowed: may work later */
    BIT_SBATCH_NO_NODES, /* Slurm's nodes cannot hold it; some may be down */
    BIT_SBATCH_REFUSED,  /* would be refused again */
};

/**
 * Read the answer of sbatch, with or without --test-only, and its reason, in one line without sbatch's own prefixes.
 * Pure.
 * Source      Slurm 22.05: src/sbatch/sbatch.c and src/common/slurm_errno.c, as printed on stderr
 */
enum bit_sbatch_answer bit_sbatch_answer_read(const struct bit_child_output *r, char *text, size_t room);

#endif
