/* Error codes, their texts, and the note of the last failure: what failed, why, and where. */
#ifndef BIT_PROTO_ERR_H
#define BIT_PROTO_ERR_H

#include <errno.h>

/*
 * Every function that can fail returns int: >= 0 on success, < 0 is -errno or one of these. libuv's codes are returned
 * unchanged (they are -errno, or lie in the -3000s and -4000s), so ours start below -5000.
 */
enum bit_err {
    BIT_EUSAGE = -5001,   /* an invalid command line */
    BIT_ESPEC = -5002,    /* a run specification with problems */
    BIT_ECORRUPT = -5003, /* bytes that do not match their checksum or their layout */
    BIT_EFRAME = -5004,   /* a frame that breaks the rules of frame.h */
    BIT_EMESSAGE = -5005, /* a message that does not decode, or has a value that is not allowed */
    BIT_ELIMIT = -5006,   /* a length or count above its limit */
    BIT_EDATA = -5007,    /* an invalid file of tokens, weights or a tokenizer */
    BIT_ENORUN = -5008,   /* no such run */
    BIT_ESTATE = -5009,   /* not possible in the present state */
    BIT_EDAEMON = -5010,  /* no daemon answers */
    BIT_EPHASE = -5011,   /* an order for a phase that the worker is not in */
    BIT_EEPOCH = -5012,   /* from an earlier launch of the run */
    BIT_EAUTH = -5013,    /* wrong secret, or this user may not do it */
    BIT_EMPI = -5014,     /* an MPI call failed */
    BIT_EWORKER = -5015,  /* a worker was lost */
    BIT_ENUMERIC = -5016, /* NaN or infinity where a finite number is required */
    BIT_EMEMORY = -5017,  /* the model does not fit into the memory it may use */
    BIT_EBUSY = -5018,    /* in use by another process: the socket, the state folder */
    BIT_ECUDA = -5019,    /* a CUDA call failed */
    BIT_EVERSION = -5020, /* another version of a format or of the protocol */
    BIT_ETIMEOUT = -5021, /* did not happen in time */
    BIT_ENCCL = -5022,    /* a collective between GPUs failed, or hangs */
    BIT_EDIFFERS = -5023, /* a repeated step gave another result */
    BIT_EREPLICA = -5024, /* the ranks' copies of the weights differ */
    BIT_ELAUNCH = -5025,  /* the launcher (sbatch) refused, and would refuse again */
    BIT_EOUTPUT = -5026,  /* the output that the user named cannot be written there */
};

/* Exit codes of every program, after sysexits(3); `bitctl wait` adds the 100s. Never above 125. */
enum bit_exit {
    BIT_EXIT_OK = 0,
    BIT_EXIT_FAILURE = 1,
    BIT_EXIT_USAGE = 2,
    BIT_EXIT_SPEC = 64,        /* EX_USAGE's number, kept for specifications so that a unit can refuse to restart */
    BIT_EXIT_CORRUPT = 65,     /* checkpoint or data */
    BIT_EXIT_UNAVAILABLE = 69, /* no daemon */
    BIT_EXIT_INTERNAL = 70,
    BIT_EXIT_CANTCREATE = 73, /* output */
    BIT_EXIT_TRYAGAIN = 75,   /* busy */
    BIT_EXIT_PERMISSION = 77,
    BIT_EXIT_CONFIG = 78,
    BIT_EXIT_RUN_FAILED = 100,
    BIT_EXIT_UNFINISHED = 101, /* timed out before the end */
    BIT_EXIT_NOT_FOUND = 102,
    BIT_EXIT_CANCELLED = 103,
    BIT_EXIT_POLICY = 104, /* stopped by a rule: NaN, no progress */
    BIT_EXIT_LAUNCH = 105, /* could not be launched: sbatch refused it, or no launch got as far as training */
};

/** Text of any code this project returns. Never NULL; static storage, or thread-local for unknown codes. */
const char *bit_strerror(int err);

/** The name for programs: "no_run" for BIT_ENORUN, "ENOENT" for an errno; NULL for a code without a name. */
const char *bit_err_name(int err);

/** The exit code of a program that `err` ends. */
int bit_exit_code(int err);

/**
 * err of making or writing the output that the user named: BIT_EOUTPUT instead of an errno that has no exit code of its
 * own. -EEXIST stays, because --force helps; so do -ENOMEM and -EINTR. The note stays as it is.
 */
int bit_err_output(int err);

/**
 * Note what failed and where, and return err.
 *     return bit_fail(-ENOMEM, "checkpoint handle for '%s'", path);
 * The note is thread-local, at most BIT_ERR_TEXT_MAX bytes, and is replaced by the next one.
 */
#define bit_fail(err, ...) bit_fail_at(__FILE__, __LINE__, (err), __VA_ARGS__)
int bit_fail_at(const char *file, int line, int err, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/**
 * Put context in front of the last note, and return err. The noted place does not change.
 *     return bit_fail_within(err, "restoring '%s'", path);
 */
int bit_fail_within(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * Make `text`, a note from another thread or process, this thread's note, after the prefix `who` ("rank 3: ", or "").
 * The place is the caller's. Returns err.
 */
#define bit_fail_again(err, who, text) bit_fail_again_at(__FILE__, __LINE__, (err), (who), (text))
int bit_fail_again_at(const char *file, int line, int err, const char *who, const char *text);

/** The last note of this thread: "what: why", without the place. Always UTF-8. Empty if none. Borrowed until the next
 * bit_fail. */
const char *bit_fail_text(void);
/** Print "PROGRAM: what: why" to stderr, escaped (escape.h), when a program ends with an error. */
void bit_fail_print(const char *program);
/** The place of the last note: "proto/wire/frame.c:41". Empty if none. */
const char *bit_fail_place(void);

#endif
