/* Texts and sizes that bitd does not control: whatever a launcher, a worker, a file's name or a list of nodes contains,
 * bitd can journal it, read it again and report it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/utf8.h"
#include "tests/daemon/fixture.h"

#define NODES 4500

static struct fix f;

static void write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

    EXPECT(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

/* Make a folder of Slurm's commands with this srun, and the environment of a Slurm job for bitd. */
static void become_a_job(const char *srun, const char *nodes)
{
    static char folder[128];
    char path[160];

    snprintf(folder, sizeof folder, "slurm=%s/slurm", f.dir);
    snprintf(path, sizeof path, "%s/slurm", f.dir);
    EXPECT(mkdir(path, 0700) == 0 || errno == EEXIST);
    snprintf(path, sizeof path, "%s/slurm/srun", f.dir);
    write_file(path, srun, 0700);
    setenv("SLURM_JOB_ID", "77", 1);
    setenv("SLURM_JOB_NODELIST", nodes, 1);
    f.args[0] = "--set";
    f.args[1] = folder;
}

static void leave_the_job(void)
{
    unsetenv("SLURM_JOB_ID");
    unsetenv("SLURM_JOB_NODELIST");
}

static size_t list_runs(void)
{
    Bit__ListRequest m = BIT__LIST_REQUEST__INIT;

    m.has_all = m.all = true;
    Bit__ListReply *reply = fix_expect(&f, BIT_MSG_LIST_REQUEST, &m, BIT_MSG_LIST_REPLY);
    size_t count = reply ? reply->n_run : 0;
    bit_msg_free(reply);
    return count;
}

/* Status, list, doctor and events answer, and the run failed with this cause. */
static void expect_told(const char *run, const char *cause)
{
    struct fix_events e;
    Bit__DoctorRequest ask = BIT__DOCTOR_REQUEST__INIT;

    ask.run = bit_lend(run);
    bit_msg_free(fix_expect(&f, BIT_MSG_DOCTOR_REQUEST, &ask, BIT_MSG_DOCTOR_REPLY));
    Bit__RunStatus *status = fix_status(&f, run);
    EXPECT_EQ(list_runs(), 1u);
    fix_events(&f, run, &e);
    const Bit__JournalRecord *lost = fix_last(&e, BIT__JOURNAL_RECORD__WHAT_LOST);
    if (EXPECT(status != NULL && lost != NULL)) {
        EXPECT_CONTAINS(lost->lost->cause, cause);
        EXPECT_CONTAINS(status->reason, cause);
        EXPECT_EQ(status->state, BIT__RUN_STATE__FAILED);
    }
    fix_events_free(&e);
    bit_msg_free(status);
}

/* The run failed with this cause, and bitd still reports it after it was killed. */
static void expect_told_twice(const char *run, const char *cause)
{
    uint64_t digest = 0;
    int code = fix_wait_end(&f, run, &digest);

    EXPECT_NE(code, BIT_EXIT_CORRUPT);
    expect_told(run, cause);
    fix_stop(&f, SIGKILL);
    if (!fix_start(&f))
        return;
    EXPECT_EQ(fix_wait_end(&f, run, &digest), code);
    expect_told(run, cause);
}

TEST(a_byte_that_is_no_character_in_a_launchers_error)
{
    char run[32];

    fix_init(&f);
    become_a_job("#!/bin/sh\nprintf 'srun: error: n1: p\\351riph failed\\n' >&2\nexit 1\n", "n1");
    if (fix_start(&f)) {
        fix_submit(&f, "launch.launcher=SRUN\nlaunch.max_restarts=0\n", run);
        expect_told_twice(run, "srun: n1: p?riph failed");
    }
    leave_the_job();
    fix_finish(&f);
}

/* Two lengths, so that one text must be cut in the middle of a character. */
TEST(a_workers_words_are_cut_between_characters)
{
    for (int more = 0; more < 2; more++) {
        char text[BIT_ERR_TEXT_MAX] = "", run[32];
        memset(text, 'x', (size_t)more);
        while (strlen(text) + 2 < sizeof text)
            strcat(text, "é");
        fix_init(&f);
        setenv("FAKE_FAIL_AT", "3", 1);
        setenv("FAKE_ERROR", "-5", 1);
        setenv("FAKE_TEXT", text, 1);
        if (fix_start(&f)) {
            fix_submit(&f, "launch.max_restarts=0\n", run);
            expect_told_twice(run, "éééééé");
        }
        fix_finish(&f);
    }
}

TEST(a_name_that_is_cut_is_a_refusal)
{
    char name[128] = "a", text[1024];
    Bit__CancelRequest m = BIT__CANCEL_REQUEST__INIT;

    fix_init(&f);
    if (fix_start(&f)) {
        for (int i = 0; i < 40; i++)
            strcat(name, "é");
        m.run = name;
        m.request_id = name + sizeof name - 1; /* "" */
        m.request_id = bit_lend("c-1");
        EXPECT_EQ(fix_refused(&f, BIT_MSG_CANCEL_REQUEST, &m, text, sizeof text), BIT_EXIT_NOT_FOUND);
        EXPECT_CONTAINS(text, "there is no run 'aéé");
    }
    fix_finish(&f);
}

TEST(a_request_that_is_too_large_is_a_refusal)
{
    char text[1024], *name = malloc(100001);
    Bit__StatusRequest m = BIT__STATUS_REQUEST__INIT;
    void *reply = NULL;

    fix_init(&f);
    if (name != NULL && fix_start(&f)) {
        memset(name, 'r', 100000);
        name[100000] = '\0';
        m.run = name;
        EXPECT_NE(fix_refused(&f, BIT_MSG_STATUS_REQUEST, &m, text, sizeof text), 0);
        EXPECT_CONTAINS(text, "a status_request of 1000");
        int fd = fix_connect(&f); /* the connection stays usable */
        EXPECT(fix_send(fd, BIT_MSG_STATUS_REQUEST, &m));
        EXPECT_EQ(fix_receive(fd, &reply), BIT_MSG_ERROR_REPLY);
        bit_msg_free(reply);
        name[2] = '\0';
        EXPECT(fix_send(fd, BIT_MSG_STATUS_REQUEST, &m));
        if (EXPECT_EQ(fix_receive(fd, &reply), BIT_MSG_ERROR_REPLY)) {
            EXPECT_CONTAINS(((Bit__ErrorReply *)reply)->text, "there is no run 'rr'");
            bit_msg_free(reply);
        }
        close(fd);
    }
    free(name);
    fix_finish(&f);
}

static void repeat(char ***list, size_t *count, size_t times, const char *text)
{
    *list = realloc(*list, (*count + times) * sizeof **list);
    for (size_t i = 0; i < times; i++)
        (*list)[(*count)++] = strdup(text);
}

/* A dry run's answer is longer than its request: it has command lines, quoted for a shell. */
TEST(an_answer_that_is_too_large_is_a_refusal)
{
    char text[1024] = "", quotes[1000];
    Bit__SubmitRequest m = BIT__SUBMIT_REQUEST__INIT;

    fix_init(&f);
    if (!fix_start(&f))
        return;
    memset(quotes, '\'', sizeof quotes - 1);
    quotes[sizeof quotes - 1] = '\0';
    memcpy(quotes, "--comment=", strlen("--comment="));
    m.spec = fix_spec(&f, "launch.launcher=SBATCH\n");
    m.request_id = bit_lend("large");
    m.has_dry_run = m.dry_run = true;
    repeat(&m.spec->data->train, &m.spec->data->n_train, 23000, f.tokens);
    EXPECT(m.spec->launch->slurm == NULL);
    m.spec->launch->slurm = malloc(sizeof *m.spec->launch->slurm);
    bit__slurm_spec__init(m.spec->launch->slurm);
    repeat(&m.spec->launch->slurm->sbatch_arg, &m.spec->launch->slurm->n_sbatch_arg, 60, quotes);
    EXPECT_EQ(fix_refused(&f, BIT_MSG_SUBMIT_REQUEST, &m, text, sizeof text), BIT_EXIT_INTERNAL);
    EXPECT_CONTAINS(text, "dry_run_reply");
    EXPECT_EQ(list_runs(), 0u);
    bit_msg_free(m.spec);
    fix_finish(&f);
}

TEST(steps_that_take_no_time_have_no_rate)
{
    char run[32];

    fix_init(&f);
    setenv("FAKE_NO_TIME", "1", 1);
    if (fix_start(&f)) {
        fix_submit(&f, "", run);
        EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
        Bit__RunStatus *status = fix_status(&f, run);
        EXPECT(status != NULL && !status->has_tokens_per_s);
        bit_msg_free(status);
        EXPECT_EQ(list_runs(), 1u);
    }
    fix_finish(&f);
}

TEST(a_state_folder_in_another_encoding_is_refused)
{
    fix_init(&f);
    snprintf(f.state, sizeof f.state, "%s/st\xe9", f.dir);
    EXPECT_EQ(fix_start_refused(&f), BIT_EXIT_USAGE);
    EXPECT(access(f.state, F_OK) < 0);
    fix_finish(&f);
}

/* ---- sizes */

/* Enough tokens for a batch of one instance per rank. */
static void write_many_tokens(void)
{
    uint16_t *tokens = calloc(NODES * 40, sizeof *tokens);
    int fd = open(f.tokens, O_WRONLY | O_TRUNC | O_CLOEXEC);

    EXPECT(tokens != NULL && fd >= 0 && write(fd, tokens, NODES * 40 * 2) == NODES * 40 * 2);
    close(fd);
    free(tokens);
}

static char *read_all(const char *path)
{
    char *text = calloc(1, 1 << 20);
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    EXPECT(text != NULL && fd >= 0 && read(fd, text, (1 << 20) - 1) > 0);
    close(fd);
    return text;
}

static void run_on(const char *nodes, const char *launcher, char run[32])
{
    char srun[256], more[256];

    snprintf(srun, sizeof srun,
             "#!/bin/sh\nprintf '%%s\\n' \"$@\" >%s/argv\necho 'srun: error: no such step' >&2\nexit 1\n", f.dir);
    become_a_job(srun, nodes);
    write_many_tokens();
    snprintf(more, sizeof more,
             "launch.launcher=%s\nlaunch.max_restarts=0\nlaunch.ranks=%d\nlaunch.slurm.ranks_per_node=1\n"
             "batch.instances=%d\n",
             launcher, NODES, NODES);
    if (!fix_start(&f))
        return;
    fix_submit(&f, more, run);
    EXPECT_NE(fix_wait_end(&f, run, NULL), BIT_EXIT_CORRUPT);
}

static void expect_nodes(const char *run, const char *nodes)
{
    struct fix_events e;

    fix_events(&f, run, &e);
    const Bit__JournalRecord *launched = fix_last(&e, BIT__JOURNAL_RECORD__WHAT_LAUNCHED);
    Bit__RunStatus *status = fix_status(&f, run);
    if (EXPECT(launched != NULL && status != NULL)) {
        EXPECT(strncmp(launched->launched->nodes, nodes, strlen(nodes)) == 0);
        EXPECT(strncmp(status->nodes, nodes, strlen(nodes)) == 0);
    }
    bit_msg_free(status);
    fix_events_free(&e);
    expect_told(run, "srun: no such step");
}

TEST(thousands_of_nodes_are_a_short_list)
{
    static const char nodes[] = "node-of-a-cluster-[0001-4500]";
    char run[32] = "", path[128];

    fix_init(&f);
    run_on(nodes, "SRUN", run);
    expect_nodes(run, nodes);
    snprintf(path, sizeof path, "%s/argv", f.dir);
    char *argv = read_all(path);
    EXPECT_CONTAINS(argv, "\n--nodelist=node-of-a-cluster-[0001-4500]\n");
    free(argv);
    leave_the_job();
    fix_finish(&f);
}

/* The names cannot be folded, and are longer than an argument or a record may be. */
TEST(nodes_that_do_not_fold_go_by_a_file)
{
    char run[32] = "", path[160], want[192];

    fix_init(&f);
    run_on("node-of-a-cluster-with-long-names-[0001-4500]-x", "SRUN", run);
    expect_nodes(run, "node-of-a-cluster-with-long-names-0001-x,node-of-a-cluster-with-long-names-0002-x,");
    snprintf(path, sizeof path, "%s/argv", f.dir);
    char *argv = read_all(path);
    fix_path(&f, run, "nodes", path, sizeof path);
    snprintf(want, sizeof want, "\n--nodelist=%s\n", path);
    EXPECT_CONTAINS(argv, want);
    free(argv);
    char *names = read_all(path);
    EXPECT_CONTAINS(names, "\nnode-of-a-cluster-with-long-names-4500-x\n");
    EXPECT_EQ(strlen(names), (size_t)NODES * strlen("node-of-a-cluster-with-long-names-4500-x\n"));
    free(names);
    leave_the_job();
    fix_finish(&f);
}

static void write_squeue(const char *path)
{
    FILE *file = fopen(path, "we");

    if (!EXPECT(file != NULL))
        return;
    fputs("RUNNING|None|1:00:00|", file);
    for (int i = 1; i <= NODES; i++)
        fprintf(file, "%snode-of-a-cluster-with-long-names-%04d-x", i > 1 ? "," : "", i);
    fputs("\n", file);
    fclose(file);
}

/* squeue's list of a submitted job's nodes is longer than a record, too. */
TEST(a_long_list_of_squeue_is_taken_and_cut)
{
    static const char first[] = "node-of-a-cluster-with-long-names-0001-x,";
    char run[32] = "", path[160], squeue[256];
    struct fix_events e;

    fix_init(&f);
    snprintf(path, sizeof path, "%s/slurm", f.dir);
    EXPECT_EQ(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/slurm/sbatch", f.dir);
    write_file(path, "#!/bin/sh\necho 77\n", 0700);
    snprintf(path, sizeof path, "%s/slurm/squeue.out", f.dir);
    write_squeue(path);
    snprintf(squeue, sizeof squeue, "#!/bin/sh\ncat %s\n", path);
    snprintf(path, sizeof path, "%s/slurm/squeue", f.dir);
    write_file(path, squeue, 0700);
    snprintf(path, sizeof path, "%s/slurm/scancel", f.dir);
    write_file(path, "#!/bin/sh\n", 0700);
    f.args[2] = "--set";
    f.args[3] = "slurm_poll=0.1";
    run_on("n1", "SBATCH", run);
    fix_events(&f, run, &e);
    const Bit__JournalRecord *job = NULL;
    for (size_t i = 0; i < e.count; i++)
        if (e.record[i]->what_case == BIT__JOURNAL_RECORD__WHAT_SLURM &&
            strcmp(e.record[i]->slurm->state, "RUNNING") == 0)
            job = e.record[i];
    if (EXPECT(job != NULL)) {
        EXPECT(strncmp(job->slurm->reason, first, strlen(first)) == 0);
        EXPECT_CONTAINS(job->slurm->reason, "...");
        EXPECT(strlen(job->slurm->reason) < BIT_ERR_TEXT_MAX);
    }
    fix_events_free(&e);
    expect_nodes(run, first);
    leave_the_job();
    fix_finish(&f);
}

TEST_MAIN
