/* What this machine, or the control group that holds us, can still give. */
#ifndef BIT_PROTO_HOST_MEMORY_H
#define BIT_PROTO_HOST_MEMORY_H

#include <stdint.h>

/** In bytes: MemAvailable, or what a control group above us leaves where that is less. */
int64_t bit_host_memory_available(void);

#endif
