/* Slurm's folded lists of node names: "n[1-3,07],login" is n1, n2, n3, n07 and login. */
#ifndef BIT_DAEMON_HOSTLIST_H
#define BIT_DAEMON_HOSTLIST_H

#include <stdbool.h>
#include <stddef.h>

#define BIT_HOST_NAME_MAX  255 /* bytes */
#define BIT_HOSTS_MAX      16384
#define BIT_HOST_GROUP_MAX 4 /* brackets in one name: "r[1-2]n[1-4]" has two */

struct bit_hosts {
    char **name; /* heap, in the order of the list */
    size_t count, capacity;
};

/**
 * Unfold `text`; out is empty after a failure. Pure.
 * Errors      BIT_EMESSAGE for a malformed list, with the byte; BIT_ELIMIT above the limits; -ENOMEM
 * Source      hostlist expressions of scontrol(1), "show hostnames"
 */
int bit_hosts_parse(const char *text, struct bit_hosts *out);
/** A zeroed one is fine. */
void bit_hosts_finish(struct bit_hosts *hosts);
bool bit_hosts_have(const struct bit_hosts *hosts, const char *name);
/** Add a name. Errors: -ENOMEM, BIT_ELIMIT. */
int bit_hosts_add(struct bit_hosts *hosts, const char *name);
/**
 * The names as one list in their order, adjacent ones of one stem and width folded: "n[0001-4500],login". Parsing it
 * gives the same names. Heap; NULL: -ENOMEM.
 */
char *bit_hosts_fold(const struct bit_hosts *hosts);
/** A list for people, at most `room` bytes: a longer one is cut and ends in "...". */
void bit_hosts_brief(const char *list, char *out, size_t room);

#endif
