/* The worker's checkpoints: resuming gives the same bits, on any number of ranks, and none is left incomplete. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/exec/exec.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "tests/mpi/peer.h"
#include "tests/test.h"

#define SIXTEEN BIT__PRECISION__SIXTEEN_BIT
#define TERNARY BIT__PRECISION__TERNARY
#define STEPS   6
#define SWITCH  2

struct history {
    double loss[STEPS + 1], norm[STEPS + 1];
    uint64_t digest[STEPS + 1];
};

static bool do_step(struct peer *p, uint64_t step, struct history *h)
{
    const Bit__StepReport *report;

    peer_step(p, step, step > SWITCH ? TERNARY : SIXTEEN, 1);
    report = peer_next(p, BIT_MSG_STEP_REPORT);
    if (report == NULL)
        return false;
    h->loss[step] = report->loss;
    h->norm[step] = report->grad_norm;
    h->digest[step] = report->weights_digest;
    return EXPECT_EQ(report->step, step);
}

static bool do_switch(struct peer *p)
{
    peer_switch(p, SWITCH, BIT__OPTIMIZER_AT_SWITCH__KEEP);
    return peer_next(p, BIT_MSG_PHASE_SWITCHED) != NULL;
}

static void path_of(const struct peer *p, const char *rest, char out[256])
{
    snprintf(out, 256, "%s/%s", p->checkpoints, rest);
}

static bool do_checkpoint(struct peer *p, uint64_t step, uint64_t digest)
{
    const Bit__CheckpointReport *report;
    char name[32];

    bit_checkpoint_name(step, name);
    peer_checkpoint(p, step, name);
    report = peer_next(p, BIT_MSG_CHECKPOINT_REPORT);
    return report != NULL && EXPECT_EQ(report->error, 0) && EXPECT_EQ(report->after_step, step) &&
           EXPECT_STREQ(report->name, name) && EXPECT_EQ(report->weights_digest, digest) && EXPECT(report->bytes > 0) &&
           EXPECT_EQ(bit_checkpoint_commit(p->checkpoints, name, "r7", p->epoch), 0); /* as bitd does */
}

static void stop(struct peer *p)
{
    peer_stop(p);
    EXPECT(peer_next(p, BIT_MSG_WORKER_DONE) != NULL);
    peer_leave(p);
    EXPECT_EQ(peer_wait(p), 0);
}

static void expect_verified(const struct peer *p, const char *name)
{
    Bit__Manifest *manifest = NULL;
    char path[256];

    path_of(p, name, path);
    if (EXPECT_EQ(bit_manifest_read(path, &manifest), 0)) {
        EXPECT_EQ(manifest->arithmetic, BIT_ARITHMETIC);
        EXPECT_EQ(bit_checkpoint_verify(path, manifest, NULL, NULL), 0);
        EXPECT_EQ(manifest->epoch, p->epoch);
        EXPECT_STREQ(manifest->run, "r7");
        EXPECT_STREQ(manifest->identity, PEER_IDENTITY);
    }
    bit_msg_free(manifest);
}

static int count_entries(const char *dir)
{
    DIR *d = opendir(dir);
    int count = -2; /* . and .. */

    while (d != NULL && readdir(d) != NULL)
        count++;
    if (d != NULL)
        closedir(d);
    return count;
}

/* A run of six steps with checkpoints after the first, the switch and the fourth; then the worker is killed. */
static bool make_run(struct peer *p, int ranks, struct history *h)
{
    bool fine = peer_open(p) && peer_begin(p, ranks, NULL) != NULL;

    for (uint64_t step = 1; step <= STEPS && fine; step++) {
        fine = do_step(p, step, h);
        if (fine && (step == 1 || step == SWITCH || step == 4))
            fine = do_checkpoint(p, step, h->digest[step]);
        if (fine && step == SWITCH)
            fine = do_switch(p);
    }
    peer_kill(p);
    return fine;
}

/* Restore the checkpoint after step `from` on `ranks` ranks and train to the end. */
static bool resume(struct peer *p, uint64_t from, int ranks, const struct history *h, struct history *again)
{
    const Bit__WorkerReady *ready;
    char name[32], path[256];
    bool fine = true;

    bit_checkpoint_name(from, name);
    path_of(p, name, path);
    p->epoch++; /* a new launch */
    ready = peer_begin(p, ranks, path);
    if (ready == NULL || !EXPECT_EQ(ready->step, from) || !EXPECT_EQ(ready->weights_digest, h->digest[from]) ||
        !EXPECT_EQ(ready->phase->optimizer_step, from) ||
        !EXPECT_EQ(ready->phase->precision, from > SWITCH ? TERNARY : SIXTEEN))
        return false;
    for (uint64_t step = from + 1; step <= STEPS && fine; step++)
        fine = (step != SWITCH + 1 || do_switch(p)) && do_step(p, step, again);
    if (fine)
        stop(p);
    return fine;
}

TEST(resumed_is_as_if_never_stopped)
{
    static const uint64_t from[] = {1, SWITCH, 4};

    for (int ranks = 1; ranks <= 2; ranks++) {
        struct peer p = {0};
        struct history h = {0}, again = {0};
        bool fine = make_run(&p, ranks, &h);
        for (int i = 0; i < 3 && fine; i++) {
            fine = resume(&p, from[i], ranks, &h, &again);
            for (uint64_t step = from[i] + 1; step <= STEPS && fine; step++) {
                EXPECT_EQ(again.loss[step], h.loss[step]);
                EXPECT_EQ(again.norm[step], h.norm[step]);
                EXPECT_EQ(again.digest[step], h.digest[step]);
            }
        }
        peer_close(&p);
    }
}

TEST(saved_by_two_loaded_by_four_and_by_one)
{
    struct peer p = {0};
    struct history h = {0}, again = {0};

    if (make_run(&p, 2, &h)) {
        expect_verified(&p, "step-00000004");
        EXPECT_EQ(count_entries(p.checkpoints), 3);
        if (resume(&p, 4, 4, &h, &again)) /* compares the loaded weights' digest */
            EXPECT_NEAR(again.loss[5], h.loss[5], 1e-3 * h.loss[5]);
        if (resume(&p, SWITCH, 1, &h, &again))
            EXPECT_NEAR(again.loss[3], h.loss[3], 1e-3 * h.loss[3]);
    }
    peer_close(&p);
}

static void flip_bit(const char *path, off_t offset)
{
    unsigned char byte;
    int fd = open(path, O_RDWR);

    if (EXPECT(fd >= 0) && EXPECT_EQ(pread(fd, &byte, 1, offset), 1)) {
        byte ^= 0x10;
        EXPECT_EQ(pwrite(fd, &byte, 1, offset), 1);
    }
    close(fd);
}

static void expect_not_ready(struct peer *p, int ranks, const char *restore, int err, const char *part)
{
    const Bit__WorkerFailed *failed;

    if (!peer_start(p, ranks) || peer_accept(p) == NULL)
        return;
    peer_welcome(p, 0, restore);
    failed = peer_next(p, BIT_MSG_WORKER_FAILED);
    if (failed != NULL) {
        EXPECT_EQ(failed->error, err);
        EXPECT_CONTAINS(failed->text, part);
    }
    EXPECT_EQ(peer_wait(p), bit_exit_code(err));
}

static void expect_refused(struct peer *p, int ranks, int err, const char *part)
{
    char path[256];

    path_of(p, "step-00000001", path);
    expect_not_ready(p, ranks, path, err, part);
}

TEST(one_flipped_bit_is_named_and_never_used)
{
    struct peer p = {0};
    struct history h = {0};
    char path[256];

    if (peer_open(&p) && peer_begin(&p, 1, NULL) != NULL && do_step(&p, 1, &h) && do_checkpoint(&p, 1, h.digest[1])) {
        stop(&p);
        path_of(&p, "step-00000001/exp_avg.safetensors", path);
        flip_bit(path, 4096 + 65536 + 5); /* in the second chunk, after a header of one page */
        expect_refused(&p, 1, BIT_ECORRUPT, "exp_avg.safetensors' at offset 69632: chunk 1");
        flip_bit(path, 4096 + 65536 + 5);
        flip_bit(path, 100);
        expect_refused(&p, 2, BIT_ECORRUPT, "exp_avg.safetensors");
        flip_bit(path, 100);
        EXPECT_EQ(truncate(path, 5000), 0);
        expect_refused(&p, 1, BIT_ECORRUPT, "exp_avg.safetensors' ends at offset 5000");
        path_of(&p, "step-00000001/MANIFEST", path);
        flip_bit(path, 40);
        expect_refused(&p, 1, BIT_ECORRUPT, "MANIFEST");
    }
    peer_close(&p);
}

TEST(another_models_checkpoint_is_refused)
{
    struct peer p = {0};
    struct history h = {0};

    if (peer_open(&p) && peer_begin(&p, 1, NULL) != NULL && do_step(&p, 1, &h) && do_checkpoint(&p, 1, h.digest[1])) {
        stop(&p);
        p.set[0] = "model.layers=3";
        expect_refused(&p, 1, BIT_ESPEC, "another model");
    }
    peer_close(&p);
}

TEST(a_checkpoint_that_fails_is_not_the_runs_end)
{
    struct peer p = {0};
    struct history h = {0};
    const Bit__CheckpointReport *report;
    int blocker;

    if (peer_open(&p) && peer_begin(&p, 2, NULL) != NULL && do_step(&p, 1, &h)) {
        blocker = open(p.checkpoints, O_CREAT | O_WRONLY, 0600); /* a file where the folder must be */
        close(blocker);
        peer_checkpoint(&p, 1, "step-00000001");
        report = peer_next(&p, BIT_MSG_CHECKPOINT_REPORT);
        if (report != NULL) {
            EXPECT_EQ(report->error, -ENOTDIR);
            EXPECT_CONTAINS(report->text, p.checkpoints);
        }
        EXPECT_EQ(unlink(p.checkpoints), 0);
        /* The folder of an interrupted attempt of this launch is no obstacle. */
        EXPECT_EQ(mkdir(p.checkpoints, 0700), 0);
        char left[256];
        path_of(&p, "step-00000001.partial-7", left);
        EXPECT_EQ(mkdir(left, 0700), 0);
        if (do_checkpoint(&p, 1, h.digest[1]) && do_step(&p, 2, &h)) {
            expect_verified(&p, "step-00000001");
            EXPECT_EQ(count_entries(p.checkpoints), 1);
            stop(&p);
        }
    }
    peer_close(&p);
}

/* ---- moments of bf16 */

#define MOMENTS_BF16 "optimizer.moments=BF16"

TEST(moments_of_bf16_are_resumed_to_the_bit)
{
    struct peer p = {.set = {MOMENTS_BF16}};
    struct history h = {0}, again = {0};

    if (make_run(&p, 2, &h)) {
        expect_verified(&p, "step-00000004");
        if (resume(&p, SWITCH, 2, &h, &again))
            for (uint64_t step = SWITCH + 1; step <= STEPS; step++) {
                EXPECT_EQ(again.norm[step], h.norm[step]);
                EXPECT_EQ(again.digest[step], h.digest[step]);
            }
    }
    peer_close(&p);
}

/* The values of a moment's file. */
struct moment {
    uint8_t *data;
    size_t elements;
    bool bf16; /* the file's type */
};

static bool read_moment(const char *dir, const Bit__ManifestFile *file, struct moment *out)
{
    const size_t bytes = file->bytes - file->data_offset;
    char path[512];
    int fd;

    snprintf(path, sizeof path, "%s/%s", dir, file->name);
    fd = open(path, O_RDONLY);
    out->bf16 = file->chunk_bytes != BIT_CHECKPOINT_CHUNK;
    out->elements = bytes / (out->bf16 ? 2 : 4);
    out->data = malloc(bytes);
    bool fine = EXPECT(fd >= 0 && out->data != NULL) &&
                EXPECT_EQ(pread(fd, out->data, bytes, (off_t)file->data_offset), (ssize_t)bytes);
    if (fd >= 0)
        close(fd);
    return fine;
}

/* The digest over the CRC-32C of every 16384 elements, after their conversion to the other type. */
static uint64_t converted_digest(const struct moment *m)
{
    const size_t block = BIT_CHECKPOINT_CHUNK / 4, blocks = (m->elements + block - 1) / block;
    uint32_t *crc = calloc(blocks, sizeof *crc);

    for (size_t i = 0; i < m->elements; i++) {
        const float f = m->bf16 ? bit_bf16_to_f32(((const bit_bf16 *)m->data)[i]) : ((const float *)m->data)[i];
        const bit_bf16 h = bit_f32_to_bf16(f);
        const void *bits = m->bf16 ? (const void *)&f : &h;
        crc[i / block] = bit_crc32c(crc[i / block], bits, m->bf16 ? sizeof f : sizeof h);
    }
    const uint64_t digest = bit_checkpoint_digest(crc, blocks);
    free(crc);
    return digest;
}

/* The digest that ranks with the other type of moments must have. */
static uint64_t expected_digest(const char *dir, const Bit__Manifest *manifest)
{
    struct moment m[2] = {{0}};
    uint64_t digest = 0;

    if (read_moment(dir, manifest->file[BIT_CHECKPOINT_EXP_AVG], &m[0]) &&
        read_moment(dir, manifest->file[BIT_CHECKPOINT_EXP_AVG_SQ], &m[1]))
        digest = bit_checkpoint_join_digests(converted_digest(&m[0]), converted_digest(&m[1]));
    free(m[0].data);
    free(m[1].data);
    return digest;
}

static void load_on(struct peer *p, int ranks, const char *set, const char *dir, uint64_t moments)
{
    p->set[0] = set;
    p->epoch++;
    const Bit__WorkerReady *ready = peer_begin(p, ranks, dir);
    if (ready == NULL)
        return;
    EXPECT_EQ(ready->moments_digest, moments);
    EXPECT_EQ(strstr(ready->backend, "moments in bf16") != NULL, strcmp(set, MOMENTS_BF16) == 0);
    stop(p);
}

/* Moments are loaded by another number of ranks, and converted to the other type: exactly, or rounded to nearest. */
static void save_and_load(const char *saved_as, const char *loaded_as)
{
    struct peer p = {.set = {saved_as}};
    struct history h = {0};
    Bit__Manifest *manifest = NULL;
    char dir[256];

    if (peer_open(&p) && peer_begin(&p, 2, NULL) != NULL && do_step(&p, 1, &h) && do_checkpoint(&p, 1, h.digest[1])) {
        stop(&p);
        path_of(&p, "step-00000001", dir);
        if (EXPECT_EQ(bit_manifest_read(dir, &manifest), 0)) {
            EXPECT_EQ(manifest->file[BIT_CHECKPOINT_EXP_AVG]->chunk_bytes,
                      strcmp(saved_as, MOMENTS_BF16) == 0 ? BIT_CHECKPOINT_CHUNK / 2 : BIT_CHECKPOINT_CHUNK);
            load_on(&p, 4, saved_as, dir, bit_checkpoint_moments_digest(manifest));
            load_on(&p, 1, loaded_as, dir, expected_digest(dir, manifest));
        }
    }
    bit_msg_free(manifest);
    peer_close(&p);
}

TEST(moments_are_loaded_by_any_ranks_and_converted)
{
    save_and_load(MOMENTS_BF16, "optimizer.moments=FP32");
    save_and_load("optimizer.moments=FP32", MOMENTS_BF16);
}

/* ---- during training */

/* Begin a checkpoint of step 1. The ranks block on a FIFO before writing, until release(). */
static bool begin_held(struct peer *p, int ranks, char fifo[256], struct history *h)
{
    p->worker = getenv("BITWORKER_FAULTS");
    if (!peer_open(p))
        return false;
    path_of(p, "../hold", fifo);
    if (!EXPECT_EQ(mkdir(p->checkpoints, 0700), 0) || !EXPECT_EQ(mkfifo(fifo, 0600), 0))
        return false;
    setenv("BIT_FAULT_HOLD", fifo, 1);
    bool fine = peer_begin(p, ranks, NULL) != NULL && do_step(p, 1, h);
    unsetenv("BIT_FAULT_HOLD");
    if (fine)
        peer_checkpoint(p, 1, "step-00000001");
    return fine;
}

/* Unblock the ranks at the FIFO. Later ranks do not block while *fd is open. */
static bool release(const char *fifo, int *fd)
{
    *fd = open(fifo, O_RDWR | O_CLOEXEC);
    return EXPECT(*fd >= 0);
}

static void expect_of_step_1(struct peer *p, const struct history *h)
{
    const Bit__CheckpointReport *report = peer_next(p, BIT_MSG_CHECKPOINT_REPORT);

    if (report == NULL || !EXPECT_EQ(report->error, 0))
        return;
    EXPECT_EQ(report->after_step, 1);
    EXPECT_EQ(report->weights_digest, h->digest[1]);
    EXPECT(report->stall_ms < report->ms);
    EXPECT_EQ(bit_checkpoint_commit(p->checkpoints, "step-00000001", "r7", p->epoch), 0);
    expect_verified(p, "step-00000001");
}

TEST(training_goes_on_while_a_checkpoint_is_written)
{
    for (int ranks = 1; ranks <= 2; ranks++) {
        struct peer p = {0};
        struct history h = {0}, again = {0};
        char fifo[256];
        int fd = -1;

        bool fine = begin_held(&p, ranks, fifo, &h) && do_step(&p, 2, &h) && do_switch(&p) && do_step(&p, 3, &h) &&
                    do_step(&p, 4, &h) && release(fifo, &fd);
        if (fine) {
            expect_of_step_1(&p, &h); /* reported without a further order */
            for (uint64_t step = 5; step <= STEPS && fine; step++)
                fine = do_step(&p, step, &h);
        }
        peer_kill(&p);
        if (fine && resume(&p, 1, ranks, &h, &again)) /* the checkpoint has the state of step 1 */
            for (uint64_t step = 2; step <= STEPS; step++)
                EXPECT_EQ(again.digest[step], h.digest[step]);
        if (fd >= 0)
            close(fd);
        peer_close(&p);
    }
}

/* A second checkpoint begins only after the first is complete. The end of the run waits, too. */
TEST(what_comes_one_at_a_time_waits_for_the_checkpoint_under_way)
{
    struct peer p = {0};
    struct history h = {0};
    char fifo[256];
    int fd = -1;

    if (begin_held(&p, 2, fifo, &h) && do_step(&p, 2, &h)) {
        peer_checkpoint(&p, 2, "step-00000002");
        peer_stop(&p);
        if (release(fifo, &fd)) {
            expect_of_step_1(&p, &h);
            const Bit__CheckpointReport *report = peer_next(&p, BIT_MSG_CHECKPOINT_REPORT);
            if (report != NULL) {
                EXPECT_EQ(report->after_step, 2);
                EXPECT_EQ(report->weights_digest, h.digest[2]);
            }
            EXPECT(peer_next(&p, BIT_MSG_WORKER_DONE) != NULL);
            peer_leave(&p);
            EXPECT_EQ(peer_wait(&p), 0);
            close(fd);
        }
    }
    peer_close(&p);
}

TEST(a_daemon_that_comes_back_hears_of_the_checkpoint_before_it_is_told_where_the_worker_stands)
{
    struct peer p = {0};
    struct history h = {0};
    char fifo[256];
    int fd = -1;

    if (begin_held(&p, 1, fifo, &h) && do_step(&p, 2, &h)) {
        peer_drop(&p);
        if (peer_accept(&p) != NULL) {
            peer_welcome(&p, 2, NULL);
            if (release(fifo, &fd)) {
                expect_of_step_1(&p, &h);
                const Bit__WorkerReady *ready = peer_next(&p, BIT_MSG_WORKER_READY);
                if (ready != NULL)
                    EXPECT_EQ(ready->step, 2);
                stop(&p);
                close(fd);
            }
        }
    }
    peer_close(&p);
}

/* Without memory for a copy of weights and moments, the run trains all the same and waits for each checkpoint. */
TEST(where_there_is_no_room_for_a_copy_training_waits_and_says_so)
{
    struct peer p = {0};
    struct history h = {0};
    char set[64];

    if (peer_open(&p)) {
        const Bit__WorkerReady *ready = peer_begin(&p, 2, NULL);
        double room = 0;
        if (ready != NULL && EXPECT(ready->memory->snapshot > 0)) {
            EXPECT_CONTAINS(ready->backend, "checkpoints beside training");
            room = (double)ready->memory->total + 0.5 * (double)ready->memory->snapshot;
            stop(&p);
        }
        snprintf(set, sizeof set, "launch.memory_gib=%.9f", room / (1 << 30));
        p.set[0] = set;
        ready = room > 0 ? peer_begin(&p, 2, NULL) : NULL;
        if (ready != NULL) {
            EXPECT_EQ(ready->memory->snapshot, 0);
            EXPECT_CONTAINS(ready->backend, "checkpoints hold training up");
            if (do_step(&p, 1, &h) && do_checkpoint(&p, 1, h.digest[1]) && do_step(&p, 2, &h)) {
                expect_verified(&p, "step-00000001");
                stop(&p);
            }
        }
    }
    peer_close(&p);
}

TEST(the_same_step_again_replaces_what_an_earlier_launch_wrote)
{
    struct peer p = {0};
    struct history h = {0};

    for (int launch = 0; launch < 2; launch++) {
        if (launch == 0 ? !peer_open(&p) : false)
            return;
        p.epoch += (uint64_t)launch;
        if (peer_begin(&p, 1, NULL) != NULL && do_step(&p, 1, &h) && do_checkpoint(&p, 1, h.digest[1])) {
            expect_verified(&p, "step-00000001");
            EXPECT_EQ(count_entries(p.checkpoints), 1 + launch); /* bitd removes the replaced one */
            stop(&p);
        }
    }
    peer_close(&p);
}

TEST(a_model_may_begin_from_a_checkpoint_or_a_safetensors_file)
{
    struct peer p = {0};
    struct history h = {0};
    const Bit__WorkerReady *ready;
    char folder[300], file[400];

    if (peer_open(&p) && peer_begin(&p, 1, NULL) != NULL && do_step(&p, 1, &h) && do_checkpoint(&p, 1, h.digest[1])) {
        stop(&p);
        snprintf(folder, sizeof folder, "model.init_from=%s/step-00000001", p.checkpoints);
        snprintf(file, sizeof file, "%s/model.safetensors", folder);
        for (int i = 0; i < 2; i++) {
            p.set[0] = i == 0 ? folder : file;
            ready = peer_begin(&p, 2, NULL);
            if (ready == NULL)
                break;
            EXPECT_EQ(ready->step, 0);
            EXPECT_EQ(ready->phase->optimizer_step, 0);
            EXPECT_EQ(ready->weights_digest, h.digest[1]);
            stop(&p);
        }
    }
    peer_close(&p);
}

static void note_file(const char *folder, const char *name, Bit__InitFile *out)
{
    char path[400];
    struct stat st = {0};

    snprintf(path, sizeof path, "%s/%s", folder, name);
    EXPECT_EQ(stat(path, &st), 0);
    bit__init_file__init(out);
    out->device = st.st_dev;
    out->inode = st.st_ino;
    out->bytes = (uint64_t)st.st_size;
    out->mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
}

/* Every rank checks both files of the checkpoint, by any path: the weights depend on both. */
TEST(a_model_begins_from_the_very_files_that_were_submitted)
{
    static const char *const names[] = {BIT_CHECKPOINT_MANIFEST, "model.safetensors"};
    struct peer p = {0};
    struct history h = {0};
    char folder[300], set[340];
    Bit__InitFile file[2], *list[2] = {&file[0], &file[1]};
    Bit__InitFacts init = BIT__INIT_FACTS__INIT;

    if (peer_open(&p) && peer_begin(&p, 1, NULL) != NULL && do_step(&p, 1, &h) && do_checkpoint(&p, 1, h.digest[1])) {
        stop(&p);
        snprintf(folder, sizeof folder, "%s/step-00000001", p.checkpoints);
        snprintf(set, sizeof set, "model.init_from=%s", folder);
        p.set[0] = set;
        init.path = folder;
        init.folder = true;
        init.n_file = 2;
        init.file = list;
        p.init = &init;
        for (int other = 0; other < 2; other++) {
            for (int i = 0; i < 2; i++)
                note_file(folder, names[i], &file[i]);
            file[other].inode++;
            expect_not_ready(&p, 2, NULL, BIT_EDATA, names[other]);
        }
        for (int i = 0; i < 2; i++)
            note_file(folder, names[i], &file[i]);
        const Bit__WorkerReady *ready = peer_begin(&p, 2, NULL);
        if (ready != NULL) {
            EXPECT_EQ(ready->weights_digest, h.digest[1]);
            stop(&p);
        }
    }
    peer_close(&p);
}

TEST_MAIN
