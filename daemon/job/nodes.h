/* A job's nodes: got before each launch, left out when they are lost, and watched while they are held. */
#ifndef BIT_DAEMON_NODES_H
#define BIT_DAEMON_NODES_H

#include <stdint.h>

struct bit_job;

/** Get nodes, then call placed. What fails on the way ends the job. */
void bit_nodes_get(struct bit_job *job, void (*placed)(struct bit_job *job));
/** Slurm sent this rank a signal that tells it to end. */
void bit_nodes_told(struct bit_job *job, uint32_t rank, int signal);
/** Leave a node out of the next launch. Errors: -ENOENT if it is none of the job's. */
int bit_nodes_lose(struct bit_job *job, const char *host);

#endif
