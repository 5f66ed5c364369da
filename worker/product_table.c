#include "worker/product_table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/exec/product_search.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "proto/log.h"
#include "proto/regular_file.h"
#include "worker/ckpt/ckpt_io.h"

BIT_LOG_TOPIC("products");

#define TABLE_BYTES_MAX ((size_t)4 << 20)

/* ---- the file: the table, and its CRC-32C */

/* NULL where there is none; *bytes without the CRC. */
static int read_file(const char *path, uint8_t **out, size_t *bytes)
{
    struct stat st;
    uint32_t crc;
    uint8_t *data = NULL;
    int fd = bit_regular_file_open(path, false, &st), err = 0;

    if (fd == -ENOENT)
        return 0;
    if (fd < 0)
        return fd;
    if ((size_t)st.st_size < sizeof crc || (size_t)st.st_size > TABLE_BYTES_MAX)
        err = bit_fail(BIT_ECORRUPT, "'%s' of %lld bytes", path, (long long)st.st_size);
    else if ((data = malloc((size_t)st.st_size)) == NULL)
        err = bit_fail(-ENOMEM, "'%s'", path);
    if (err >= 0)
        err = bit_io_pread(fd, path, data, (size_t)st.st_size, 0);
    close(fd);
    if (err >= 0) {
        *bytes = (size_t)st.st_size - sizeof crc;
        memcpy(&crc, data + *bytes, sizeof crc);
        if (crc != bit_crc32c(0, data, *bytes))
            err = bit_fail(BIT_ECORRUPT, "'%s': the checksum is wrong", path);
    }
    if (err >= 0)
        *out = data;
    else
        free(data);
    return err;
}

static int write_file(const char *path, const void *table, size_t bytes)
{
    const uint32_t crc = bit_crc32c(0, table, bytes);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), err;

    if (fd < 0)
        return bit_fail(-errno, "creating '%s'", path);
    err = bit_io_pwrite(fd, path, table, bytes, 0);
    if (err >= 0)
        err = bit_io_pwrite(fd, path, &crc, sizeof crc, bytes);
    if (err >= 0 && fsync(fd) < 0)
        err = bit_fail(-errno, "syncing '%s'", path);
    close(fd);
    return err;
}

/* Whole or not at all: written beside, and renamed. */
static int keep(const char *dir, const void *table, size_t bytes)
{
    char path[BIT_PATH_MAX], beside[BIT_PATH_MAX];
    int err = bit_io_join(path, dir, BIT_PRODUCT_TABLE_FILE);

    if (err >= 0)
        err = bit_io_join(beside, dir, BIT_PRODUCT_TABLE_FILE ".new");
    if (err >= 0 && mkdir(dir, 0777) < 0 && errno != EEXIST)
        err = bit_fail(-errno, "creating '%s'", dir);
    if (err >= 0)
        err = write_file(beside, table, bytes);
    if (err >= 0 && rename(beside, path) < 0)
        err = bit_fail(-errno, "renaming '%s'", beside);
    return err;
}

/* ---- one table for all ranks */

/* Rank 0's bytes to all; they are every rank's to free. */
static int share(struct bit_comm *comm, uint8_t **table, size_t *bytes)
{
    uint64_t count = *bytes;
    int err = 0;

    bit_comm_bcast(comm, &count, sizeof count, 0);
    if (comm->rank != 0 && count > 0 && (*table = malloc(count)) == NULL)
        err = bit_fail(-ENOMEM, "a table of %llu bytes", (unsigned long long)count);
    err = bit_comm_agree(comm, err);
    if (err >= 0 && count > 0)
        bit_comm_bcast(comm, *table, count, 0);
    *bytes = count;
    return err;
}

static int take(struct bit_worker *w, uint8_t *table, size_t bytes)
{
    int err = share(w->comm, &table, &bytes);

    if (err >= 0 && bytes > 0)
        err = bit_products_import(&w->model->exec, table, bytes);
    free(table);
    return bit_comm_agree(w->comm, err < 0 ? err : 0);
}

/* What this run found before, in the place of what came with a checkpoint: it holds that too. */
static int take_kept(struct bit_worker *w)
{
    const char *dir = w->welcome->checkpoint_dir;
    char path[BIT_PATH_MAX];
    uint8_t *table = NULL;
    size_t bytes = 0;

    if (w->comm->rank == 0 && dir != NULL && dir[0] != '\0' && bit_io_join(path, dir, BIT_PRODUCT_TABLE_FILE) >= 0 &&
        read_file(path, &table, &bytes) < 0)
        bit_warn("products searched anew", "why=\"%s\"", bit_fail_text());
    return take(w, table, bytes);
}

static int take_and_keep_found(struct bit_worker *w)
{
    const char *dir = w->welcome->checkpoint_dir;
    void *table = NULL;
    size_t bytes = 0;
    int err = bit_comm_agree(w->comm, bit_products_export(&w->model->exec, &table, &bytes));

    if (err >= 0 && w->comm->rank == 0 && dir != NULL && dir[0] != '\0' && keep(dir, table, bytes) < 0)
        bit_warn("products not kept", "why=\"%s\"", bit_fail_text());
    if (err < 0 || w->comm->rank != 0) {
        free(table);
        table = NULL;
        bytes = 0;
    }
    return err < 0 ? err : take(w, table, bytes);
}

/* ---- the search */

static uint32_t *draw_tokens(const struct bit_worker_plan *plan)
{
    const int64_t count = plan->micro_instances * plan->context;
    uint32_t *tokens = malloc((size_t)count * sizeof *tokens), state = 1;

    for (int64_t i = 0; tokens != NULL && i < count; i++) {
        state = state * 1664525u + 1013904223u;
        tokens[i] = (uint32_t)((uint64_t)state * (uint64_t)plan->vocab >> 32);
    }
    return tokens;
}

/* One micro-batch: every product of a training step is met. */
static int search_phase(struct bit_worker *w, const uint32_t *tokens, Bit__Precision precision)
{
    const struct bit_worker_plan *plan = &w->plan;
    struct bit_exec *exec = &w->model->exec;
    const bool replays = exec->replays;
    int err = bit_comm_agree(w->comm, bit_publish_evaluate(&w->publish, w->optim.master, precision));

    if (err < 0)
        return err;
    exec->replays = false;
    err = bit_products_search(exec, true);
    if (err >= 0)
        err = bit_model_clear(w->model);
    if (err >= 0)
        err = bit_model_accumulate(w->model, tokens, plan->micro_instances,
                                   1.0 / (double)(plan->micro_instances * plan->context));
    if (err >= 0)
        err = bit_exec_wait(exec);
    bit_products_search(exec, false);
    exec->replays = replays;
    return bit_comm_agree(w->comm, err);
}

static int search(struct bit_worker *w)
{
    uint32_t *tokens = draw_tokens(&w->plan);
    int err = bit_comm_agree(w->comm, tokens == NULL ? bit_fail(-ENOMEM, "tokens") : 0);

    if (err >= 0 && w->phase.precision == BIT__PRECISION__SIXTEEN_BIT)
        err = search_phase(w, tokens, BIT__PRECISION__SIXTEEN_BIT);
    if (err >= 0)
        err = search_phase(w, tokens, BIT__PRECISION__TERNARY);
    bit_publish_stale(&w->publish);
    free(tokens);
    return err < 0 ? err : take_and_keep_found(w);
}

int bit_product_table_find(struct bit_worker *w)
{
    const Bit__LaunchSpec *launch = w->spec->launch;
    int err;

    if (!bit_products_have_choice(&w->model->exec))
        return 0;
    err = take_kept(w);
    if (err >= 0 && launch->search_products && !launch->deterministic)
        err = search(w);
    return err;
}
