#include "proto/host_memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/check.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

/* The value of the line "NAME:   123 kB" in bytes; INT64_MAX if there is no such line. */
static int64_t read_meminfo(const char *name)
{
    FILE *f = fopen("/proc/meminfo", "re");
    const size_t bytes = strlen(name);
    char line[256];
    int64_t kib = -1;

    if (f == NULL)
        return INT64_MAX;
    while (kib < 0 && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, name, bytes) != 0 || sscanf(line + bytes, ": %" SCNd64, &kib) != 1)
            kib = -1;
    fclose(f);
    return kib < 0 ? INT64_MAX : kib * 1024;
}

/* A number from one of the group's files; INT64_MAX for "max", or if there is no such file. */
static int64_t read_number(const char *group, const char *file)
{
    char path[4096 + 64];
    int64_t value = INT64_MAX;
    FILE *f;

    snprintf(path, sizeof path, CGROUP_ROOT "%s/%s", group, file);
    f = fopen(path, "re");
    if (f == NULL)
        return INT64_MAX;
    if (fscanf(f, "%" SCNd64, &value) != 1)
        value = INT64_MAX;
    fclose(f);
    return value;
}

/* Our group in cgroup v2's only hierarchy, from the line "0::/user.slice/..."; empty if there is none. */
static void own_group(char *group, size_t bytes)
{
    FILE *f = fopen("/proc/self/cgroup", "re");
    char line[4096];

    group[0] = '\0';
    if (f == NULL)
        return;
    while (fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "0::/", 4) == 0)
            snprintf(group, bytes, "%s", strcmp(line + 3, "/") == 0 ? "" : line + 3);
    }
    fclose(f);
}

/* The page cache counts as used, but its inactive part is reclaimed when memory is needed. */
static int64_t read_inactive_cache(const char *group)
{
    char path[4096 + 64], line[256];
    int64_t bytes = 0;
    FILE *f;

    snprintf(path, sizeof path, CGROUP_ROOT "%s/memory.stat", group);
    f = fopen(path, "re");
    if (f == NULL)
        return 0;
    while (fgets(line, sizeof line, f) != NULL && sscanf(line, "inactive_file %" SCNd64, &bytes) != 1)
        continue;
    fclose(f);
    return bytes;
}

/* The least that our group and each group above it leave: each of them may set a limit. */
static int64_t group_available(void)
{
    char group[4096];
    int64_t least = INT64_MAX;

    own_group(group, sizeof group);
    for (;;) {
        int64_t max = read_number(group, "memory.max"), used = read_number(group, "memory.current");
        char *slash = strrchr(group, '/');

        if (max != INT64_MAX && used != INT64_MAX)
            least = BIT_MIN(least, BIT_MAX(max - used + read_inactive_cache(group), 0));
        if (slash == NULL)
            return least;
        *slash = '\0';
    }
}

/* The lowest limit of our cgroup v2 groups and of the cgroup v1 group at /memory, which in a container is its own. */
static int64_t group_limit(void)
{
    char group[4096];
    int64_t least = read_number("/memory", "memory.limit_in_bytes");

    own_group(group, sizeof group);
    for (;;) {
        char *slash = strrchr(group, '/');

        least = BIT_MIN(least, read_number(group, "memory.max"));
        if (slash == NULL)
            return least;
        *slash = '\0';
    }
}

int64_t bit_host_memory_total(void)
{
    const int64_t machine = read_meminfo("MemTotal"), limit = group_limit();

    return BIT_MIN(machine, limit);
}

int64_t bit_host_memory_available(void)
{
    int64_t machine = read_meminfo("MemAvailable"), group = group_available();

    return BIT_MIN(machine, group);
}
