/* A job's nodes: acquired before each launch, left out when lost, and watched while held. */
#ifndef BIT_DAEMON_NODES_H
#define BIT_DAEMON_NODES_H

#include <stdint.h>

struct bit_job;

/** Get nodes, then call placed. A failure on the way ends the job. */
void bit_nodes_get(struct bit_job *job, void (*placed)(struct bit_job *job));
/** Slurm sent this rank a signal to end. */
void bit_nodes_told(struct bit_job *job, uint32_t rank, int signal);
/** Leave a node out of the next launch. Errors: -ENOENT if it is not one of the job's. */
int bit_nodes_lose(struct bit_job *job, const char *host);

#endif
