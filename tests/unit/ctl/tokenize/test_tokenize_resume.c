/*
 * Tokenizing continues after an interruption. Every call with which the pipeline changes the disk is counted here. A
 * child dies at each of them in turn, or gets ENOSPC. Then the same tokenizing runs again without faults, and the
 * folder must equal, byte for byte, that of an undisturbed run.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/tokenize/dataset.h"
#include "ctl/tokenize/tokenize.h"
#include "proto/err.h"
#include "tests/test.h"

enum { END_OF_TEXT = 607, FILE_TOKENS = 3000, DOCUMENTS = 130 }; /* END_OF_TEXT of tests/tokenize/small.json */

/* ---- faults */

enum fault { FAULT_NONE, FAULT_DEATH, FAULT_FULL };
static enum fault fault;
static int fault_at;     /* the call with the fault, counted from 1 */
static atomic_int calls; /* calls that change the disk */

/* True if this call must fail; does not return if it must die. */
static bool is_hit(void)
{
    if (fault == FAULT_NONE)
        return false;
    int call = ++calls;
    if (fault == FAULT_DEATH && call == fault_at)
        syscall(SYS_kill, getpid(), SIGKILL);
    if (fault == FAULT_FULL && call >= fault_at) {
        errno = ENOSPC;
        return true;
    }
    return false;
}

/* These replace the C library's. Before a death half of the data is written, so that lines are torn. */
ssize_t write(int fd, const void *data, size_t bytes);
ssize_t write(int fd, const void *data, size_t bytes)
{
    if (fault == FAULT_DEATH && calls + 1 == fault_at)
        syscall(SYS_write, fd, data, bytes / 2);
    return is_hit() ? -1 : syscall(SYS_write, fd, data, bytes);
}

int fsync(int fd)
{
    (void)fd; /* the kernel keeps its data when a process dies: a real fsync would test nothing more */
    return is_hit() ? -1 : 0;
}

int renameat(int from, const char *old, int to, const char *new)
{
    return is_hit() ? -1 : (int)syscall(SYS_renameat, from, old, to, new);
}

/* Files can be removed from a full disk. */
int unlinkat(int folder, const char *name, int flags)
{
    if (fault == FAULT_DEATH)
        is_hit();
    return (int)syscall(SYS_unlinkat, folder, name, flags);
}

/* ---- a run */

static struct bit_tokenizer *tokenizer;
static char input_path[2][64];

static void write_input(const char *path, int seed)
{
    static const char *const words[] = {"river", "water", "1931", "hens", "\u043c\u0438\u0440", "rose."};
    FILE *f = fopen(path, "w");

    srand((unsigned)seed);
    for (int i = 0; i < DOCUMENTS; i++) {
        if (i % 31 == 7)
            fprintf(f, "{\"id\":\"broken\"\n");
        if (i % 37 == 5)
            fprintf(f, "{\"text\":\" \"}\n\n");
        fprintf(f, "{\"id\":\"%d.%d\",\"text\":\"", seed, i);
        for (int n = rand() % 200; n >= 0; n--)
            fprintf(f, "%s ", words[rand() % 6]);
        fprintf(f, i + 1 < DOCUMENTS ? "\"}\n" : "\"}");
    }
    EXPECT_EQ(fclose(f), 0);
}

TEST(make_inputs)
{
    char path[4096];
    const char *root = getenv("BIT_SOURCE_ROOT");

    snprintf(path, sizeof path, "%s/tests/tokenize/small.json", root == NULL ? "." : root);
    if (!EXPECT_EQ(bit_tokenizer_load(path, &tokenizer), 0))
        exit(1);
    for (int i = 0; i < 2; i++) {
        snprintf(input_path[i], sizeof input_path[i], "%s/%d.jsonl", test_folder(), i);
        write_input(input_path[i], i);
    }
}

struct seen {
    struct bit_tokenize_kept resumed, broken;
    bool broken_first; /* `broken` is in the first input */
    int faults;
};

static void on_resume(void *arg, const struct bit_tokenize_kept *kept)
{
    ((struct seen *)arg)->resumed = *kept;
}

static void on_broken(void *arg, const struct bit_tokenize_kept *kept)
{
    struct seen *seen = arg;

    seen->broken = *kept;
    seen->broken_first = kept->path != NULL && strcmp(kept->path, input_path[0]) == 0;
}

static struct bit_tokenize_options defaults(struct seen *seen)
{
    return (struct bit_tokenize_options){.tokenizer = tokenizer,
                                         .end_of_text = END_OF_TEXT,
                                         .file_tokens = FILE_TOKENS,
                                         .threads = 1,
                                         .on_resume = on_resume,
                                         .on_broken = on_broken,
                                         .arg = seen};
}

static int run(const char *output, struct bit_tokenize_options o, struct bit_tokenize_summary *sum)
{
    char *args[2] = {input_path[0], input_path[1]};
    struct bit_inputs inputs;
    int err = bit_inputs_expand(args, 2, &inputs);

    if (err < 0)
        return err;
    o.folder = output;
    err = bit_tokenize(&inputs, &o, sum);
    bit_inputs_finish(&inputs);
    return err;
}

/* Runs in a child with the fault `kind` at call number `at`. Returns the child's wait status. */
static int run_in_child(const char *output, enum fault kind, int at)
{
    pid_t child = fork();

    if (child == 0) {
        struct bit_tokenize_summary sum;
        struct seen seen = {0};
        fault_at = at;
        fault = kind;
        int err = run(output, defaults(&seen), &sum);
        fault = FAULT_NONE;
        _exit(err == 0 ? 0 : err == -ENOSPC ? 28 : 99);
    }
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return status;
}

static bool same_folder(const char *a, const char *b)
{
    char command[1200];

    snprintf(command, sizeof command, "diff -r %s %s", a, b);
    return EXPECT_EQ(system(command), 0);
}

static void remove_folder(const char *name)
{
    char command[600];

    snprintf(command, sizeof command, "rm -rf %s", name);
    EXPECT_EQ(system(command), 0);
}

static void expect_no_partial(const char *name)
{
    char command[600];

    snprintf(command, sizeof command, "! ls -A %s | grep -q partial", name);
    EXPECT_EQ(system(command), 0);
}

/* ---- tests */

static struct bit_tokenize_summary whole;

TEST(undisturbed)
{
    struct seen seen = {0};

    EXPECT_EQ(run(test_path("whole"), defaults(&seen), &whole), 0);
    EXPECT_EQ(whole.documents, 2 * DOCUMENTS);
    EXPECT(whole.empty > 5);
    EXPECT(whole.faults[BIT_DOCUMENT_JSON] > 5);
    EXPECT_EQ(whole.tokens_before, 0);
    EXPECT_EQ(seen.resumed.files, 0);
    EXPECT_EQ(access(test_path("whole/part-0-00006.npy"), F_OK), 0);
}

/* Continue after a fault, without another one. */
static void finish(const char *output)
{
    struct bit_tokenize_summary sum;
    struct seen seen = {0};

    if (!EXPECT_EQ(run(output, defaults(&seen), &sum), 0))
        return;
    EXPECT_EQ(sum.tokens_before, seen.resumed.tokens);
    sum.tokens_before = 0;
    EXPECT_MEMEQ(&sum, &whole, sizeof sum);
    same_folder(output, test_path("whole"));
}

TEST(death_at_every_call)
{
    char output[64];
    int deaths = 0;

    snprintf(output, sizeof output, "%s/death", test_folder());
    for (int at = 1;; at++, deaths++) {
        int status = run_in_child(output, FAULT_DEATH, at);
        if (WIFEXITED(status)) {
            EXPECT_EQ(WEXITSTATUS(status), 0);
            break;
        }
        EXPECT_EQ(WTERMSIG(status), SIGKILL);
        finish(output);
        remove_folder(output);
    }
    same_folder(output, test_path("whole"));
    EXPECT(deaths > 60);
}

/* One folder, in which one child after another dies, each one call later, until one finishes. */
TEST(death_upon_death)
{
    char output[64];
    int at = 1, status;

    snprintf(output, sizeof output, "%s/deaths", test_folder());
    while (!WIFEXITED(status = run_in_child(output, FAULT_DEATH, at)) && at < 1000)
        at++;
    EXPECT_EQ(WEXITSTATUS(status), 0);
    EXPECT(at > 5);
    same_folder(output, test_path("whole"));
}

TEST(full_disk_at_every_call)
{
    char output[64];
    int at = 1;

    snprintf(output, sizeof output, "%s/full", test_folder());
    for (;; at += 3) {
        int status = run_in_child(output, FAULT_FULL, at);
        EXPECT(WIFEXITED(status));
        if (WEXITSTATUS(status) == 0)
            break;
        EXPECT_EQ(WEXITSTATUS(status), 28);
        expect_no_partial(output);
        finish(output);
        remove_folder(output);
    }
    EXPECT(at > 60);
}

TEST(what_is_done_is_not_done_again)
{
    struct bit_tokenize_summary sum;
    struct seen seen = {0};
    struct stat before, after;

    EXPECT_EQ(stat(test_path("whole/part-0-00000.npy"), &before), 0);
    EXPECT_EQ(run(test_path("whole"), defaults(&seen), &sum), 0);
    EXPECT_EQ(sum.tokens_before, whole.tokens);
    EXPECT(seen.resumed.path == NULL);
    EXPECT_EQ(stat(test_path("whole/part-0-00000.npy"), &after), 0);
    EXPECT_EQ(after.st_ino, before.st_ino);
    EXPECT_EQ(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
}

static void on_fault(void *arg, const struct bit_tokenize_fault *f)
{
    ((struct seen *)arg)->faults++;
}

/* Stopped between two blocks: finished files stay and are reported. Faults of the rest are reported once more. */
TEST(stop_is_a_failure_that_can_be_gone_on_from)
{
    static const volatile sig_atomic_t stop = 1;
    struct bit_tokenize_summary sum;
    struct seen seen = {0};
    struct bit_tokenize_options o = defaults(&seen);

    o.stop = &stop;
    EXPECT_EQ(run(test_path("stopped"), o, &sum), -EINTR);
    EXPECT_EQ(seen.broken.files, 0);
    EXPECT_EQ(access(test_path("stopped/" BIT_LEDGER_NAME), F_OK), -1);
    EXPECT(WIFSIGNALED(run_in_child(test_path("stopped"), FAULT_DEATH, 40)));
    EXPECT_EQ(run(test_path("stopped"), o, &sum), -EINTR);
    EXPECT(seen.broken.files > 2);
    EXPECT(seen.broken_first);
    expect_no_partial(test_path("stopped"));
    o.stop = NULL;
    o.on_fault = on_fault;
    EXPECT_EQ(run(test_path("stopped"), o, &sum), 0);
    EXPECT(seen.faults > 0 && (uint64_t)seen.faults < whole.faults[BIT_DOCUMENT_JSON]);
    EXPECT_EQ(sum.faults[BIT_DOCUMENT_JSON], whole.faults[BIT_DOCUMENT_JSON]);
}

/* Each run differs from the one that began the folder: the error names the difference, and nothing is changed. */
TEST(another_origin_is_refused)
{
    struct bit_tokenize_summary sum;
    struct seen seen = {0};
    struct bit_tokenize_options o = defaults(&seen);

    EXPECT(WIFSIGNALED(run_in_child(test_path("other"), FAULT_DEATH, 40)));
    o.keep_space = true;
    EXPECT_EQ(run(test_path("other"), o, &sum), -EEXIST);
    EXPECT_CONTAINS(bit_fail_text(), "was begun with 'keep-space no'; this is 'keep-space yes'");
    o = defaults(&seen);
    o.end_of_text = 3;
    EXPECT_EQ(run(test_path("other"), o, &sum), -EEXIST);
    EXPECT_CONTAINS(bit_fail_text(), "'end-of-text 607'; this is 'end-of-text 3'");
    o = defaults(&seen);
    o.file_tokens++;
    EXPECT_EQ(run(test_path("other"), o, &sum), -EEXIST);
    EXPECT_CONTAINS(bit_fail_text(), "max-size 3000");
    EXPECT_EQ(access(test_path("other/part-0-00001.npy"), F_OK), 0);

    char *args[3] = {input_path[0], input_path[1], input_path[0]};
    struct bit_inputs inputs;
    for (size_t count = 1; count <= 3; count += 2) {
        o = defaults(&seen);
        o.folder = test_path("other");
        EXPECT_EQ(bit_inputs_expand(args, count, &inputs), 0);
        EXPECT_EQ(bit_tokenize(&inputs, &o, &sum), -EEXIST);
        EXPECT_CONTAINS(bit_fail_text(), count == 1 ? "1.jsonl' as well" : "begun without 'input bytes=");
        bit_inputs_finish(&inputs);
    }
}

TEST(a_changed_input_is_refused_and_force_begins_anew)
{
    struct bit_tokenize_summary sum;
    struct seen seen = {0};
    struct bit_tokenize_options o = defaults(&seen);
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1000000}};

    EXPECT_EQ(utimensat(AT_FDCWD, input_path[1], times, 0), 0);
    EXPECT_EQ(run(test_path("other"), o, &sum), -EEXIST);
    EXPECT_CONTAINS(bit_fail_text(), "mtime_ns=1000000000000000");
    o.force = true;
    EXPECT_EQ(run(test_path("other"), o, &sum), 0);
    EXPECT_EQ(sum.tokens_before, 0);
    EXPECT_EQ(seen.resumed.files, 0);
}

TEST(finished_files_that_are_gone_or_cut_are_noticed)
{
    struct bit_tokenize_summary sum;
    struct seen seen = {0};
    const char *cut = test_path("other/part-0-00002.npy");

    EXPECT_EQ(truncate(cut, 100), 0);
    EXPECT_EQ(run(test_path("other"), defaults(&seen), &sum), BIT_ECORRUPT);
    EXPECT_CONTAINS(bit_fail_text(), "part-0-00002.npy' was finished with ");
    EXPECT_EQ(unlink(test_path("other/part-0-00001.csv.gz")), 0);
    EXPECT_EQ(run(test_path("other"), defaults(&seen), &sum), BIT_ECORRUPT);
    EXPECT_CONTAINS(bit_fail_text(), "part-0-00001.csv.gz' was finished and is missing");
}

TEST(a_damaged_ledger_is_noticed)
{
    struct bit_tokenize_summary sum;
    struct seen seen = {0};
    const char *path = test_path("damaged/" BIT_LEDGER_NAME);

    EXPECT(WIFSIGNALED(run_in_child(test_path("damaged"), FAULT_DEATH, 40)));
    FILE *f = fopen(path, "r+");
    char line[1024];
    long at = 0;
    while (fgets(line, sizeof line, f) != NULL && strstr(line, " part 1 ") == NULL)
        at = ftell(f);
    EXPECT_EQ(fseek(f, at + 20, SEEK_SET), 0);
    fputc('?', f);
    EXPECT_EQ(fclose(f), 0);
    EXPECT_EQ(run(test_path("damaged"), defaults(&seen), &sum), BIT_ECORRUPT);
    EXPECT_CONTAINS(bit_fail_text(), "no line of a ledger");
}

TEST(frees_the_tokenizer)
{
    bit_tokenizer_destroy(tokenizer);
}

TEST_MAIN
