#include "worker/score_verb.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/wire/msg.h"
#include "worker/alone.h"
#include "worker/process/clock.h"
#include "worker/score_input.h"
#include "worker/scoring.h"
#include "worker/worker.h"

const char bit_score_help[] = "Usage: bitworker score [OPTION...] [FILE...]\n"
                              "       mpirun -n N bitworker score [OPTION...] FILE...\n"
                              "\n"
                              "Prints how likely a model finds the continuation of each request: the\n"
                              "sum of the natural logarithms of its tokens' probabilities, a line of\n"
                              "JSON for each. FILE (standard input) has a request a line,\n"
                              "    {\"context\": [3, 17, 4], \"continuation\": [8, 2]}\n"
                              "of token ids, or is a request file of a task (NAME.requests), whose items\n"
                              "come by document and choice. What does not fit into the model's context\n"
                              "is cut from the left.\n"
                              "  --checkpoint FOLDER   the model and the weights of a checkpoint of ours\n"
                              "  --model PRESET        without one: olmo_1b (default), olmo_20m, ...,\n"
                              "                        random weights by model.init_seed\n"
                              "  --precision 16bit|ternary|both\n"
                              "                        (16bit); ternary is at full strength\n"
                              "  --set FIELD=VALUE     any other field of the run specification:\n"
                              "                        launch.backend=cpu,\n"
                              "                        model.init_from=w.safetensors, ...\n"
                              "  --repeat N            score everything N times, report the fastest (1)\n"
                              "  --summary             how long it took, a line of JSON for each\n"
                              "                        precision, instead of the sums\n"
                              "  --ranks N             start N ranks with mpirun; FILE must be named\n"
                              "\n"
                              "The sums are the same bits for any number of ranks.\n";

struct options {
    struct bit_alone_options alone;
    char **file; /* file_count 0: standard input */
    int file_count;
    bool in_16bit, in_ternary, summary;
    int64_t repeat, ranks;
};

static int set_precision(struct options *o, const char *text)
{
    const bool both = strcmp(text, "both") == 0;

    o->in_16bit = both || strcmp(text, "16bit") == 0;
    o->in_ternary = both || strcmp(text, "ternary") == 0;
    return o->in_16bit || o->in_ternary ? 0 : -1;
}

/* -1: the value is wrong. */
static int64_t take_option(struct options *o, int c)
{
    switch (c) {
    case 'c':
        o->alone.checkpoint = optarg;
        return 0;
    case 'm':
        o->alone.model = optarg;
        return 0;
    case 'p':
        return set_precision(o, optarg);
    case 'S':
        return bit_alone_set(&o->alone, optarg);
    case 'n':
        return o->repeat = bit_alone_count(optarg, 1000);
    case 'r':
        return o->ranks = bit_alone_count(optarg, 4096);
    default:
        o->summary = true;
        return 0;
    }
}

static int parse(int argc, char **argv, struct options *o)
{
    static const struct option known[] = {{"checkpoint", required_argument, NULL, 'c'},
                                          {"model", required_argument, NULL, 'm'},
                                          {"precision", required_argument, NULL, 'p'},
                                          {"set", required_argument, NULL, 'S'},
                                          {"repeat", required_argument, NULL, 'n'},
                                          {"ranks", required_argument, NULL, 'r'},
                                          {"summary", no_argument, NULL, 's'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    int c;

    *o = (struct options){
        .alone = {.model = "olmo_1b", .micro_instances = 1}, .in_16bit = true, .repeat = 1, .ranks = 1};
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (c == 'h') {
            fputs(bit_score_help, stdout);
            exit(BIT_EXIT_OK);
        }
        if (c == '?')
            return bit_fail(BIT_EUSAGE, "see bitworker score --help");
        if (take_option(o, c) < 0)
            return bit_fail(BIT_EUSAGE, "'%s'; see bitworker score --help", optarg);
    }
    o->file = argv + optind;
    o->file_count = argc - optind;
    return o->ranks > 1 && o->file_count == 0 ? bit_fail(BIT_EUSAGE, "more than one rank needs a FILE") : 0;
}

/* ---- the requests, as in orders */

struct verb {
    struct bit_worker worker;
    struct bit_score_lines lines; /* rank 0's */
    uint8_t *payload;             /* rank 0's: their ids in the order's format */
    double *sum[2];               /* of each precision, on rank 0 */
};

static int read_requests(struct verb *v, const struct options *o)
{
    const struct bit_worker_plan *plan = &v->worker.plan;
    int err = o->file_count == 0 ? bit_score_file_read(&v->lines, "-", plan) : 0;

    for (int i = 0; i < o->file_count && err >= 0; i++)
        err = bit_score_file_read(&v->lines, o->file[i], plan);
    if (err < 0)
        return err;
    v->payload = malloc((size_t)(v->lines.ids_count * plan->token_bytes));
    for (int i = 0; i < 2; i++)
        v->sum[i] = calloc((size_t)v->lines.count, sizeof *v->sum[i]);
    if (v->payload == NULL || v->sum[0] == NULL || v->sum[1] == NULL)
        return bit_fail(-ENOMEM, "%" PRId64 " requests", v->lines.count);
    for (int64_t i = 0; i < v->lines.ids_count; i++)
        for (int64_t k = 0; k < plan->token_bytes; k++)
            v->payload[i * plan->token_bytes + k] = (uint8_t)(v->lines.ids[i] >> 8 * k);
    return 0;
}

/* The next action: as many requests as an order may have, from `first` on. requests is 0 if none are left. */
static struct bit_action next_action(const struct verb *v, Bit__Precision precision, int64_t first)
{
    struct bit_action action = {.kind = BIT_ACTION_SCORE, .precision = precision};
    const int64_t ids_max = BIT_SCORE_TOKEN_BYTES_MAX / v->worker.plan.token_bytes;

    for (int64_t r = first; r < v->lines.count && action.requests < BIT_SCORE_REQUESTS_MAX; r++) {
        if (action.ids + v->lines.tokens[r] > ids_max)
            break;
        action.ids += v->lines.tokens[r];
        action.requests++;
    }
    return action;
}

static int score_all(struct verb *v, Bit__Precision precision, double *ms, int64_t *rows)
{
    struct bit_comm *comm = v->worker.comm;
    double *sum = v->sum[precision == BIT__PRECISION__TERNARY];
    int64_t first = 0, ids = 0;
    int err = 0;

    *rows = 0;
    bit_comm_barrier(comm);
    const double began_ms = bit_clock_ms();
    while (err >= 0) {
        struct bit_action action = next_action(v, precision, first);
        const struct bit_score_input input = {
            .tokens = v->lines.tokens + first,
            .continuation = v->lines.continuation + first,
            .ids = v->payload + ids * v->worker.plan.token_bytes,
        };
        struct bit_scored scored = {0};

        bit_comm_bcast(comm, &action, sizeof action, 0);
        if (action.requests == 0)
            break;
        err = bit_scoring_run(&v->worker, &action, &input, &scored);
        if (err >= 0 && comm->rank == 0)
            memcpy(sum + first, scored.sum, (size_t)action.requests * sizeof *sum);
        for (int64_t i = 0; i < scored.no_numbers && comm->rank == 0; i++)
            sum[first + scored.no_number[i]] = NAN;
        *rows += scored.rows;
        bit_scoring_finish(&scored);
        first += action.requests;
        ids += action.ids;
    }
    *ms = bit_clock_ms() - began_ms;
    return err;
}

/* ---- the output */

static const char *name_of(Bit__Precision precision)
{
    return precision == BIT__PRECISION__TERNARY ? "ternary" : "16bit";
}

/* JSON has no NaN. */
static void print_sums(const struct verb *v, Bit__Precision precision)
{
    const double *sum = v->sum[precision == BIT__PRECISION__TERNARY];

    for (int64_t r = 0; r < v->lines.count; r++) {
        printf("{\"request\":%" PRId64 ",\"precision\":\"%s\",\"sum\":", r, name_of(precision));
        if (isfinite(sum[r]))
            printf("%.17g", sum[r]);
        else
            printf("null");
        printf(",\"tokens\":%u,\"continuation\":%u}\n", v->lines.tokens[r], v->lines.continuation[r]);
    }
}

static void print_summary(const struct verb *v, Bit__Precision precision, double ms, int64_t rows)
{
    const struct bit_worker *w = &v->worker;
    const double count = (double)v->lines.count;

    printf("{\"precision\":\"%s\",\"requests\":%" PRId64 ",\"tokens\":%" PRId64 ",\"rows\":%" PRId64
           ",\"rows_at_once\":%" PRId64 ",\"ms\":%.3f,\"requests_per_s\":%.1f,\"us_per_request\":%.2f,\"ranks\":%d,"
           "\"planned_gib\":%.2f,\"device\":\"%s\",\"commit\":\"%s\"}\n",
           name_of(precision), v->lines.count, v->lines.ids_count, rows, w->plan.score_rows, ms, count / ms * 1e3,
           ms / count * 1e3, w->comm->size, (double)w->plan.memory.total / (1 << 30), w->model->exec.description,
           BIT_COMMIT);
}

static int score_in(struct verb *v, const struct options *o, Bit__Precision precision)
{
    double fastest_ms = INFINITY, ms;
    int64_t rows = 0;
    int err = 0;

    for (int64_t i = 0; i < o->repeat && err >= 0; i++) {
        err = score_all(v, precision, &ms, &rows);
        fastest_ms = fmin(fastest_ms, ms);
    }
    if (err < 0 || v->worker.comm->rank != 0)
        return err;
    if (o->summary)
        print_summary(v, precision, fastest_ms, rows);
    else
        print_sums(v, precision);
    return fflush(stdout) != 0 ? bit_fail(-errno, "writing the sums") : 0;
}

/* A bit_alone_verb. */
static int run(struct bit_comm *comm, void *options)
{
    struct options *o = options;
    struct bit_sections sections = {0};
    Bit__Welcome welcome = BIT__WELCOME__INIT;
    struct verb v = {0};
    int err;

    o->alone.instances = comm->size;
    err = bit_comm_agree(comm, bit_alone_spec(&o->alone, &welcome.spec));
    comm->sections = &sections;
    if (err >= 0)
        err = bit_worker_init(&v.worker, comm, &welcome, "score", &sections);
    if (err < 0)
        goto out;
    err = bit_comm_agree(comm, comm->rank == 0 ? read_requests(&v, o) : 0);
    if (err >= 0 && o->in_16bit)
        err = score_in(&v, o, BIT__PRECISION__SIXTEEN_BIT);
    if (err >= 0 && o->in_ternary)
        err = score_in(&v, o, BIT__PRECISION__TERNARY);
out:
    free(v.payload);
    free(v.sum[0]);
    free(v.sum[1]);
    bit_score_lines_finish(&v.lines);
    bit_worker_finish(&v.worker);
    bit_msg_free(welcome.spec);
    return err;
}

int bit_score_main(int argc, char **argv)
{
    struct options options;
    int err = parse(argc, argv, &options);

    if (err < 0) {
        bit_fail_print("bitworker score");
        return bit_exit_code(err);
    }
    return bit_alone_main("bitworker score", argc, argv, options.ranks, run, &options);
}
