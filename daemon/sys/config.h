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

struct bit_config {
    char file[BIT_CONFIG_PATH_MAX]; /* the configuration file, empty if none */
    char state[BIT_CONFIG_PATH_MAX];
    char socket[BIT_CONFIG_PATH_MAX];
    char link[BIT_CONFIG_PATH_MAX]; /* the workers' socket: STATE/link.sock */
    char listen[BIT_ADDRESS_MAX];   /* where workers of other nodes connect (daemon/link/endpoint.h); empty: nowhere */
    char advertise[BIT_HOST_MAX];   /* the host that they are told; empty: what listen came to */
    enum bit_link_kind link_kind;   /* "link" in the file */
    char group[64];                 /* that may use the socket besides the owner; empty: nobody */
    char admin_group[64];           /* that may do everything to every run */
    char worker[BIT_CONFIG_PATH_MAX]; /* the bitworker to launch */
    char mpirun[BIT_CONFIG_PATH_MAX]; /* the launcher, called as mpirun is */
    char slurm[BIT_CONFIG_PATH_MAX];  /* the folder of srun, sbatch, squeue, scancel; empty: PATH */
    char run[BIT_CONFIG_PATH_MAX];    /* a specification to be run to its end; empty: none. A flag alone */
    bool requeue;                     /* the Slurm job, if runs are left when it is told to go. A flag alone */
    char
        allow_srun_arg[BIT_ALLOW_MAX]; /* what others than our own user may pass to Slurm: lists (daemon/sys/allow.h) */
    char allow_sbatch_arg[BIT_ALLOW_MAX]; /* the same */
    char allow_env[BIT_ALLOW_MAX];        /* and to the ranks */
    enum bit_log_level log_level;
    uint32_t slots;                                              /* runs that train at once */
    uint32_t runs_per_user;                                      /* of one user, that have not ended */
    uint32_t clients_per_user, waits_per_user, streams_per_user; /* daemon/client/quota.h */
    uint32_t lookahead;                                          /* step orders out beyond the last report */
    uint64_t start_ms;                                           /* from launch to a model that stands */
    uint64_t reconnect_ms;                                       /* a worker that lives may be away so long */
    uint64_t heartbeat_ms; /* a rank that was heard and is not for so long is lost */
    uint64_t stall_ms;     /* a step that takes longer, and longer than stall_factor times the others', hangs */
    uint32_t stall_factor;
    uint64_t long_ms;             /* the same of what is no step, and of the first step of a launch or a phase */
    uint64_t fence_ms;            /* a rank that has not heard us for so long ends itself */
    uint64_t grace_ms;            /* between SIGTERM and SIGKILL */
    uint64_t checkpoint_retry_ms; /* until one that could not be written is tried again */
    uint64_t read_patience_ms;    /* token files that cannot be read are tried again for so long */
    uint64_t shutdown_ms;         /* for the last checkpoint when bitd itself is told to go */
    uint64_t plan_ms;             /* for `bitworker --plan` */
    uint64_t slurm_poll_ms;       /* between questions about a submitted job */
    uint64_t client_ms;           /* half a frame may be on its way so long */
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

#endif
