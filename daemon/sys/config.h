/* bitd's settings: flags over the file over the defaults, each range checked once. */
#ifndef BIT_DAEMON_CONFIG_H
#define BIT_DAEMON_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/limits.h"
#include "proto/log.h"
#include "proto/wire/address.h"

#define BIT_CONFIG_PATH_MAX 1024
#define BIT_ALLOW_MAX       2048
#define BIT_BEATS_MISSED    5 /* heartbeats in heartbeat_ms */

/* How workers are told to connect. */
enum bit_link_kind {
    BIT_LINK_AUTO, /* by the Unix socket where the launcher starts them on this host, else over TCP */
    BIT_LINK_UNIX,
    BIT_LINK_TCP,
};

/* Programs that are told what happens (daemon/sys/hooks.h). */
enum bit_hook { BIT_HOOK_END, BIT_HOOK_CHECKPOINT, BIT_HOOK_SWITCH, BIT_HOOK_ANOMALY, BIT_HOOKS };
#define BIT_HOOK_MAX 1024 /* bytes of its program and arguments */

struct bit_config {
    char file[BIT_CONFIG_PATH_MAX]; /* the configuration file, empty if none */
    char state[BIT_CONFIG_PATH_MAX];
    char socket[BIT_CONFIG_PATH_MAX];
    char worker[BIT_CONFIG_PATH_MAX]; /* the bitworker to launch */
    char mpirun[BIT_CONFIG_PATH_MAX]; /* the launcher, called as mpirun is */
    char slurm[BIT_CONFIG_PATH_MAX];  /* the folder of srun, sbatch, squeue, scancel; empty: PATH */
    char log[BIT_CONFIG_PATH_MAX];    /* the log; empty: stderr */
    enum bit_log_level log_level;

    char link[BIT_CONFIG_PATH_MAX]; /* the workers' socket: STATE/link.sock */
    char listen[BIT_ADDRESS_MAX];   /* where workers of other nodes connect (daemon/link/endpoint.h); empty: nowhere */
    char advertise[BIT_HOST_MAX];   /* the host that they are told; empty: the address that listen came to */
    enum bit_link_kind link_kind;   /* "link" in the file */

    /* Flags alone. */
    char run[BIT_CONFIG_PATH_MAX]; /* a specification to be run to its end; empty: none */
    bool requeue;                  /* the Slurm job, if runs are left when it ends */

    char group[64];                       /* that may use the socket besides the owner; empty: none */
    char admin_group[64];                 /* that may do everything to every run */
    char allow_srun_arg[BIT_ALLOW_MAX];   /* what other users may pass to Slurm: lists (daemon/sys/allow.h) */
    char allow_sbatch_arg[BIT_ALLOW_MAX]; /* the same */
    char allow_env[BIT_ALLOW_MAX];        /* and to the ranks */

    char hook[BIT_HOOKS][BIT_HOOK_MAX]; /* a program and its arguments, spaces between; empty: none */
    uint64_t hook_ms;                   /* that one may take */

    char metrics[BIT_CONFIG_PATH_MAX]; /* where GET /metrics is answered (daemon/http/http.h); empty: nowhere */
    bool metrics_remote;               /* beyond this host, too */
    uint64_t metrics_keep_ms;          /* that an ended run is still told of */

    uint32_t slots;                                              /* runs that train at once */
    uint32_t runs_per_user;                                      /* of one user, that have not ended */
    uint32_t clients_per_user, waits_per_user, streams_per_user; /* daemon/client/connection/quota.h */
    uint32_t lookahead;                                          /* step orders out beyond the last report */

    /* How long a launch and its ranks may take. */
    uint64_t start_ms;             /* from the launch until the model is there */
    uint64_t launch_patience_ms;   /* for which launches that come to no step are tried again */
    uint64_t restart_delay_max_ms; /* between a loss and the next launch: 1 s, 2 s, ..., and then this */
    uint64_t reconnect_ms;         /* until a worker that lives has connected again */
    uint64_t heartbeat_ms;         /* between two beats of a rank; then it is lost */
    uint64_t stall_ms; /* for a step, and not less than stall_factor times what the others took; then it hangs */
    uint32_t stall_factor;
    uint64_t long_ms;  /* for what is no step, and for the first step of a launch or a phase */
    uint64_t fence_ms; /* between two beats of bitd to a rank; then the rank ends itself */
    uint64_t grace_ms; /* between SIGTERM and SIGKILL */

    /* Other times. */
    uint64_t checkpoint_retry_ms; /* until a checkpoint that could not be written is tried again */
    uint64_t read_patience_ms;    /* for which token files that cannot be read are tried again */
    uint64_t shutdown_ms;         /* for the last checkpoint when bitd itself is stopped */
    uint64_t plan_ms;             /* for `bitworker --plan` */
    uint64_t slurm_poll_ms;       /* between questions about a submitted job */
    uint64_t client_ms;           /* that a client may keep bitd waiting: half a frame, a proof, an answer not taken */
};

/** The defaults, with paths from the environment ($XDG_STATE_HOME, $XDG_RUNTIME_DIR, $BITD_SOCKET, $HOME). */
void bit_config_init(struct bit_config *c);
/**
 * Set one by its name in the file ("slots", "2").
 * Errors      BIT_EUSAGE naming the key, what it may be, or the nearest key
 */
int bit_config_set(struct bit_config *c, const char *key, const char *value);
/** Read `key = value` lines; # begins a comment. Errors: BIT_EUSAGE with file and line; -errno. */
int bit_config_load(struct bit_config *c, const char *path);
/** What follows from the rest: the socket in the state folder, bitworker beside bitd. Errors: BIT_EUSAGE. */
int bit_config_finish(struct bit_config *c);

/* What is said of a setting. */
struct bit_config_setting {
    const char *name, *help;
    const char *group;  /* the first of a group: what that is about; NULL */
    bool is_value;      /* the next is a value, as the file would have it, and not words */
    char fallback[128]; /* what holds where it is not set */
    char range[64];     /* of numbers; "" */
};
/** The i-th setting, in the order of the manual; false after the last. */
bool bit_config_describe(size_t i, struct bit_config_setting *out);

#endif
