#include "daemon/launch/leftovers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/sys/files/fileio.h"
#include "daemon/sys/processes/proc.h"
#include "proto/check.h"
#include "proto/log.h"

BIT_LOG_TOPIC("leftovers");

/* Whether path has the form of Open MPI 4.1's session folder: <tmp>/ompi.<host>.<uid>/pid.<mpirun> or jf.<number>. */
static bool is_session(const char *path)
{
    const char *name = strrchr(path, '/');

    return path[0] == '/' && strstr(path, "/ompi.") != NULL && strstr(path, "..") == NULL && name != NULL &&
           (strncmp(name, "/pid.", 5) == 0 || strncmp(name, "/jf.", 4) == 0);
}

static void note_pid(struct bit_leftovers *r, int32_t pid)
{
    for (uint32_t i = 0; i < r->pid_count; i++)
        if (r->pid[i] == pid)
            return;
    if (r->pid_count < BIT_LEFTOVERS_PIDS_MAX)
        r->pid[r->pid_count++] = pid;
}

void bit_leftovers_note(struct bit_leftovers *r, int32_t pid)
{
    char text[256], *end;

    note_pid(r, pid);
    if (r->known || !bit_proc_variable(pid, "PMIX_NAMESPACE", text, sizeof text))
        return;
    unsigned long job = strtoul(text, &end, 10);
    if (end == text || *end != '\0' || job > UINT32_MAX) /* another launcher's */
        return;
    r->known = true;
    r->job = (uint32_t)job;
    if (bit_proc_variable(pid, "OMPI_MCA_orte_jobfam_session_dir", text, sizeof text) && is_session(text))
        snprintf(r->session, sizeof r->session, "%s", text);
}

void bit_leftovers_note_launcher(struct bit_leftovers *r, int32_t pid)
{
    r->launcher = pid;
}

static bool is_gone(int32_t pid)
{
    char state = bit_proc_state(pid);

    return state == 0 || state == 'Z' || state == 'X';
}

/* mpirun uses the first of these that is set. */
static void find_session(struct bit_leftovers *r, const char *host)
{
    static const char *const names[] = {"TMPDIR", "TEMP", "TMP"};
    const char *tmp = NULL;

    for (size_t i = 0; i < BIT_COUNT(names) && tmp == NULL; i++)
        tmp = getenv(names[i]);
    int n = snprintf(r->session, sizeof r->session, "%s/ompi.%s.%u/pid.%d", tmp != NULL ? tmp : "/tmp", host,
                     (unsigned)geteuid(), r->launcher);
    if (n >= (int)sizeof r->session || !is_session(r->session))
        r->session[0] = '\0';
}

/* The folder has mpirun's own number; that of the job that it starts is the next. */
static void read_contact(struct bit_leftovers *r)
{
    char path[sizeof r->session + 16];

    snprintf(path, sizeof path, "%s/contact.txt", r->session);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return;
    r->known = fscanf(f, "%" SCNu32 ".", &r->job) == 1 && r->job < UINT32_MAX;
    r->job += r->known;
    fclose(f);
}

/* LLVM's OpenMP finds by these files a second copy of itself in a process. A pid that is in use again is left alone. */
static unsigned remove_openmp(const struct bit_leftovers *r)
{
    char path[64];
    unsigned removed = 0;

    for (uint32_t i = 0; i < r->pid_count; i++) {
        snprintf(path, sizeof path, "/dev/shm/__KMP_REGISTERED_LIB_%" PRId32 "_%u", r->pid[i], (unsigned)geteuid());
        removed += is_gone(r->pid[i]) && unlink(path) == 0;
    }
    return removed;
}

void bit_leftovers_remove(struct bit_leftovers *r, uint32_t ranks)
{
    char host[64] = "", path[192];
    unsigned removed = remove_openmp(r);

    gethostname(host, sizeof host - 1);
    if (r->session[0] == '\0' && r->launcher > 1 && is_gone(r->launcher))
        find_session(r, host);
    if (!r->known && r->session[0] != '\0')
        read_contact(r);
    for (uint32_t rank = 0; rank < ranks && r->known; rank++) {
        snprintf(path, sizeof path, "/dev/shm/vader_segment.%s.%u.%" PRIx32 ".%u", host, (unsigned)geteuid(), r->job,
                 rank);
        removed += unlink(path) == 0;
    }
    if (r->session[0] != '\0' && access(r->session, F_OK) == 0)
        removed += bit_dir_remove(r->session) == 0;
    if (removed > 0)
        bit_info("cleared away", "job=%" PRIx32 " things=%u", r->job, removed);
    *r = (struct bit_leftovers){0};
}
