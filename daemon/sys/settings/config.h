/* bitd's settings. Flags override the configuration file, which overrides the defaults. */
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
    BIT_LINK_AUTO, /* over the Unix socket if the launcher starts them on this host, else over TCP */
    BIT_LINK_UNIX,
    BIT_LINK_TCP,
};

/* Events for which the settings may name a program to run (daemon/sys/processes/hooks.h). */
enum bit_hook { BIT_HOOK_END, BIT_HOOK_CHECKPOINT, BIT_HOOK_SWITCH, BIT_HOOK_ANOMALY, BIT_HOOKS };
#define BIT_HOOK_MAX 1024 /* bytes of a hook's program and arguments */

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
    char advertise[BIT_HOST_MAX];   /* the host name sent to them; empty: the address that was bound */
    enum bit_link_kind link_kind;   /* "link" in the file */

    /* Set by flags only. */
    char run[BIT_CONFIG_PATH_MAX]; /* a specification to run to its end; empty: none */
    bool requeue;                  /* requeue the Slurm job if runs have not ended when it ends */

    char group[64];                       /* users who may use the socket besides the owner; empty: none */
    char admin_group[64];                 /* users who may do everything to every run */
    char allow_srun_arg[BIT_ALLOW_MAX];   /* what other users may pass to srun: a list (daemon/sys/settings/allow.h) */
    char allow_sbatch_arg[BIT_ALLOW_MAX]; /* the same for sbatch */
    char allow_env[BIT_ALLOW_MAX];        /* the same for variables of the ranks */

    char hook[BIT_HOOKS][BIT_HOOK_MAX]; /* a program and its arguments, separated by spaces; empty: none */
    uint64_t hook_ms;                   /* time limit of each call */

    char metrics[BIT_CONFIG_PATH_MAX]; /* where GET /metrics is answered (daemon/http/http.h); empty: nowhere */
    bool metrics_remote;               /* it may be an address that other hosts reach */
    uint64_t metrics_keep_ms;          /* how long an ended run stays in the metrics */

    uint32_t slots;                                              /* runs that train at once */
    uint32_t runs_per_user;                                      /* runs of one user that have not ended */
    uint32_t clients_per_user, waits_per_user, streams_per_user; /* daemon/client/connection/quota.h */
    uint32_t lookahead;                                          /* step orders sent ahead of the last report */

    /* How long a launch and its ranks may take. */
    uint64_t start_ms;             /* from the launch until the model is loaded */
    uint64_t launch_patience_ms;   /* how long launches that reach no step are retried */
    uint64_t restart_delay_max_ms; /* the longest delay before the next launch, which begins at 1 s and doubles */
    uint64_t reconnect_ms;         /* for a living worker to connect again */
    uint64_t heartbeat_ms;         /* a rank that sent nothing for this long is lost */
    uint64_t stall_ms; /* a step that takes longer than this, and than stall_factor times the others, hangs */
    uint32_t stall_factor;
    uint64_t long_ms;  /* the same for orders other than steps, and for the first step of a launch or a phase */
    uint64_t fence_ms; /* a rank that heard nothing from bitd for this long ends itself */
    uint64_t grace_ms; /* between SIGTERM and SIGKILL */

    /* Other times. */
    uint64_t checkpoint_retry_ms; /* until a checkpoint that could not be written is retried */
    uint64_t read_patience_ms;    /* how long token files that cannot be read are retried */
    uint64_t shutdown_ms;         /* for the last checkpoint when bitd itself is stopped */
    uint64_t plan_ms;             /* for `bitworker --plan` */
    uint64_t slurm_poll_ms;       /* between polls of a submitted job */
    uint64_t client_ms;           /* how long a client may delay half a frame, a proof, or reading an answer */
};

/** The defaults, with paths from the environment ($XDG_STATE_HOME, $XDG_RUNTIME_DIR, $BITD_SOCKET, $HOME). */
void bit_config_init(struct bit_config *c);
/**
 * Set one by its name in the file ("slots", "2"), and check its range.
 * Errors      BIT_EUSAGE naming the key and its range, or the nearest key
 */
int bit_config_set(struct bit_config *c, const char *key, const char *value);
/** Read `key = value` lines; # begins a comment. Errors: BIT_EUSAGE with file and line; -errno. */
int bit_config_load(struct bit_config *c, const char *path);
/** Fill in what depends on other settings (socket, worker, absolute paths). Errors: BIT_EUSAGE; -errno. */
int bit_config_finish(struct bit_config *c);

/* The documentation of a setting. */
struct bit_config_setting {
    const char *name, *help;
    const char *group;  /* the group's title, for the first setting of a group; else NULL */
    bool is_value;      /* `fallback` is a value as written in the file, not a description */
    char fallback[128]; /* the default */
    char range[64];     /* of numbers; else "" */
};
/** The i-th setting, in the order of the manual; false after the last. */
bool bit_config_describe(size_t i, struct bit_config_setting *out);

#endif
