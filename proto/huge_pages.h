/* Memory for tables that are read at random: on huge pages where the system has them, else every access misses the TLB.
 */
#ifndef BIT_PROTO_HUGE_PAGES_H
#define BIT_PROTO_HUGE_PAGES_H

#include <stddef.h>

/** As malloc; free() gives it back. NULL where there is no memory. */
void *bit_huge_pages_alloc(size_t bytes);

#endif
