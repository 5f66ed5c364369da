#include "daemon/feed/file_identity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/sys/fileio.h"
#include "proto/check.h"
#include "proto/data/token_file.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/log.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("file_identity");

/* Of a file: bytes, mtime_ns, inode; and the device, where a submitter's right to read the file depends on it. A device
 * may have another number after a reboot, which ends the run: better that than to read another file. */
#define FACTS_MAX 4
#define BYTES_MAX ((size_t)(FACTS_MAX + 1) * 8 * BIT_DATA_FILES_MAX * 2 + 8 * BIT_EVAL_SETS_MAX + 64)

static size_t file_count(struct bit_shards *const *sets, size_t count)
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
}

/* The first `facts` facts and the change times of all files as they are now, on the heap: free_facts in every case. */
static int collect(struct bit_shards *const *sets, size_t count, size_t facts, Bit__DataFacts *now)
{
    size_t files = file_count(sets, count), file_at = 0;

    now->fact = malloc((files * facts + 1) * sizeof *now->fact);
    now->ctime_ns = malloc((files + 1) * sizeof *now->ctime_ns);
    uint64_t *at = now->fact;
    if (at == NULL || now->ctime_ns == NULL)
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

static int keep(const Bit__DataFacts *now, const char *path)
{
    uint8_t *buf = malloc(bit__data_facts__get_packed_size(now) + 1);

    if (buf == NULL)
        return bit_fail(-ENOMEM, "%s", path);
    int err = bit_file_write(path, buf, bit__data_facts__pack(now, buf));
    free(buf);
    return err;
}

static int differs(const char *path, const uint64_t *then, const uint64_t *now, size_t facts)
{
    if (then[0] != now[0])
        return bit_fail(BIT_EDATA, "%s: changed since the run began: %" PRIu64 " bytes then, %" PRIu64 " now", path,
                        then[0], now[0]);
    return bit_fail(
        BIT_EDATA, "%s: %s since the run began, at the same size of %" PRIu64 " bytes", path,
        memcmp(then + 2, now + 2, (facts - 2) * sizeof *now) != 0 ? "replaced by another file" : "written to", now[0]);
}

static void warn_of_ctime(const char *path)
{
    bit_warn("token file touched",
             "file=%s why=\"rights, a link or a new name since the run began, or written to with its time put back\" "
             "check=\"bitctl data verify\"",
             path);
}

/* then->ctime_ns may be absent: an earlier version kept none. */
static int compare(struct bit_shards *const *sets, size_t count, size_t facts, const Bit__DataFacts *then,
                   const Bit__DataFacts *now)
{
    size_t file = 0;

    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < bit_shards_files(sets[i]); k++, file++) {
            const char *path = bit_shards_file(sets[i], k)->path;
            const uint64_t *was = then->fact + file * facts, *is = now->fact + file * facts;
            if (memcmp(was, is, facts * sizeof *is) != 0)
                return differs(path, was, is, facts);
            if (then->n_ctime_ns > 0 && then->ctime_ns[file] != now->ctime_ns[file])
                warn_of_ctime(path);
        }
    return 0;
}

/* The facts of our own user's files have no device. */
static int keep_own(struct bit_shards *const *sets, size_t count, const char *path)
{
    Bit__DataFacts now = BIT__DATA_FACTS__INIT;
    int err = collect(sets, count, FACTS_MAX - 1, &now);

    if (err == 0)
        err = keep(&now, path);
    free_facts(&now);
    return err < 0 ? err : BIT_FILE_IDENTITY_OWN;
}

int bit_file_identity_keep(struct bit_shards *const *sets, size_t count, const char *path, const double *eval_bytes,
                           size_t eval_count)
{
    Bit__DataFacts now = BIT__DATA_FACTS__INIT;
    int err = collect(sets, count, FACTS_MAX, &now);

    now.n_eval_bytes = eval_count;
    now.eval_bytes = (double *)(uintptr_t)eval_bytes;
    if (err == 0)
        err = keep(&now, path);
    free_facts(&now);
    return err;
}

static int check_kept(struct bit_shards *const *sets, size_t count, const char *path, const Bit__DataFacts *kept)
{
    Bit__DataFacts now = BIT__DATA_FACTS__INIT;
    size_t files = file_count(sets, count), facts = kept->n_fact == files * FACTS_MAX ? FACTS_MAX : FACTS_MAX - 1;
    int err = collect(sets, count, facts, &now);

    if (err == 0 && kept->n_ctime_ns != 0 && kept->n_ctime_ns != files)
        err = bit_fail(BIT_ECORRUPT, "%s has %zu change times, not %zu", path, kept->n_ctime_ns, files);
    if (err == 0 && kept->n_fact != now.n_fact)
        err = bit_fail(BIT_ECORRUPT, "%s has %zu facts, not %zu", path, kept->n_fact, now.n_fact);
    if (err == 0)
        err = compare(sets, count, facts, kept, &now);
    free_facts(&now);
    return err < 0 || facts == FACTS_MAX ? err : BIT_FILE_IDENTITY_OWN;
}

/* Of a run that an older bitd took in, nothing is known. */
static void take_eval_bytes(const Bit__DataFacts *kept, double *eval_bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        eval_bytes[i] = kept->n_eval_bytes == count ? kept->eval_bytes[i] : 0;
}

int bit_file_identity_check(struct bit_shards *const *sets, size_t count, const char *path, double *eval_bytes,
                            size_t eval_count)
{
    ProtobufCMessage *kept = NULL;
    uint8_t *buf = NULL;
    size_t bytes = 0;
    int err = bit_file_read(path, BYTES_MAX, &buf, &bytes);

    if (err == -ENOENT)
        return keep_own(sets, count, path);
    if (err == 0)
        err = bit_msg_decode_as(&bit__data_facts__descriptor, buf, bytes, BIT_DECODE_BUDGET_MAX, &kept);
    if (err == 0)
        err = check_kept(sets, count, path, (const Bit__DataFacts *)kept);
    if (err == 0)
        take_eval_bytes((const Bit__DataFacts *)kept, eval_bytes, eval_count);
    bit_msg_free(kept);
    free(buf);
    return err;
}

int bit_file_identity_prove(struct bit_shards *const *sets, size_t count, const struct bit_file_id *proven,
                            size_t proven_count)
{
    BIT_ASSERT(file_count(sets, count) == proven_count);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < bit_shards_files(sets[i]); k++, proven++) {
            const struct bit_token_file *file = bit_shards_file(sets[i], k);
            if (file->inode != proven->inode || file->device != proven->device)
                return bit_fail(BIT_EAUTH, "%s: is another file for this bitd than for who submitted it", file->path);
        }
    return 0;
}
