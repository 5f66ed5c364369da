/* All limits. A length from outside is compared with its limit before anything is allocated for it. */
#ifndef BIT_PROTO_LIMITS_H
#define BIT_PROTO_LIMITS_H

#define BIT_PROTOCOL_VERSION 3

/* frames and messages */
#define BIT_FRAME_BODY_MAX       (1u << 20)   /* any frame */
#define BIT_REQUEST_BODY_MAX     (64u << 10)  /* a client's request other than submit */
#define BIT_HELLO_BODY_MAX       (4u << 10)   /* from a worker that is not yet authenticated */
#define BIT_REPORT_BODY_MAX      (32u << 10)  /* from an authenticated worker: a report fits into a journal record */
#define BIT_PAYLOAD_CHUNK        (1u << 20)   /* bytes of a token payload in one frame */
#define BIT_SEAL_PLAIN_MAX       (64u << 10)  /* in one sealed record */
#define BIT_DECODE_BUDGET_FACTOR 16           /* decoded bytes for each byte of the frame ... */
#define BIT_DECODE_BUDGET_BASE   (4u << 10)   /* ... plus these for the message itself ... */
#define BIT_DECODE_BUDGET_MAX    (8u << 20)   /* ... and never more than these */
#define BIT_STEP_TOKEN_BYTES_MAX (256u << 20) /* tokens of one step */

/* texts */
#define BIT_ERR_TEXT_MAX   512
#define BIT_NAME_MAX       64
#define BIT_PATH_MAX       4096
#define BIT_SECRET_BYTES   32
#define BIT_RUN_ID_MAX     32
#define BIT_REQUEST_ID_MAX 64

/* specification */
#define BIT_SPEC_BYTES_MAX     (1u << 20)
#define BIT_SPEC_DEPTH_MAX     8
#define BIT_DATA_FILES_MAX     65536
#define BIT_PROVE_BATCH        64 /* files shown to bitd at once; the kernel passes at most 253 */
#define BIT_SOURCES_MAX        64 /* of a mixture */
#define BIT_EVAL_SETS_MAX      64
#define BIT_TASKS_MAX          64
#define BIT_AFTER_MAX          32   /* runs that one run waits for */
#define BIT_PRIORITY_MAX       1000 /* the minimum is -1000 */
#define BIT_LABEL_MAX          128  /* bytes of a branch's label */
#define BIT_SWEEP_BRANCHES_MAX 256  /* runs of a sweep */
#define BIT_TAGS_MAX           32   /* of a run */
#define BIT_LIVE_CHANGES_MAX   256  /* of a run: settings changed from a step on, batches left out */
#define BIT_NOTE_MAX           2048 /* bytes of a run's note */
#define BIT_AT_MAX             1024 /* steps in a list such as checkpoint.at */
#define BIT_TASK_CHOICES_MAX   32   /* of a document: the sums of 256 fit into a record of the journal */
#define BIT_SLURM_LIST_MAX     64   /* arguments or variables of a specification */
#define BIT_SLURM_WORD_MAX     1024 /* bytes of one */
#define BIT_LAYERS_MAX         512
#define BIT_WIDTH_MAX          32768
#define BIT_HEAD_DIM_MAX       256
#define BIT_VOCAB_MAX          (1 << 20)
#define BIT_VOCAB_16BIT        (1 << 16) /* whose ids fit into uint16 */
#define BIT_CONTEXT_MAX        65536
#define BIT_INSTANCES_MAX      (1u << 20) /* of one step */
#define BIT_STEPS_MAX          (1ull << 40)
#define BIT_RANKS_MAX          65536
#define BIT_RANKS_TOLD_MAX     256 /* up to so many ranks, a report has the times of each; with more, of a selection: */
#define BIT_RANKS_QUANTILES    5   /* those at the quantiles 0, 1/4, 1/2, 3/4 and 1 of own work ... */
#define BIT_RANKS_SLOWEST      16  /* ... and the slowest */
#define BIT_PROBLEMS_MAX       64
#define BIT_WINDOW_MAX         4096 /* steps that a median is taken of */
#define BIT_POSITIONS_MAX      512  /* fields whose place in the text is remembered */

/* requests for log-likelihoods */
#define BIT_SCORE_REQUESTS_MAX    16384       /* of one order: it and its report must fit into a frame */
#define BIT_SCORE_TOKEN_BYTES_MAX (16u << 20) /* of their ids */

/* disk */
#define BIT_JOURNAL_RECORD_MAX      (64u << 10)
#define BIT_JOURNAL_NODES_MAX       (4u << 10) /* bytes of a list of nodes in a record; the rest is left out */
#define BIT_MANIFEST_BYTES_MAX      (64u << 20)
#define BIT_SAFETENSORS_HEADER_MAX  100000000u /* the format's own */
#define BIT_SAFETENSORS_ENTRIES_MAX 100000
#define BIT_PRODUCT_SET_BYTES_MAX   (512u << 10) /* of tables of products, which share a Welcome with the spec */
#define BIT_PRODUCTS_FOUND_MAX      100          /* products in one ProductsFound, so that it fits into its frame */
#define BIT_PRODUCT_CARDS_MAX       16           /* kinds of card in a WorkerReady */
#define BIT_CHECKPOINT_CHUNK        (64u << 10)  /* bytes with one checksum; a rank's shard is a multiple of it */
#define BIT_REQUEST_FILE_BYTES_MAX  (1u << 30)
#define BIT_REQUEST_ITEMS_MAX       (1u << 24) /* of a task */
#define BIT_REQUEST_IDS_MAX         (1u << 29) /* of all of them */

/* daemon */
#define BIT_RUNS_MAX          100000
#define BIT_CLIENTS_MAX       1024       /* of all users; as many again for bitd's user, root and administrators */
#define BIT_CLIENTS_RESERVED  32         /* of the latter, kept free by each of them for the others */
#define BIT_CLIENT_OUTPUT_MAX (8u << 20) /* a client that reads slower is disconnected */

#endif
