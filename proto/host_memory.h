/* What this machine, or the control group that holds us, has, and what it can still give. In bytes. */
#ifndef BIT_PROTO_HOST_MEMORY_H
#define BIT_PROTO_HOST_MEMORY_H

#include <stdint.h>

/** All of it, or a control group's limit above us where that is less. */
int64_t bit_host_memory_total(void);
/** MemAvailable, or what a control group above us leaves where that is less. */
int64_t bit_host_memory_available(void);

#endif
