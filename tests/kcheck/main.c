/* kcheck: checks every operator against its reference, or with --bench times it. */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "tests/kcheck/buffers.h"

static const struct kc_op *ops[KC_OPS_MAX];
static int op_count;

void kc_register(const struct kc_op *op)
{
    BIT_ASSERT(op_count < KC_OPS_MAX);
    ops[op_count++] = op;
}

static void usage(FILE *to)
{
    fprintf(
        to,
        "usage: kcheck [--full] [--seed N] [--backend cpu|cuda] [--isa base|avx2|avx512] [--chip 80] [OPERATOR...]\n"
        "       kcheck --bench [--json] [--no-reference] [--backend cpu|cuda] [--threads N] [--isa LEVEL] [OPERATOR...]\n"
        "       kcheck --list\n"
        "\n"
        "Checks every variant of each operator (or of those named) against its reference, on shapes with\n"
        "buffers drawn from the seed. --full takes the large shapes too. --bench times what is checked:\n"
        "one thread by its CPU time, more by the wall clock; products beside oneDNN's (where the build has it),\n"
        "ternary ones beside our own in bf16, each beside the floor that memory and multipliers set: a GPU's on\n"
        "paper, a processor's as they are measured first. --no-reference leaves out the reference, which takes longest.\n"
        "A ratio above 1: ours takes less time. Without --backend both the\n"
        "processor's variants and, where there is a GPU, its own are checked; the processor's are timed.\n"
        "--chip takes the GPU for one of that compute capability, older than its own: operators choose as on it.\n"
        "A build with -Dgpu_archs=80 has no other kernels either.\n");
}

static int isa_by_name(const char *name)
{
    for (int isa = 0; isa <= (int)bit_isa_best(); isa++)
        if (strcmp(name, bit_isa_name((enum bit_isa)isa)) == 0)
            return isa;
    return -1;
}

static bool number(const char *text, uint64_t max, uint64_t *out)
{
    char *end;

    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *text == '-' || value > max)
        return false;
    *out = value;
    return true;
}

struct flags {
    struct kc_options options;
    bool bench, list;
};

/* 0, or an exit code. */
static int parse(int argc, char **argv, struct flags *out)
{
    static const struct option longs[] = {
        {"full", no_argument, NULL, 'f'},          {"seed", required_argument, NULL, 's'},
        {"isa", required_argument, NULL, 'i'},     {"backend", required_argument, NULL, 'B'},
        {"bench", no_argument, NULL, 'b'},         {"json", no_argument, NULL, 'j'},
        {"threads", required_argument, NULL, 't'}, {"list", no_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},          {"no-reference", no_argument, NULL, 'n'},
        {"chip", required_argument, NULL, 'c'},    {NULL, 0, NULL, 0},
    };
    uint64_t value;
    int c;

    *out = (struct flags){.options = {.seed = 1,
                                      .shapes = KC_QUICK,
                                      .isa = -1,
                                      .cpu = true,
                                      .cuda = true,
                                      .reference = true,
                                      .complain = stderr}};
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        bool good = c != '?';
        if (c == 'f')
            out->options.shapes = KC_QUICK | KC_FULL | KC_BENCH;
        else if (c == 's')
            good = number(optarg, UINT64_MAX, &out->options.seed);
        else if (c == 'i')
            good = (out->options.isa = isa_by_name(optarg)) >= 0;
        else if (c == 'B') {
            out->options.cpu = strcmp(optarg, "cpu") == 0;
            out->options.cuda = strcmp(optarg, "cuda") == 0;
            good = out->options.cpu || (out->options.cuda && kc_device_exec(stderr) != NULL);
        } else if (c == 'b')
            out->bench = true;
        else if (c == 'j')
            out->options.json = true;
        else if (c == 't' && (good = number(optarg, 1024, &value)))
            out->options.threads = (int)value;
        else if (c == 'c')
            good = number(optarg, 1000, &value) && kc_device_take_for((int)value) >= 0;
        else if (c == 'n')
            out->options.reference = false;
        else if (c == 'l')
            out->list = true;
        else if (c == 'h')
            return usage(stdout), -1;
        if (!good) {
            if (c != '?')
                fprintf(stderr, "kcheck: '%s' is not something this machine can do\n", optarg);
            return usage(stderr), BIT_EXIT_USAGE;
        }
    }
    return 0;
}

static bool wanted(const char *name, int count, char **names)
{
    if (count == 0)
        return true;
    for (int i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool wanted_op(const struct kc_op *op, int count, char **names)
{
    return wanted(op->name, count, names) || (op->way_of != NULL && wanted(op->way_of, count, names));
}

/* Every operator of the table has a check, and every requested name is an operator. Returns how many are missing. */
static int complete(int count, char **names)
{
#define NAME(name, has_cpu, has_cuda) #name,
    static const char *const table[] = {BIT_OP_TABLE(NAME)};
    int missing = 0;

    for (size_t t = 0; t < BIT_COUNT(table) + (size_t)count; t++) {
        const char *name = t < BIT_COUNT(table) ? table[t] : names[t - BIT_COUNT(table)];
        bool found = false;
        for (int i = 0; i < op_count; i++)
            found = found || strcmp(ops[i]->name, name) == 0;
        if (!found)
            fprintf(stderr, "kcheck: no check for operator '%s'\n", name);
        missing += !found;
    }
    return missing;
}

static int check_all(const struct kc_options *options, int count, char **names)
{
    struct kc_tally all = {.failures = complete(count, names)};

    for (int i = 0; i < op_count; i++) {
        struct kc_tally one = {0};

        if (!wanted_op(ops[i], count, names))
            continue;
        kc_check_op(ops[i], options, &one);
        if (one.calls == 0 && !(ops[i]->flags & KC_DEVICE_ONLY)) {
            fprintf(stderr, "%s: no shape was checked\n", ops[i]->name);
            one.failures++;
        }
        all.calls += one.calls;
        all.failures += one.failures;
    }
    all.failures += kc_selftest(options->seed);
    printf("kcheck: %ld calls, %ld failures, seed %" PRIu64 "\n", all.calls, all.failures, options->seed);
    return all.failures > 0;
}

static int bench_all(const struct kc_options *options, int count, char **names)
{
    int failures = complete(count, names);

    kc_bench_heading(options);
    for (int i = 0; i < op_count; i++)
        if (wanted_op(ops[i], count, names))
            failures += kc_bench_op(ops[i], options) < 0;
    return failures > 0;
}

int main(int argc, char **argv)
{
    struct flags flags;
    int err = parse(argc, argv, &flags);

    if (err != 0)
        return err < 0 ? 0 : err;
    argc -= optind;
    argv += optind;
    if (flags.list) {
        for (int i = 0; i < op_count; i++)
            puts(ops[i]->name);
        return 0;
    }
    err = flags.bench ? bench_all(&flags.options, argc, argv) : check_all(&flags.options, argc, argv);
    kc_device_finish();
    return err;
}
