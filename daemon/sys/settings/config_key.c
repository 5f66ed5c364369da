#include "daemon/sys/settings/config_key.h"

#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/text/nearest.h"

#define AT(member)         offsetof(struct bit_config, member)
#define TEXT_OF(member)    BIT_CONFIG_TEXT, AT(member), 0, sizeof((struct bit_config *)0)->member
#define COUNT_OF(member)   BIT_CONFIG_COUNT, AT(member)
#define TIME_OF(member)    BIT_CONFIG_MILLISECONDS, AT(member)
#define HOOK_OF(which)     BIT_CONFIG_HOOK, AT(hook[which]), 0, BIT_HOOK_MAX
#define LIST_OF(k, member) k, AT(member), 0, BIT_ALLOW_MAX

/* Times in the file are in seconds and may have a fraction. */
static const struct bit_config_key keys[] = {
    {"state", "The folder of the runs.", TEXT_OF(state), "Where it is",
     "$XDG_STATE_HOME/bitd, or ~/.local/state/bitd; absolute, no ~ here"},
    {"socket", "The socket for bitctl, besides STATE/bitd.sock. It is created again if it disappears.", TEXT_OF(socket),
     NULL, "$BITD_SOCKET, or $XDG_RUNTIME_DIR/bitd.sock"},
    {"log", "A file to which the log is appended, reopened at SIGHUP.", TEXT_OF(log), NULL, "stderr"},
    {"log_level", "error, warn, info or debug. SIGHUP reads it again.", BIT_CONFIG_LEVEL, AT(log_level), 0, 0},

    {"group", "Users of this group may submit, and read every run.", TEXT_OF(group), "Who may use it",
     "the owner alone"},
    {"admin_group", "Users of this group (and of the one above) may do everything to every run.", TEXT_OF(admin_group),
     NULL, "nobody else"},
    {"runs_per_user", "Runs of one user that have not ended; further submissions are refused until one has.",
     COUNT_OF(runs_per_user), 1, BIT_RUNS_MAX},
    {"clients_per_user",
     "Connections of one user; bitd's user, root and administrators have their own. Beyond this limit and the next "
     "two, bitctl prints the limit and exits with 75.",
     COUNT_OF(clients_per_user), 1, BIT_CLIENTS_MAX},
    {"waits_per_user", "Of them, those that wait for something.", COUNT_OF(waits_per_user), 0, BIT_CLIENTS_MAX},
    {"streams_per_user", "Of them, those that follow events and logs.", COUNT_OF(streams_per_user), 0, BIT_CLIENTS_MAX},
    {"client_timeout", "How long a client may take to finish a request that it has begun, or to read an answer.",
     TIME_OF(client_ms), 100, 600000},

    {"listen",
     "Also take workers over TCP: [HOST:]PORT[-PORT]; HOST is an address, a name of this host or an interface: 4100, "
     "ib0:4100-4199, [fd00::1]:4100. Encrypted.",
     BIT_CONFIG_ADDRESS, AT(listen), 0, BIT_ADDRESS_MAX, "Workers on other hosts", "this host alone"},
    {"advertise", "The host to which workers connect.", TEXT_OF(advertise), NULL,
     "the address bound, or this host's name"},
    {"link", "How workers connect: unix, tcp, or auto, which follows the launcher (mpirun: unix).", BIT_CONFIG_LINK,
     AT(link_kind), 0, 0},

    {"worker", "The bitworker to start.", TEXT_OF(worker), "What it starts", "bitworker beside bitd, else from PATH"},
    {"mpirun", "Open MPI's mpirun, or a wrapper that takes its arguments.", TEXT_OF(mpirun)},
    {"slurm", "The folder of srun, sbatch, squeue and scancel.", TEXT_OF(slurm), NULL, "PATH"},
    {"allow_srun_arg",
     "Options of srun that users other than bitd's own may give in launch.slurm; all others are refused. A list, "
     "separated by spaces or commas: an option alone allows any value, NAME=VALUE only that one, NAME_* every name "
     "that begins so, as in --nice --constraint=h100. Options of Slurm's plugins must be listed for bitd's own user, "
     "too.",
     LIST_OF(BIT_CONFIG_SRUN_OPTIONS, allow_srun_arg), NULL, "none"},
    {"allow_sbatch_arg", "The same for sbatch.", LIST_OF(BIT_CONFIG_SBATCH_OPTIONS, allow_sbatch_arg), NULL, "none"},
    {"allow_env",
     "The same for variables of the workers, as in NCCL_DEBUG=INFO NCCL_SOCKET_IFNAME NCCL_IB_*. Variables that "
     "change what programs load, run, read or write (LD_*, PATH, SLURM_*, OMPI_*, ...) are refused.",
     LIST_OF(BIT_CONFIG_VARIABLES, allow_env), NULL, "none"},
    {"slots", "Runs that train at once; the others queue.", COUNT_OF(slots), 1, 1024},
    {"lookahead", "Step orders sent ahead of the last report; a switch can be moved to any step after these.",
     COUNT_OF(lookahead), 1, 64},

    {"on_end",
     "A program that bitd starts, as its own user, when a run has ended: its full path and its arguments, separated "
     "by spaces; no shell reads them. It has BITD_HOOK, BITD_RUN, BITD_NAME, BITD_RUN_DIR, BITD_EVENT, BITD_STEP, "
     "BITD_RUN_STATE, BITD_EXIT_CODE and BITD_REASON in its environment, and the event on its standard input, as "
     "bitctl events --json prints it. Its output is discarded; a failure is logged once, until it works again. "
     "Training never waits for it.",
     HOOK_OF(BIT_HOOK_END), "Programs that bitd notifies", "none"},
    {"on_checkpoint", "The same when a checkpoint is durable, with BITD_CHECKPOINT, its folder.",
     HOOK_OF(BIT_HOOK_CHECKPOINT), NULL, "none"},
    {"on_switch", "The same when a run has switched, with BITD_PRECISION.", HOOK_OF(BIT_HOOK_SWITCH), NULL, "none"},
    {"on_anomaly",
     "The same after an anomaly (a NaN, a spike, a straggler), with BITD_ANOMALY, its kind, and "
     "BITD_REASON.",
     HOOK_OF(BIT_HOOK_ANOMALY), NULL, "none"},
    {"hook_timeout",
     "Such a program is killed after this time, with all that it started. One that runs when bitd itself ends "
     "continues, and nothing ends it.",
     TIME_OF(hook_ms), 10, 3600000},

    {"metrics",
     "Serve GET /metrics, with the output of bitctl metrics, and GET /healthz: at a Unix socket, whose path begins "
     "with a slash, for those who may use bitd's socket; or at a loopback address, 9105 or [::1]:9105, where every "
     "user of this host can read the numbers, with the names of runs, held-out sets and tasks, but no path and no "
     "user.",
     BIT_CONFIG_METRICS, AT(metrics), 0, sizeof((struct bit_config *)0)->metrics, "What monitoring reads", "nowhere"},
    {"metrics_remote", "yes: `metrics` may be an address that other hosts reach; everybody there can read the numbers.",
     BIT_CONFIG_YES_OR_NO, AT(metrics_remote), 0, 0},
    {"metrics_keep", "How long an ended run stays in the metrics, so that its last numbers are read.",
     TIME_OF(metrics_keep_ms), 0, 31536000000},

    {"start_timeout", "From a launch until its model is loaded.", TIME_OF(start_ms), 1000, 86400000,
     "Launches and losses"},
    {"launch_patience", "Launches that gain no step are tried again for this time; then the run ends.",
     TIME_OF(launch_patience_ms), 0, 31536000000},
    {"restart_delay_max", "After a loss the next launch waits 1 s, 2 s, 4 s, ..., at most this.",
     TIME_OF(restart_delay_max_ms), 10, 86400000},
    {"heartbeat_timeout", "A connected rank without a heartbeat for this time is lost; it sends five in that time.",
     TIME_OF(heartbeat_ms), 500, 600000},
    {"stall_timeout",
     "A step that takes longer than this, and longer than stall_factor allows, hangs; its ranks are replaced.",
     TIME_OF(stall_ms), 100, 86400000},
    {"stall_factor", "A step may take this many times the 99th percentile of the last 100 steps.",
     COUNT_OF(stall_factor), 2, 1000},
    {"long_timeout", "The same for checkpoints, evaluations, and the first step of a launch or a phase.",
     TIME_OF(long_ms), 100, 86400000},
    {"reconnect_timeout", "How long a living worker may be disconnected from bitd.", TIME_OF(reconnect_ms), 100,
     86400000},
    {"fence_timeout",
     "A rank that has heard nothing from bitd for this time exits; one that has not connected by then is lost.",
     TIME_OF(fence_ms), 1000, 86400000},
    {"kill_grace", "Between SIGTERM and SIGKILL.", TIME_OF(grace_ms), 10, 600000},

    {"checkpoint_retry", "Until a checkpoint that could not be written is tried again.", TIME_OF(checkpoint_retry_ms),
     10, 3600000, "Other times"},
    {"read_patience", "Token files that cannot be read are tried again for this time; then the run ends.",
     TIME_OF(read_patience_ms), 0, 86400000},
    {"shutdown_timeout", "For the last checkpoints when bitd is told to stop.", TIME_OF(shutdown_ms), 100, 86400000},
    {"plan_timeout", "For bitworker --plan at a submission.", TIME_OF(plan_ms), 100, 600000},
    {"slurm_poll", "Between two queries to Slurm about a submitted job.", TIME_OF(slurm_poll_ms), 100, 3600000},
};

const char *const bit_config_link_kinds[BIT_LINK_TCP + 1] = {
    [BIT_LINK_AUTO] = "auto",
    [BIT_LINK_UNIX] = "unix",
    [BIT_LINK_TCP] = "tcp",
};

const struct bit_config_key *bit_config_key(size_t i)
{
    return i < BIT_COUNT(keys) ? &keys[i] : NULL;
}

int bit_config_key_find(const char *name, const struct bit_config_key **out)
{
    struct bit_nearest nearest;

    bit_nearest_init(&nearest, name, strlen(name));
    for (size_t i = 0; i < BIT_COUNT(keys); i++) {
        if (strcmp(keys[i].name, name) == 0) {
            *out = &keys[i];
            return 0;
        }
        bit_nearest_offer(&nearest, keys[i].name);
    }
    const char *near = bit_nearest_name(&nearest);
    if (near == NULL)
        return bit_fail(BIT_EUSAGE, "there is no setting '%s'", name);
    return bit_fail(BIT_EUSAGE, "there is no setting '%s'; did you mean '%s'?", name, near);
}
