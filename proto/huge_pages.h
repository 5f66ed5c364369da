/* Memory for tables that are read at random: on huge pages, if the system has them, to avoid a TLB miss per access. */
#ifndef BIT_PROTO_HUGE_PAGES_H
#define BIT_PROTO_HUGE_PAGES_H

#include <stddef.h>

/** As malloc; freed by free(). NULL when memory ran out. */
void *bit_huge_pages_alloc(size_t bytes);

#endif
