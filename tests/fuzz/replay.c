/*
 * Runs a fuzz target on its corpus without libFuzzer.
 *     fuzz_frame CORPUS [RUNS [SEED]]
 * Runs every file as it is, then RUNS mutations. SEED repeats a failed run. The failing input is written to
 * fuzz-failed.bin in the working directory.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/check.h"
#include "tests/fuzz/fuzz.h"
#include "tests/message.h"

#define FILES_MAX   256
#define INPUT_MAX   (64u << 10)
#define RUNS        20000
#define CHANGES_MAX 6

struct input {
    uint8_t *data;
    size_t bytes;
};

static struct input corpus[FILES_MAX];
static int corpus_count;

/* The current input, for the signal handler below. */
static const uint8_t *current;
static size_t current_bytes;

static void leave_input(int signal_number)
{
    int fd = open("fuzz-failed.bin", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

    (void)!write(fd, current, current_bytes);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

/* The target gets a block of exactly this size, so that AddressSanitizer detects a read beyond it. */
static void run(const uint8_t *data, size_t bytes)
{
    uint8_t *exact = malloc(bytes > 0 ? bytes : 1);

    BIT_ASSERT(exact != NULL);
    if (bytes > 0)
        memcpy(exact, data, bytes);
    current = exact;
    current_bytes = bytes;
    LLVMFuzzerTestOneInput(exact, bytes);
    free(exact);
}

static void load(const char *folder, const char *name)
{
    char path[4096];
    struct input *in = &corpus[corpus_count++];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "rb");
    in->data = malloc(INPUT_MAX);
    BIT_ASSERT(f != NULL && in->data != NULL);
    in->bytes = fread(in->data, 1, INPUT_MAX, f);
    fclose(f);
}

static int is_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* In order of names, so that a seed gives the same inputs on every machine. */
static void load_all(const char *folder)
{
    struct dirent **names;
    int count = scandir(folder, &names, is_file, alphasort);

    BIT_ASSERT(count <= FILES_MAX);
    for (int i = 0; i < count; i++) {
        load(folder, names[i]->d_name);
        free(names[i]);
    }
    if (count >= 0)
        free(names);
}

static void flip(struct input *in, uint64_t *state)
{
    if (in->bytes > 0)
        in->data[test_random(state) % in->bytes] ^= (uint8_t)(1u << test_random(state) % 8);
}

static void set_odd_byte(struct input *in, uint64_t *state)
{
    static const uint8_t odd[] = {0, 1, 0x7f, 0x80, 0xff, '"', '{', '[', ',', '0', '-'};

    if (in->bytes > 0)
        in->data[test_random(state) % in->bytes] = odd[test_random(state) % sizeof odd];
}

static void cut(struct input *in, uint64_t *state)
{
    if (in->bytes > 0)
        in->bytes = test_random(state) % in->bytes;
}

static void erase(struct input *in, uint64_t *state)
{
    size_t at, some;

    if (in->bytes == 0)
        return;
    at = test_random(state) % in->bytes;
    some = 1 + test_random(state) % 8;
    some = BIT_MIN(some, in->bytes - at);
    memmove(in->data + at, in->data + at + some, in->bytes - at - some);
    in->bytes -= some;
}

/* Insert a piece of a corpus file at a random position. */
static void insert(struct input *in, uint64_t *state)
{
    const struct input *from = &corpus[test_random(state) % (uint64_t)corpus_count];
    size_t begin, some, at;

    if (from->bytes == 0)
        return;
    begin = test_random(state) % from->bytes;
    some = 1 + test_random(state) % (from->bytes - begin);
    at = test_random(state) % (in->bytes + 1);
    if (some > INPUT_MAX - in->bytes)
        return;
    memmove(in->data + at + some, in->data + at, in->bytes - at);
    memcpy(in->data + at, from->data + begin, some);
    in->bytes += some;
}

static void mutate(struct input *in, uint64_t *state)
{
    static void (*const ways[])(struct input *, uint64_t *) = {flip, flip,  set_odd_byte, set_odd_byte,
                                                               cut,  erase, insert};

    for (uint64_t left = 1 + test_random(state) % CHANGES_MAX; left > 0; left--)
        ways[test_random(state) % BIT_COUNT(ways)](in, state);
}

static void run_mutations(uint64_t runs, uint64_t seed)
{
    struct input in = {.data = malloc(INPUT_MAX)};

    BIT_ASSERT(in.data != NULL);
    for (uint64_t i = 0; i < runs; i++) {
        uint64_t state = seed + i;
        const struct input *from = &corpus[test_random(&state) % (uint64_t)corpus_count];
        memcpy(in.data, from->data, from->bytes);
        in.bytes = from->bytes;
        mutate(&in, &state);
        run(in.data, in.bytes);
    }
    free(in.data);
}

int main(int argc, char **argv)
{
    uint64_t runs = argc > 2 ? strtoull(argv[2], NULL, 0) : RUNS, seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;

    if (argc < 2) {
        fprintf(stderr, "usage: %s CORPUS [RUNS [SEED]]\n", argv[0]);
        return 2;
    }
    signal(SIGABRT, leave_input);
    signal(SIGSEGV, leave_input);
    load_all(argv[1]);
    if (corpus_count == 0) {
        fprintf(stderr, "no corpus in %s\n", argv[1]);
        return 1;
    }
    run(NULL, 0);
    for (int i = 0; i < corpus_count; i++)
        run(corpus[i].data, corpus[i].bytes);
    run_mutations(runs, seed);
    printf("%d files, %llu mutations from seed %llu\n", corpus_count, (unsigned long long)runs,
           (unsigned long long)seed);
    for (int i = 0; i < corpus_count; i++)
        free(corpus[i].data);
    return 0;
}
