/* bitworker: one rank of a run, started by bitd with mpirun or srun. People use it directly only for a plan, bench and
 * score. */
#include <getopt.h>
#include <inttypes.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/log.h"
#include "proto/text/roff.h"
#include "proto/wire/msg.h"
#include "proto/wire/secret.h"
#include "worker/bench.h"
#include "worker/link/heartbeat.h"
#include "worker/link/session.h"
#include "worker/loop.h"
#include "worker/plan_print.h"
#include "worker/power_watch.h"
#include "worker/process/signals.h"
#include "worker/process/stacks.h"
#include "worker/product_table.h"
#include "worker/ranks/comm.h"
#include "worker/score_verb.h"
#include "worker/worker.h"

BIT_LOG_TOPIC("main");

static const char help[] = "Usage: bitworker\n"
                           "       bitworker --plan SPECFILE [--ranks N]\n"
                           "       bitworker bench [OPTION...]\n"
                           "       bitworker score [OPTION...] [FILE...]\n"
                           "\n"
                           "One rank of a training run. bitd starts the ranks with mpirun or srun,\n"
                           "and gives them\n"
                           "  BITD_LINK         where to connect to the daemon: a socket's path, or\n"
                           "                    host:port\n"
                           "  BITD_RUN          the run's id\n"
                           "  BITD_EPOCH        this launch of the run; orders of another are refused\n"
                           "  BITD_SECRET_FILE  file with the launch's secret, which authenticates\n"
                           "                    this worker\n"
                           "  BITD_RETRY_S      how long to go on without a daemon (300)\n"
                           "  BITD_TOLD         report SIGTERM to the daemon, which decides what\n"
                           "                    to do\n"
                           "  BITD_LOG          error, warn, info or debug (info)\n"
                           "\n"
                           "  --plan SPECFILE   work out sizes and memory of one rank, write one\n"
                           "                    frame (WORKER_READY, step 0) to stdout\n"
                           "  --ranks N         plan for N ranks instead of the specification's\n"
                           "  bench             time whole training steps of one model here; see\n"
                           "                    bitworker bench --help\n"
                           "  score             log-likelihoods of requests by one model; see\n"
                           "                    bitworker score --help\n"
                           "  --help, --version\n"
                           "\n"
                           "Exit: 0 done, 2 usage, 64 a bad specification, 65 corrupt data, 69 no\n"
                           "daemon, 104 not a finite number, 143 ended by SIGTERM; for any other\n"
                           "code see the log.\n";

struct options {
    const char *plan;
    int ranks;
};

/* bitworker(8), made from the help texts. */
static void print_man(FILE *f)
{
    bit_roff_head(f, "bitworker", 8, "one rank of a training run of bitd");
    bit_roff_section(f, "DESCRIPTION");
    bit_roff_lines(f, help);
    bit_roff_section(f, "BENCH");
    bit_roff_lines(f, bit_bench_help);
    bit_roff_section(f, "SCORE");
    bit_roff_lines(f, bit_score_help);
    bit_roff_see_also(f, "bitd(8), bitctl(1), bit-run(5)");
}

static int parse_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {{"plan", required_argument, NULL, 'p'},
                                          {"ranks", required_argument, NULL, 'r'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'V'},
                                          {"man", no_argument, NULL, 'm'}, /* used by the build */
                                          {0}};
    int c;

    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (c) {
        case 'p':
            options->plan = optarg;
            break;
        case 'r':
            options->ranks = atoi(optarg);
            if (options->ranks < 1 || options->ranks > BIT_RANKS_MAX)
                return bit_fail(BIT_EUSAGE, "--ranks %s", optarg);
            break;
        case 'h':
            fputs(help, stdout);
            exit(BIT_EXIT_OK);
        case 'm':
            print_man(stdout);
            exit(BIT_EXIT_OK);
        case 'V':
            printf("bitworker %s (%s)\n", BIT_VERSION, BIT_COMMIT);
            exit(BIT_EXIT_OK);
        default:
            return bit_fail(BIT_EUSAGE, "see bitworker --help");
        }
    }
    if (optind < argc)
        return bit_fail(BIT_EUSAGE, "'%s'; see bitworker --help", argv[optind]);
    return 0;
}

static void init_log(void)
{
    const char *wanted = getenv("BITD_LOG");
    int level = wanted == NULL ? BIT_LOG_INFO : bit_log_level_parse(wanted);

    bit_log_init(level < 0 ? BIT_LOG_INFO : (enum bit_log_level)level);
}

static void set_log_context(const struct bit_comm *comm)
{
    const char *run = getenv("BITD_RUN");

    bit_log_context("run=%s rank=%d", run == NULL ? "none" : run, comm->rank);
}

static void tell_before_abort(void *arg, int err)
{
    bit_session_failed(arg, 0, err, bit_fail_text());
}

/* For ranks other than 0: only they know the reason; the launcher reports just an exit code. */
static void beat_before_abort(void *arg, int err)
{
    bit_heartbeat_failed(arg, err, bit_fail_text());
}

/* Broadcasts rank 0's welcome to the others. */
static int share_welcome(struct bit_comm *comm, Bit__Welcome **welcome)
{
    uint64_t bytes = *welcome == NULL ? 0 : bit__welcome__get_packed_size(*welcome);
    uint8_t *packed;
    int err = 0;

    bit_comm_bcast(comm, &bytes, sizeof bytes, 0);
    packed = malloc(bytes);
    if (packed == NULL)
        bit_comm_abort(comm, bit_fail(-ENOMEM, "a welcome of %" PRIu64 " bytes", bytes));
    if (comm->rank == 0)
        bit__welcome__pack(*welcome, packed);
    bit_comm_bcast(comm, packed, bytes, 0);
    if (comm->rank != 0) {
        *welcome = bit__welcome__unpack(NULL, bytes, packed);
        if (*welcome == NULL)
            err = bit_fail(BIT_EMESSAGE, "the welcome from rank 0");
    }
    free(packed);
    return bit_comm_agree(comm, err);
}

/* Rank 0's connection to the daemon. */
static int open_session(struct bit_comm *comm, struct bit_session **session, struct bit_sections *sections,
                        Bit__Welcome **welcome)
{
    struct bit_link_config config;
    int err;

    if (comm->rank != 0)
        return 0;
    err = bit_link_config_from_env(&config);
    if (err < 0)
        return err;
    *session = malloc(sizeof **session);
    if (*session == NULL)
        return bit_fail(-ENOMEM, "the session");
    bit_session_init(*session, &config, (uint32_t)comm->size, sections);
    bit_secret_wipe(&config, sizeof config);
    err = bit_session_open(*session, welcome);
    if (err < 0)
        return err;
    comm->before_abort = tell_before_abort;
    comm->before_abort_arg = *session;
    return 0;
}

/* The other ranks' connection: they send heartbeats, and learn whether this launch still counts. Only if the welcome
 * has beat_ms, that is, if the daemon supports it. */
static int start_beat(struct bit_comm *comm, struct bit_heartbeat *beat, const struct bit_sections *sections,
                      const Bit__Welcome *welcome)
{
    struct bit_link_config config;
    int err;

    if (comm->rank == 0 || !welcome->has_beat_ms)
        return 0;
    err = bit_link_config_from_env(&config);
    if (err >= 0)
        err = bit_heartbeat_start_own(beat, &config, (uint32_t)comm->rank, (uint32_t)comm->size, sections, welcome);
    bit_secret_wipe(&config, sizeof config);
    if (err >= 0) {
        comm->before_abort = beat_before_abort;
        comm->before_abort_arg = beat;
    }
    return err;
}

static void say_ready(struct bit_worker *worker, const struct bit_ckpt *ckpt, struct bit_session *session)
{
    Bit__WorkerReady ready;
    char backend[BIT_WORKER_BACKEND_BYTES];

    bit_worker_ready(worker, ckpt, &ready, backend);
    atomic_store(&worker->sections->step, worker->step);
    if (session == NULL)
        return;
    bit_session_ready(session, &ready);
    bit_info("ready", "step=%" PRIu64 " parameters=%" PRIu64 " backend=%s", worker->step, ready.parameters, backend);
}

/* Only to a daemon whose welcome has `products`, which means that it accepts them. */
static void tell_found(struct bit_session *session, const Bit__Welcome *welcome, const struct bit_product_set *found)
{
    if (session != NULL && welcome->has_products)
        bit_session_products(session, found);
}

static int train(struct bit_comm *comm, struct bit_session *session, struct bit_heartbeat *beat,
                 const Bit__Welcome *welcome, struct bit_sections *sections)
{
    const char *run = getenv("BITD_RUN");
    struct bit_worker worker = {0};
    struct bit_ckpt ckpt = {0};
    struct bit_power_watch power = {0};
    struct bit_product_set found = {0};
    int err = bit_worker_init(&worker, comm, welcome, run == NULL ? "" : run, sections);

    if (err >= 0)
        err = bit_product_table_find(&worker, &found);
    if (err >= 0)
        err = bit_ckpt_init(&ckpt, &worker);
    if (err >= 0 && bit_power_watch_start(&power, &worker.model->exec))
        worker.power = &power;
    if (err >= 0) {
        tell_found(session, welcome, &found);
        say_ready(&worker, &ckpt, session);
        err = bit_loop_run(&worker, &ckpt, session, beat);
    }
    if (err < 0 && session != NULL)
        bit_session_failed(session, (uint32_t)comm->failed_rank, err, bit_fail_text());
    if (err < 0 && comm->rank == comm->failed_rank)
        bit_error("failed", "code=%d step=%" PRIu64 " at=%s why=%s", err, worker.step, bit_fail_place(),
                  bit_fail_text());
    bit_ckpt_finish(&ckpt);
    bit_power_watch_stop(&power);
    bit_product_set_finish(&found);
    bit_worker_finish(&worker);
    return err;
}

/*
 * MPI waits by polling at full speed. If another process needs the core (the daemon, a second run, a rank that shares
 * it), that turns a wait of microseconds into one of whole time slices. Yielding costs nothing if no process needs it.
 */
static void prefer_yielding(void)
{
    setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0);
}

static int run_rank(void)
{
    struct bit_sections sections = {0};
    struct bit_session *session = NULL;
    struct bit_heartbeat beat = {0};
    Bit__Welcome *welcome = NULL;
    struct bit_comm comm;
    int err = bit_comm_init(&comm, MPI_COMM_WORLD);

    set_log_context(&comm);
    bit_sections_restart(&sections, BIT_SECTION_START);
    bit_stacks_set_rank(comm.rank, &sections);
    comm.sections = &sections;
    if (err >= 0)
        err = bit_comm_agree(&comm, open_session(&comm, &session, &sections, &welcome));
    if (err < 0 && comm.rank == 0)
        bit_error("failed", "code=%d at=%s why=%s", err, bit_fail_place(), bit_fail_text());
    if (err >= 0)
        err = share_welcome(&comm, &welcome);
    if (err >= 0)
        err = bit_comm_agree(&comm, start_beat(&comm, &beat, &sections, welcome));
    if (err >= 0)
        err = train(&comm, session, &beat, welcome, &sections);
    bit_heartbeat_stop(&beat);
    if (session != NULL)
        bit_session_finish(session);
    free(session);
    bit_msg_free(welcome);
    bit_comm_finish(&comm);
    return err;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    int err, provided;

    if (argc > 1 && strcmp(argv[1], "bench") == 0)
        return bit_bench_main(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "score") == 0)
        return bit_score_main(argc - 1, argv + 1);
    err = parse_options(argc, argv, &options);
    init_log();
    if (err >= 0 && options.plan != NULL)
        err = bit_plan_print(options.plan, options.ranks, stdout);
    if (err < 0 || options.plan != NULL) {
        if (err < 0)
            bit_fail_print("bitworker");
        return err == BIT_PLAN_NOT_HERE ? BIT_EXIT_UNAVAILABLE : bit_exit_code(err);
    }
    err = bit_secret_no_core();
    if (err >= 0)
        err = bit_signals_init();
    prefer_yielding();
    if (err >= 0 && MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS)
        err = bit_fail(BIT_EMPI, "MPI_Init_thread");
    if (err >= 0)
        err = run_rank();
    if (err >= 0 || err != BIT_EMPI)
        MPI_Finalize();
    return bit_exit_code(err);
}
