/* Total and available memory of this machine, within the limits of our control group. In bytes. */
#ifndef BIT_PROTO_HOST_MEMORY_H
#define BIT_PROTO_HOST_MEMORY_H

#include <stdint.h>

/** The machine's memory, or the lowest limit of our control group and the groups above it, if that is less. */
int64_t bit_host_memory_total(void);
/** MemAvailable, or what our control group and the groups above it still allow, if that is less. */
int64_t bit_host_memory_available(void);

#endif
