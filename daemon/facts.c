#include "daemon/facts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/fileio.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/msg.h"
#include "proto/tokens.h"

#define FACTS     3 /* of a file: bytes, mtime_ns, inode */
#define BYTES_MAX ((size_t)FACTS * 8 * BIT_DATA_FILES_MAX * 2 + 64)

static size_t file_count(struct bit_shards *const *sets, size_t count)
{
    size_t files = 0;
    for (size_t i = 0; i < count; i++)
        files += bit_shards_files(sets[i]);
    return files;
}

/* The facts of all files as they are now, heap. */
static uint64_t *collect(struct bit_shards *const *sets, size_t count)
{
    uint64_t *fact = malloc((file_count(sets, count) * FACTS + 1) * sizeof *fact), *at = fact;
    for (size_t i = 0; i < count && fact != NULL; i++)
        for (size_t k = 0; k < bit_shards_files(sets[i]); k++, at += FACTS) {
            const struct bit_token_file *file = bit_shards_file(sets[i], k);
            at[0] = file->bytes;
            at[1] = file->mtime_ns;
            at[2] = file->inode;
        }
    return fact;
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

static int differs(const char *path, const uint64_t *then, const uint64_t *now)
{
    if (then[0] != now[0])
        return bit_fail(BIT_EDATA, "%s: changed since the run began: %" PRIu64 " bytes then, %" PRIu64 " now", path,
                        then[0], now[0]);
    return bit_fail(BIT_EDATA, "%s: %s since the run began, at the same size of %" PRIu64 " bytes", path,
                    then[2] != now[2] ? "replaced by another file" : "written to", now[0]);
}

static int compare(struct bit_shards *const *sets, size_t count, const uint64_t *then, const uint64_t *now)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < bit_shards_files(sets[i]); k++, then += FACTS, now += FACTS)
            if (memcmp(then, now, FACTS * sizeof *now) != 0)
                return differs(bit_shards_file(sets[i], k)->path, then, now);
    return 0;
}

int bit_facts_check(struct bit_shards *const *sets, size_t count, const char *path)
{
    Bit__DataFacts now = BIT__DATA_FACTS__INIT;
    ProtobufCMessage *then = NULL;
    uint8_t *buf = NULL;
    size_t bytes = 0;

    now.n_fact = file_count(sets, count) * FACTS;
    now.fact = collect(sets, count);
    int err = now.fact == NULL ? bit_fail(-ENOMEM, "%s", path) : bit_file_read(path, BYTES_MAX, &buf, &bytes);
    if (err == -ENOENT) {
        err = keep(&now, path);
        goto out;
    }
    if (err == 0)
        err = bit_msg_decode_as(&bit__data_facts__descriptor, buf, bytes, BIT_DECODE_BUDGET_MAX, &then);
    if (err < 0)
        goto out;
    const Bit__DataFacts *kept = (const Bit__DataFacts *)then;
    if (kept->n_fact != now.n_fact)
        err = bit_fail(BIT_ECORRUPT, "%s has %zu facts, not %zu", path, kept->n_fact, now.n_fact);
    else
        err = compare(sets, count, kept->fact, now.fact);
out:
    bit_msg_free(then);
    free(buf);
    free(now.fact);
    return err;
}
