#include "daemon/feed/file_identity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/feed/file_bytes.h"
#include "daemon/sys/files/fileio.h"
#include "daemon/sys/files/message_file.h"
#include "proto/check.h"
#include "proto/data/token_file.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/limits.h"
#include "proto/log.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("file_identity");

/* Facts of a file: bytes, mtime_ns, inode; and the device, if a submitter's right to read the file depends on it. A
 * device may get another number at a reboot, which ends the run: that is better than reading another file. */
#define FACTS_MAX 4
#define BYTES_MAX ((size_t)(FACTS_MAX + 2) * 8 * BIT_DATA_FILES_MAX * 2 + 8 * BIT_EVAL_SETS_MAX + 64)

size_t bit_file_identity_count(struct bit_shards *const *sets, size_t count)
{
    size_t files = 0;

    for (size_t i = 0; i < count; i++)
        files += bit_shards_files(sets[i]);
    return files;
}

static void free_facts(Bit__DataFacts *facts)
{
    free(facts->fact);
    free(facts->ctime_ns);
    free(facts->checksum);
}

/* Collect the first `facts` facts and the change times of all files now, with room for their checksums, on the heap.
 * Call free_facts in every case. */
static int collect(struct bit_shards *const *sets, size_t count, size_t facts, Bit__DataFacts *now)
{
    size_t files = bit_file_identity_count(sets, count), file_at = 0;

    now->fact = malloc((files * facts + 1) * sizeof *now->fact);
    now->ctime_ns = malloc((files + 1) * sizeof *now->ctime_ns);
    now->checksum = calloc(files + 1, sizeof *now->checksum);
    uint64_t *at = now->fact;
    if (at == NULL || now->ctime_ns == NULL || now->checksum == NULL)
        return bit_fail(-ENOMEM, "facts of token files");
    now->n_fact = files * facts;
    now->n_ctime_ns = files;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < bit_shards_files(sets[i]); k++, at += facts) {
            const struct bit_token_file *file = bit_shards_file(sets[i], k);
            const uint64_t all[FACTS_MAX] = {file->bytes, file->mtime_ns, file->inode, file->device};
            memcpy(at, all, facts * sizeof *at);
            now->ctime_ns[file_at++] = file->ctime_ns;
        }
    return 0;
}

static const char unknown[] = "; dataset.json had no checksum for it when the run began, so its bytes cannot be "
                              "compared";

/* The path may now lead to a file that the submitter may not read, so it is not compared. */
static int replaced_unproven(const char *path)
{
    return bit_fail(BIT_EDATA,
                    "%s: replaced by another file since the run began, and its submitter has not proven the right to "
                    "read the new file: submit the run again",
                    path);
}

static int resized(const char *path, const uint64_t *then, const uint64_t *now)
{
    return bit_fail(BIT_EDATA, "%s: changed since the run began: %" PRIu64 " bytes then, %" PRIu64 " now", path,
                    then[0], now[0]);
}

static int rewritten(const char *path, bool replaced, uint64_t bytes)
{
    return bit_fail(BIT_EDATA, "%s: %s since the run began, at the same size of %" PRIu64 " bytes%s", path,
                    replaced ? "replaced by another file" : "written to", bytes, unknown);
}

static void warn_of_ctime(const char *path)
{
    bit_warn("token file touched",
             "file=%s why=\"its permissions, links or name changed since the run began, or it was written to and its "
             "time put back: dataset.json had no checksum for it when the run began\" check=\"bitctl data verify\"",
             path);
}

/* Compare bytes, at the same size. checksum is not 0. */
static int compare_bytes(const struct bit_token_file *file, uint64_t checksum, bool same_mtime, const atomic_bool *stop)
{
    bit_info("token file touched",
             "file=%s bytes=%" PRIu64 " what=\"comparing its bytes with dataset.json's checksum\"", file->path,
             file->bytes);
    int err = bit_file_bytes_compare(file, checksum, same_mtime, stop);
    if (err == 0)
        bit_info("same bytes", "file=%s crc32c=%08" PRIx32, file->path, (uint32_t)checksum);
    return err;
}

/* One check: what was kept, the present state, and the known checksums. */
struct check {
    const Bit__DataFacts *then;
    Bit__DataFacts *now; /* an unexplained change time is reset to the old one, so that it is reported again */
    size_t facts;
    uint64_t *checksum; /* of each file; 0: unknown */
    const atomic_bool *stop;
    struct bit_file_changes *changes;
};

static void tell(struct bit_file_changes *changes, const char *text)
{
    size_t before = changes->same + changes->other;

    if (before == 0)
        bit_format(changes->text, sizeof changes->text, "%s", text);
    else if (before == 1)
        bit_format_more(changes->text, sizeof changes->text, "; and others");
}

static void note_same(struct check *c, const char *path, uint64_t checksum)
{
    char text[BIT_ERR_TEXT_MAX];

    bit_format(text, sizeof text, "%s: touched since the run began, and its bytes are the same (CRC-32C %08" PRIx32 ")",
               path, (uint32_t)checksum);
    tell(c->changes, text);
    c->changes->same++;
}

static bool may_be_taken(const struct check *c, const uint64_t *was, const uint64_t *is)
{
    bool proven = c->facts == FACTS_MAX, replaced = memcmp(was + 2, is + 2, (c->facts - 2) * sizeof *is) != 0;

    return c->changes->others != BIT_FILE_OTHERS_FAIL && !(proven && replaced);
}

/* For a file that was touched: BIT_EDATA if it changed, or may have. */
static int judge_touched(struct check *c, size_t i, const struct bit_token_file *file)
{
    const uint64_t *was = c->then->fact + i * c->facts, *is = c->now->fact + i * c->facts;
    bool same_mtime = was[1] == is[1], replaced = memcmp(was + 2, is + 2, (c->facts - 2) * sizeof *is) != 0;

    if (replaced && c->facts == FACTS_MAX)
        return replaced_unproven(file->path);
    c->changes->resized = was[0] != is[0];
    if (c->changes->resized)
        return resized(file->path, was, is);
    if (c->checksum[i] != 0) {
        int err = compare_bytes(file, c->checksum[i], same_mtime && !replaced, c->stop);
        if (err == 0)
            note_same(c, file->path, c->checksum[i]);
        return err;
    }
    if (!same_mtime || replaced)
        return rewritten(file->path, replaced, is[0]);
    warn_of_ctime(file->path);
    c->now->ctime_ns[i] = c->then->ctime_ns[i];
    return 0;
}

static int compare_file(struct check *c, size_t i, const struct bit_token_file *file)
{
    const uint64_t *was = c->then->fact + i * c->facts, *is = c->now->fact + i * c->facts;
    bool same_ctime = c->then->n_ctime_ns == 0 || c->then->ctime_ns[i] == c->now->ctime_ns[i];

    if (memcmp(was, is, c->facts * sizeof *is) == 0 && same_ctime)
        return 0;
    int err = judge_touched(c, i, file);
    if (err != BIT_EDATA || !may_be_taken(c, was, is))
        return err;
    tell(c->changes, bit_fail_text());
    c->changes->other++;
    c->checksum[i] = 0; /* it was the old file's */
    return 0;
}

/* then->ctime_ns may be absent: an earlier version did not keep it. */
static int compare(struct check *c, struct bit_shards *const *sets, size_t count)
{
    size_t at = 0;
    int err = 0;

    for (size_t i = 0; i < count && err == 0; i++)
        for (size_t k = 0; k < bit_shards_files(sets[i]) && err == 0; k++)
            err = compare_file(c, at++, bit_shards_file(sets[i], k));
    return err;
}

static bool any_touched(const Bit__DataFacts *then, const Bit__DataFacts *now)
{
    return memcmp(then->fact, now->fact, now->n_fact * sizeof *now->fact) != 0 ||
           (then->n_ctime_ns > 0 &&
            memcmp(then->ctime_ns, now->ctime_ns, now->n_ctime_ns * sizeof *now->ctime_ns) != 0);
}

/* Facts of bitd's own user's files have no device. */
static int write_own(struct bit_shards *const *sets, size_t count, const char *path)
{
    Bit__DataFacts now = BIT__DATA_FACTS__INIT;
    int err = collect(sets, count, FACTS_MAX - 1, &now);

    if (err == 0) {
        bit_file_bytes_note(sets, count, NULL, now.checksum);
        now.n_checksum = now.n_ctime_ns;
        err = bit_message_file_write(path, &now.base);
    }
    free_facts(&now);
    return err < 0 ? err : BIT_FILE_IDENTITY_OWN;
}

int bit_file_identity_keep(struct bit_shards *const *sets, size_t count, const char *path, const double *eval_bytes,
                           size_t eval_count, const uint64_t *checksum)
{
    Bit__DataFacts now = BIT__DATA_FACTS__INIT;
    int err = collect(sets, count, FACTS_MAX, &now);

    if (err == 0 && checksum != NULL) {
        now.n_checksum = now.n_ctime_ns;
        memcpy(now.checksum, checksum, now.n_checksum * sizeof *checksum);
    }
    now.n_eval_bytes = eval_count;
    now.eval_bytes = (double *)(uintptr_t)eval_bytes;
    if (err == 0)
        err = bit_message_file_write(path, &now.base);
    free_facts(&now);
    return err;
}

static int check_counts(const Bit__DataFacts *kept, const Bit__DataFacts *now, const char *path)
{
    if (kept->n_ctime_ns != 0 && kept->n_ctime_ns != now->n_ctime_ns)
        return bit_fail(BIT_ECORRUPT, "%s has %zu change times, not %zu", path, kept->n_ctime_ns, now->n_ctime_ns);
    if (kept->n_checksum != 0 && kept->n_checksum != now->n_ctime_ns)
        return bit_fail(BIT_ECORRUPT, "%s has %zu checksums, not %zu", path, kept->n_checksum, now->n_ctime_ns);
    if (kept->n_fact != now->n_fact)
        return bit_fail(BIT_ECORRUPT, "%s has %zu facts, not %zu", path, kept->n_fact, now->n_fact);
    return 0;
}

/* A file that was compared once need not be read again at the next launch. */
static int keep(const struct check *c, const char *path)
{
    Bit__DataFacts next = *c->then;

    next.fact = c->now->fact;
    next.n_ctime_ns = c->now->n_ctime_ns;
    next.ctime_ns = c->now->ctime_ns;
    next.n_checksum = c->now->n_ctime_ns;
    next.checksum = c->checksum;
    return bit_message_file_write(path, &next.base);
}

/* Set now->checksum to the known checksums. */
static void find_checksums(struct check *c, struct bit_shards *const *sets, size_t count)
{
    bool own = c->facts < FACTS_MAX;

    if (c->then->n_checksum > 0)
        memcpy(c->now->checksum, c->then->checksum, c->then->n_checksum * sizeof *c->now->checksum);
    else if (own && any_touched(c->then, c->now)) /* an earlier version did not keep them */
        bit_file_bytes_note(sets, count, NULL, c->now->checksum);
    c->checksum = c->now->checksum;
}

static int check_kept(struct bit_shards *const *sets, size_t count, const char *path, const Bit__DataFacts *kept,
                      const atomic_bool *stop, struct bit_file_changes *changes)
{
    Bit__DataFacts now = BIT__DATA_FACTS__INIT;
    size_t files = bit_file_identity_count(sets, count);
    struct check c = {.then = kept, .now = &now, .stop = stop, .changes = changes};

    c.facts = kept->n_fact == files * FACTS_MAX ? FACTS_MAX : FACTS_MAX - 1;
    int err = collect(sets, count, c.facts, &now);
    if (err == 0)
        err = check_counts(kept, &now, path);
    if (err == 0) {
        find_checksums(&c, sets, count);
        err = compare(&c, sets, count);
    }
    bool keeps = changes->other == 0 ? changes->same > 0 : changes->others == BIT_FILE_OTHERS_TAKE;
    if (err == 0 && keeps && keep(&c, path) < 0)
        bit_warn("change times not kept", "path=%s text=%s next=\"the files are compared again at the next launch\"",
                 path, bit_fail_text());
    free_facts(&now);
    return err < 0 || c.facts == FACTS_MAX ? err : BIT_FILE_IDENTITY_OWN;
}

/* A run that was submitted to an older bitd has none. */
static void take_eval_bytes(const Bit__DataFacts *kept, double *eval_bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        eval_bytes[i] = kept->n_eval_bytes == count ? kept->eval_bytes[i] : 0;
}

int bit_file_identity_check(struct bit_shards *const *sets, size_t count, const char *path, double *eval_bytes,
                            size_t eval_count, const atomic_bool *stop, struct bit_file_changes *changes)
{
    ProtobufCMessage *kept = NULL;
    int err = bit_message_file_read(path, &bit__data_facts__descriptor, BYTES_MAX, BIT_DECODE_BUDGET_MAX, &kept);

    if (err == -ENOENT)
        return write_own(sets, count, path);
    if (err == 0)
        err = check_kept(sets, count, path, (const Bit__DataFacts *)kept, stop, changes);
    if (err == 0)
        take_eval_bytes((const Bit__DataFacts *)kept, eval_bytes, eval_count);
    bit_msg_free(kept);
    return err;
}

int bit_file_identity_prove(struct bit_shards *const *sets, size_t count, const struct bit_file_id *proven,
                            size_t proven_count)
{
    BIT_ASSERT(bit_file_identity_count(sets, count) == proven_count);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < bit_shards_files(sets[i]); k++, proven++) {
            const struct bit_token_file *file = bit_shards_file(sets[i], k);
            if (file->inode != proven->inode || file->device != proven->device)
                return bit_fail(BIT_EAUTH, "%s: bitd opens another file at this path than the submitter did",
                                file->path);
        }
    return 0;
}
