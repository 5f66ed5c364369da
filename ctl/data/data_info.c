#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/cli/failure.h"
#include "ctl/data/data.h"
#include "ctl/data/document_index.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "proto/check.h"
#include "proto/err.h"

#define SAMPLES     64 /* evenly spaced positions in a file where ids are read */
#define SAMPLE_IDS  4096
#define COMMON      5
#define COUNTED_MAX (1u << 20) /* higher ids are counted together */

/* Counts of the sampled ids, over all files. */
struct sample {
    uint64_t *count; /* by id */
    uint64_t ids;
    uint32_t most; /* the highest id */
};

/* Statistics of a sample. */
struct weighed {
    uint64_t different;
    double entropy; /* bits */
    uint32_t common[COMMON];
    double share[COMMON]; /* of the sampled ids */
    unsigned commons;
};

struct info {
    uint64_t bytes, tokens, instances, documents;
    bool has_documents;
    unsigned token_bytes;
};

static void count_ids(struct sample *s, const uint8_t *bytes, size_t ids, unsigned token_bytes)
{
    for (size_t i = 0; i < ids; i++) {
        const uint8_t *b = bytes + i * token_bytes;
        uint32_t id = token_bytes == 2 ? b[0] | (uint32_t)b[1] << 8
                                       : b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
        s->count[BIT_MIN(id, COUNTED_MAX - 1)]++;
        s->most = BIT_MAX(s->most, id);
    }
    s->ids += ids;
}

static int sample_file(const char *path, int fd, const struct info *info, struct sample *s)
{
    static uint8_t piece[SAMPLE_IDS * 4];
    uint64_t apart = BIT_MAX(info->tokens / SAMPLES, (uint64_t)SAMPLE_IDS);

    for (uint64_t at = 0; at < info->tokens; at += apart) {
        size_t ids = (size_t)BIT_MIN(info->tokens - at, (uint64_t)SAMPLE_IDS);
        ssize_t got = pread(fd, piece, ids * info->token_bytes, (off_t)(at * info->token_bytes));
        if (got < 0)
            return bit_fail(-errno, "'%s' at byte %" PRIu64, path, at * info->token_bytes);
        count_ids(s, piece, (size_t)got / info->token_bytes, info->token_bytes);
    }
    return 0;
}

static int count_documents(const char *path, struct info *info)
{
    struct bit_document_index *index = NULL;
    struct bit_document_index_row row;
    int err = bit_document_index_open(path, &index);

    if (err <= 0)
        return err;
    info->has_documents = true;
    while ((err = bit_document_index_next(index, &row)) > 0)
        info->documents++;
    bit_document_index_close(index);
    return err;
}

static int look(const struct bit_data_options *o, const char *path, struct info *info, struct sample *s)
{
    struct bit_sidecar sidecar;
    struct stat st;
    int err = bit_data_describe(path, &sidecar, &info->token_bytes);

    if (err < 0)
        return err;
    bit_sidecar_finish(&sidecar);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        err = bit_fail(-errno, "'%s'", path);
        goto out;
    }
    info->bytes = (uint64_t)st.st_size;
    info->tokens = info->bytes / info->token_bytes;
    info->instances = info->tokens / o->context;
    err = count_documents(path, info);
    if (err == 0)
        err = sample_file(path, fd, info, s);
out:
    if (fd >= 0)
        close(fd);
    return err;
}

static void print_line(const char *path, const struct info *i)
{
    char documents[32] = "-", bytes[BIT_TEXT];

    if (i->has_documents)
        snprintf(documents, sizeof documents, "%" PRIu64, i->documents);
    bit_show(stdout, "%14" PRIu64 " %11" PRIu64 " %11s %10s  %s\n", i->tokens, i->instances, documents,
             bit_text_bytes((double)i->bytes, bytes), path);
}

static void weigh(const struct sample *s, struct weighed *out)
{
    uint64_t before = UINT64_MAX;

    *out = (struct weighed){0};
    for (uint32_t id = 0; id < COUNTED_MAX && s->ids > 0; id++) {
        double p = (double)s->count[id] / (double)s->ids;
        out->different += s->count[id] > 0;
        out->entropy -= p > 0 ? p * log2(p) : 0;
    }
    for (; out->commons < COMMON; out->commons++) { /* the next lower count; of ids with equal counts only the first */
        uint32_t best = 0;
        for (uint32_t id = 1; id < COUNTED_MAX; id++)
            if (s->count[id] < before && (s->count[best] >= before || s->count[id] > s->count[best]))
                best = id;
        if (s->count[best] == 0 || s->count[best] >= before)
            break;
        before = s->count[best];
        out->common[out->commons] = best;
        out->share[out->commons] = (double)before / (double)s->ids;
    }
}

static void print_sample(const struct sample *s)
{
    struct weighed w;

    weigh(s, &w);
    bit_show(stdout,
             "\nof %" PRIu64 " ids looked at: %" PRIu64 " different, highest %u, entropy %.2f bits; most common:",
             s->ids, w.different, s->most, w.entropy);
    for (unsigned k = 0; k < w.commons; k++)
        bit_show(stdout, " %u (%.2f%%)", w.common[k], 100 * w.share[k]);
    putchar('\n');
}

/* Each file with its own sample; the counts are cleared afterwards. */
static void print_json(const char *path, const struct info *i, struct sample *s)
{
    Bit__DataInfo m = BIT__DATA_INFO__INIT;
    Bit__IdSample sample = BIT__ID_SAMPLE__INIT;
    Bit__IdShare share[COMMON], *common[COMMON];
    struct weighed w;

    weigh(s, &w);
    for (unsigned k = 0; k < w.commons; k++) {
        share[k] = (Bit__IdShare)BIT__ID_SHARE__INIT;
        share[k].id = w.common[k];
        share[k].share = w.share[k];
        common[k] = &share[k];
    }
    sample.ids = s->ids;
    sample.different = w.different;
    sample.highest = s->most;
    sample.entropy_bits = w.entropy;
    sample.n_common = w.commons;
    sample.common = common;
    m.path = bit_lend(path);
    m.bytes = i->bytes;
    m.tokens = i->tokens;
    m.instances = i->instances;
    m.token_bytes = i->token_bytes;
    m.has_documents = i->has_documents;
    m.documents = i->documents;
    m.sample = &sample;
    bit_print_json(&m);
    memset(s->count, 0, COUNTED_MAX * sizeof *s->count);
    s->ids = s->most = 0;
}

int bit_data_info(const struct bit_data_options *o, const struct bit_data_files *files)
{
    struct sample sample = {.count = calloc(COUNTED_MAX, sizeof *sample.count)};
    struct info all = {.has_documents = true};
    int err = sample.count == NULL ? bit_fail(-ENOMEM, "statistics") : 0;

    if (!o->cli->json && !o->cli->quiet)
        bit_show(stdout, "%14s %11s %11s %10s  %s\n", "TOKENS", "INSTANCES", "DOCUMENTS", "SIZE", "FILE");
    for (size_t i = 0; i < files->count && err == 0; i++) {
        struct info info = {0};
        err = look(o, files->path[i], &info, &sample);
        if (err < 0)
            break;
        all.bytes += info.bytes;
        all.tokens += info.tokens;
        all.instances += info.instances;
        all.documents += info.documents;
        all.has_documents &= info.has_documents;
        if (o->cli->json)
            print_json(files->path[i], &info, &sample);
        else
            print_line(files->path[i], &info);
    }
    if (err == 0 && !o->cli->json && !o->cli->quiet) {
        if (files->count > 1)
            print_line("in all", &all);
        if (sample.ids > 0)
            print_sample(&sample);
    }
    free(sample.count);
    return err < 0 ? bit_failure_print(o->cli, err) : BIT_EXIT_OK;
}
