/* The output of Slurm's commands: a line of squeue, which ends with a folded list of nodes; srun's task messages. */
#include <stdlib.h>
#include <string.h>

#include "daemon/launch/launcher_log.h"
#include "daemon/launch/squeue.h"
#include "daemon/sys/lists/hostlist.h"
#include "tests/fuzz/fuzz.h"

static void check_hosts(const char *list)
{
    struct bit_hosts hosts;

    if (bit_hosts_parse(list, &hosts) < 0) {
        FUZZ_CHECK(hosts.name == NULL && hosts.count == 0);
        return;
    }
    FUZZ_CHECK(hosts.count >= 1 && hosts.count <= BIT_HOSTS_MAX);
    for (size_t i = 0; i < hosts.count; i++) {
        size_t bytes = strlen(hosts.name[i]);
        FUZZ_CHECK(bytes >= 1 && bytes <= BIT_HOST_NAME_MAX && hosts.name[i][strcspn(hosts.name[i], "[], \n")] == '\0');
    }
    char *fold = bit_hosts_fold(&hosts);
    struct bit_hosts again;
    FUZZ_CHECK(fold != NULL && bit_hosts_parse(fold, &again) == 0 && again.count == hosts.count);
    for (size_t i = 0; i < hosts.count; i++)
        FUZZ_CHECK(strcmp(again.name[i], hosts.name[i]) == 0);
    bit_hosts_finish(&again);
    free(fold);
    bit_hosts_finish(&hosts);
}

static void check_host(void *text, const char *host)
{
    FUZZ_CHECK(host[0] != '\0' && strstr(text, host) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bit_launcher_log first;
    struct bit_squeue q;
    char *text = calloc(1, size + 1), says[64];

    FUZZ_CHECK(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    check_hosts(text);
    if (bit_launcher_log_parse(text, &first))
        FUZZ_CHECK(first.has_rank && (first.signal != 0 || first.has_code));
    (void)bit_launcher_log_unreached(text, check_host, text, says, sizeof says);
    if (bit_squeue_parse(text, &q) == 0) {
        FUZZ_CHECK(strlen(q.nodes) <= size);
        (void)bit_squeue_stage(&q);
        check_hosts(q.nodes);
    }
    bit_squeue_finish(&q);
    free(text);
    return 0;
}
