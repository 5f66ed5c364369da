/* Error codes, their texts, and the note that says where the first one happened. */
#ifndef BIT_PROTO_ERR_H
#define BIT_PROTO_ERR_H

#include <errno.h>

/*
 * Every function that can fail returns int: >= 0 worked, < 0 is -errno or one of these. libuv's own codes pass through
 * (they are -errno, or lie in the -3000s and -4000s), so ours start below -5000.
 */
enum bit_err {
    BIT_EUSAGE = -5001,   /* a command line nobody can act on */
    BIT_ESPEC = -5002,    /* a run specification with problems */
    BIT_ECORRUPT = -5003, /* bytes that do not match their checksum or their layout */
    BIT_EFRAME = -5004,   /* a frame that breaks the rules of frame.h */
    BIT_EMESSAGE = -5005, /* a message that does not decode, or says what no message may say */
    BIT_ELIMIT = -5006,   /* a length or count above its limit */
    BIT_EDATA = -5007,    /* a file of tokens, of weights or of a tokenizer that is not what it should be */
    BIT_ENORUN = -5008,   /* no such run */
    BIT_ESTATE = -5009,   /* not in this state */
    BIT_EDAEMON = -5010,  /* no daemon answers */
    BIT_EPHASE = -5011,   /* an order for a phase that the worker is not in */
    BIT_EEPOCH = -5012,   /* from a launch of the run that is over */
    BIT_EAUTH = -5013,    /* wrong secret, or not this user's */
    BIT_EMPI = -5014,     /* an MPI call failed */
    BIT_EWORKER = -5015,  /* a worker was lost */
    BIT_ENUMERIC = -5016, /* NaN or infinity where a number must be */
    BIT_EMEMORY = -5017,  /* the model does not fit the memory it may use */
    BIT_EBUSY = -5018,    /* somebody else holds it: the socket, the state folder */
    BIT_ECUDA = -5019,    /* a CUDA call failed */
    BIT_EVERSION = -5020, /* written by, or speaking, another version */
    BIT_ETIMEOUT = -5021, /* did not happen in time */
    BIT_ENCCL = -5022,    /* a collective between GPUs failed, or hangs */
    BIT_EDIFFERS = -5023, /* a step done again came out otherwise */
    BIT_EREPLICA = -5024, /* the ranks' copies of the weights differ */
    BIT_ELAUNCH = -5025,  /* what launches ranks refused to: sbatch, and it would again */
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
    BIT_EXIT_LAUNCH = 105, /* could not be launched: sbatch refused it, or no launch came to train */
};

/** Text of any code this project returns. Never NULL; static storage, or thread-local for unknown codes. */
const char *bit_strerror(int err);

/** What programs call it: "no_run" for BIT_ENORUN, "ENOENT" for the system's; NULL for a code without a name. */
const char *bit_err_name(int err);

/** The exit code that a program ends with when `err` is what stopped it. */
int bit_exit_code(int err);

/**
 * Note what went wrong, where it went wrong, and return err.
 *     return bit_fail(-ENOMEM, "checkpoint handle for '%s'", path);
 * The note is thread-local, at most BIT_ERR_TEXT_MAX bytes, and is replaced by the next one.
 */
#define bit_fail(err, ...) bit_fail_at(__FILE__, __LINE__, (err), __VA_ARGS__)
int bit_fail_at(const char *file, int line, int err, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/**
 * Put before the last note what was being done when it happened, and return err; the place stays the first one.
 *     return bit_fail_within(err, "restoring '%s'", path);
 */
int bit_fail_within(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * Note `text`, the note of another thread or process, as this thread's, led by `who` ("rank 3: ", or ""); the place is
 * the caller's. Returns err.
 */
#define bit_fail_again(err, who, text) bit_fail_again_at(__FILE__, __LINE__, (err), (who), (text))
int bit_fail_again_at(const char *file, int line, int err, const char *who, const char *text);

/** The last note of this thread: "what: why", without place. Always UTF-8. Empty if none. Borrowed until the next
 * bit_fail. */
const char *bit_fail_text(void);
/** "PROGRAM: what: why" on stderr, harmless (escape.h): what a program that ends says. */
void bit_fail_print(const char *program);
/** Where that was: "proto/wire/frame.c:41". Empty if none. */
const char *bit_fail_place(void);

#endif
