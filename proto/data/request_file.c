#include "proto/data/request_file.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/crc32c.h"
#include "proto/data/token_file.h"
#include "proto/err.h"

static const char magic[8] = {'b', 'i', 't', 'd', 'r', 'e', 'q', '\n'};

enum {
    AT_VERSION = 8,
    AT_METRIC = 12,
    AT_TOKEN_BYTES = 16,
    AT_VOCAB = 20,
    AT_DOCUMENTS = 24,
    AT_ITEMS = 28,
    AT_IDS = 32,
    AT_SHA256 = 40,
    AT_TASK = 104,
    AT_TOKENIZER = 176,
    AT_ZERO = 432,
    AT_TABLE_CRC = 496,
    AT_IDS_CRC = 500,
    AT_ZERO_TOO = 504,
    AT_CRC = 508,
    DOCUMENT_BYTES = 16,
    ITEM_BYTES = 20,
};

/* ---- metrics and names */

static const char *const metrics[] = {
    [BIT_METRIC_ACC] = "acc", [BIT_METRIC_LEN_NORM] = "len_norm", [BIT_METRIC_F1] = "f1"};

const char *bit_task_metric_name(enum bit_task_metric metric)
{
    BIT_ASSERT((size_t)metric < BIT_COUNT(metrics) && metrics[metric] != NULL);
    return metrics[metric];
}

enum bit_task_metric bit_task_metric_find(const char *name)
{
    for (size_t i = 0; i < BIT_COUNT(metrics); i++)
        if (metrics[i] != NULL && strcmp(metrics[i], name) == 0)
            return (enum bit_task_metric)i;
    return 0;
}

bool bit_task_name_valid(const char *name)
{
    static const char fit[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    size_t length = strlen(name);

    return length > 0 && length <= BIT_NAME_MAX && name[0] != '.' && strspn(name, fit) == length;
}

const char *bit_request_item_name(const struct bit_request_file *f, uint32_t item, char out[BIT_NAME_MAX + 64])
{
    const struct bit_request_item *i = &f->item[item];

    snprintf(out, BIT_NAME_MAX + 64, "task '%s', document %" PRIu64 ", choice %u", f->task,
             f->document[i->document].number, i->choice);
    return out;
}

/* ---- numbers */

static uint32_t get32(const uint8_t *at)
{
    uint32_t v;

    memcpy(&v, at, sizeof v);
    return le32toh(v);
}

static uint64_t get64(const uint8_t *at)
{
    uint64_t v;

    memcpy(&v, at, sizeof v);
    return le64toh(v);
}

static void put32(uint8_t *at, uint32_t v)
{
    v = htole32(v);
    memcpy(at, &v, sizeof v);
}

static void put64(uint8_t *at, uint64_t v)
{
    v = htole64(v);
    memcpy(at, &v, sizeof v);
}

/* ---- header */

struct layout {
    uint64_t documents, items, ids, file; /* offset of each table, and the size of the file */
};

/* The counts must be within their limits, so that no sum wraps. */
static struct layout lay_out(uint32_t documents, uint32_t items, uint64_t ids, unsigned token_bytes)
{
    struct layout at = {.documents = BIT_REQUEST_HEADER_BYTES};

    at.items = at.documents + (uint64_t)documents * DOCUMENT_BYTES;
    at.ids = at.items + (uint64_t)items * ITEM_BYTES;
    at.file = at.ids + ids * token_bytes;
    return at;
}

static bool counts_fit(uint32_t documents, uint32_t items, uint64_t ids)
{
    return documents <= items && items <= BIT_REQUEST_ITEMS_MAX && ids <= BIT_REQUEST_IDS_MAX;
}

/* Reads the text in a field of `room` bytes; the rest of the field must be NUL. */
static bool take_text(const uint8_t *field, size_t room, char *out)
{
    size_t length = strnlen((const char *)field, room);

    for (size_t i = length; i < room; i++)
        if (field[i] != '\0')
            return false;
    if (length == 0 || length == room)
        return false;
    memcpy(out, field, length + 1);
    return true;
}

static bool is_zero(const uint8_t *bytes, size_t count)
{
    size_t i = 0;

    while (i < count && bytes[i] == 0)
        i++;
    return i == count;
}

static bool take_sha256(const uint8_t *field, char out[65])
{
    memcpy(out, field, 64);
    out[64] = '\0';
    return strspn(out, "0123456789abcdef") == 64;
}

/* Reads a header with a valid checksum; another writer may still have written invalid values. NULL, or the invalid one.
 */
static const char *take_header(const uint8_t *h, struct bit_request_file *f)
{
    char task[AT_TOKENIZER - AT_TASK];

    f->metric = (enum bit_task_metric)get32(h + AT_METRIC);
    f->token_bytes = get32(h + AT_TOKEN_BYTES);
    f->vocab = get32(h + AT_VOCAB);
    f->document_count = get32(h + AT_DOCUMENTS);
    f->item_count = get32(h + AT_ITEMS);
    f->id_count = get64(h + AT_IDS);
    if (!take_text(h + AT_TASK, sizeof task, task) || !bit_task_name_valid(task))
        return "the task's name";
    memcpy(f->task, task, strlen(task) + 1);
    if (!take_text(h + AT_TOKENIZER, sizeof f->tokenizer, f->tokenizer) || !take_sha256(h + AT_SHA256, f->sha256))
        return "the tokenizer";
    if (f->metric < BIT_METRIC_ACC || f->metric > BIT_METRIC_F1)
        return "the metric";
    if (f->vocab < 1 || f->vocab > INT32_MAX)
        return "the vocabulary";
    if (f->token_bytes != 4 && (f->token_bytes != 2 || f->vocab > BIT_VOCAB_16BIT))
        return "the bytes of an id";
    return is_zero(h + AT_ZERO, AT_TABLE_CRC - AT_ZERO) && is_zero(h + AT_ZERO_TOO, AT_CRC - AT_ZERO_TOO)
               ? NULL
               : "reserved bytes are not zero";
}

static int read_header(const uint8_t *bytes, size_t count, const char *path, struct bit_request_file *f)
{
    if (!bit_request_file_is(bytes, count))
        return bit_fail(BIT_EDATA, "'%s' is no request file: bitctl tokenize --requests makes them of JSON lines",
                        path);
    if (count < BIT_REQUEST_HEADER_BYTES)
        return bit_fail(BIT_ECORRUPT, "request file '%s' ends inside its header, at byte %zu", path, count);
    if (get32(bytes + AT_VERSION) != BIT_REQUEST_FILE_VERSION)
        return bit_fail(BIT_EVERSION, "request file '%s' has version %u, but this program reads %d; make it again",
                        path, get32(bytes + AT_VERSION), BIT_REQUEST_FILE_VERSION);
    if (bit_crc32c(0, bytes, AT_CRC) != get32(bytes + AT_CRC))
        return bit_fail(BIT_ECORRUPT, "request file '%s': its header does not match its checksum", path);
    f->digest = (uint64_t)get32(bytes + AT_CRC) << 32 | get32(bytes + AT_IDS_CRC);
    const char *wrong = take_header(bytes, f);
    if (wrong != NULL)
        return bit_fail(BIT_ECORRUPT, "request file '%s': invalid header: %s", path, wrong);
    if (!counts_fit(f->document_count, f->item_count, f->id_count))
        return bit_fail(BIT_ELIMIT, "request file '%s': %u documents, %u items, %" PRIu64 " ids", path,
                        f->document_count, f->item_count, f->id_count);
    return f->document_count > 0 ? 0 : bit_fail(BIT_EDATA, "request file '%s': task '%s' has no items", path, f->task);
}

static int check_bytes(const uint8_t *bytes, size_t count, const char *path, const struct layout *at)
{
    if (count != at->file)
        return bit_fail(BIT_ECORRUPT, "request file '%s' has %zu bytes; its header says %" PRIu64, path, count,
                        at->file);
    if (bit_crc32c(0, bytes + at->documents, at->ids - at->documents) != get32(bytes + AT_TABLE_CRC))
        return bit_fail(BIT_ECORRUPT, "request file '%s': its tables do not match their checksum", path);
    if (bit_crc32c(0, bytes + at->ids, at->file - at->ids) != get32(bytes + AT_IDS_CRC))
        return bit_fail(BIT_ECORRUPT, "request file '%s': its ids do not match their checksum", path);
    return 0;
}

/* ---- tables */

static int read_documents(const uint8_t *table, const char *path, struct bit_request_file *f)
{
    uint64_t items = 0;

    for (uint32_t i = 0; i < f->document_count; i++, table += DOCUMENT_BYTES) {
        struct bit_request_document *d = &f->document[i];
        *d = (struct bit_request_document){get64(table), get32(table + 8), get32(table + 12), (uint32_t)items};
        if (i > 0 && d->number <= d[-1].number)
            return bit_fail(BIT_ECORRUPT, "request file '%s': document %" PRIu64 " after %" PRIu64, path, d->number,
                            d[-1].number);
        if (d->choices < 2 || (f->metric == BIT_METRIC_F1 && d->choices != 2))
            return bit_fail(BIT_ECORRUPT, "request file '%s': document %" PRIu64 " has %u choices", path, d->number,
                            d->choices);
        if (d->label >= d->choices)
            return bit_fail(BIT_ECORRUPT,
                            "request file '%s': label %u of document %" PRIu64 " is none of its %u choices", path,
                            d->label, d->number, d->choices);
        items += d->choices;
        if (items > f->item_count)
            break;
    }
    return items == f->item_count ? 0
                                  : bit_fail(BIT_ECORRUPT, "request file '%s': %u items, and its documents have %s",
                                             path, f->item_count, items > f->item_count ? "more" : "fewer");
}

/* Reads one item; *used counts the ids. NULL, or what is wrong with the item. */
static const char *take_item(const uint8_t *table, const struct bit_request_file *f, uint32_t at, uint64_t *used)
{
    struct bit_request_item *i = &f->item[at];
    uint32_t same = get32(table + 16);

    i->context_tokens = get32(table);
    i->continuation_tokens = get32(table + 4);
    i->characters = get32(table + 8);
    i->bytes = get32(table + 12);
    i->same_context = same != 0;
    if (same > 1 || (same == 1 && i->choice == 0))
        return "a context that no item before it has";
    if (i->context_tokens < 1 || i->continuation_tokens < 1)
        return "no tokens";
    if (i->characters < 1 || i->bytes < i->characters || i->bytes > UINT64_C(4) * i->characters)
        return "a continuation of impossible length";
    i->context_at = i->same_context ? i[-1].context_at : *used;
    if (i->same_context && i->context_tokens != i[-1].context_tokens)
        return "another length of one context";
    *used += i->same_context ? 0 : i->context_tokens;
    i->continuation_at = *used;
    *used += i->continuation_tokens;
    return *used <= f->id_count ? NULL : "more ids than the file";
}

static int read_items(const uint8_t *table, const char *path, struct bit_request_file *f)
{
    char name[BIT_NAME_MAX + 64];
    uint64_t used = 0;
    uint32_t at = 0;

    for (uint32_t d = 0; d < f->document_count; d++) {
        for (uint32_t choice = 0; choice < f->document[d].choices; choice++, at++, table += ITEM_BYTES) {
            f->item[at].document = d;
            f->item[at].choice = choice;
            const char *wrong = take_item(table, f, at, &used);
            if (wrong != NULL)
                return bit_fail(BIT_ECORRUPT, "request file '%s': %s has %s", path, bit_request_item_name(f, at, name),
                                wrong);
        }
    }
    return used == f->id_count
               ? 0
               : bit_fail(BIT_ECORRUPT, "request file '%s': %" PRIu64 " ids, and its items have %" PRIu64, path,
                          f->id_count, used);
}

/* The item of an id: the last item whose own ids begin at or before it. */
static uint32_t item_of(const struct bit_request_file *f, uint64_t id)
{
    uint32_t item = 0;

    while (item + 1 < f->item_count &&
           (f->item[item + 1].same_context ? f->item[item + 1].continuation_at : f->item[item + 1].context_at) <= id)
        item++;
    return item;
}

static int read_ids(const uint8_t *bytes, const char *path, struct bit_request_file *f)
{
    char name[BIT_NAME_MAX + 64];
    uint16_t *narrow = f->ids;
    uint32_t *wide = f->ids;

    memcpy(f->ids, bytes, f->id_count * f->token_bytes);
    for (uint64_t i = 0; i < f->id_count; i++) {
        if (f->token_bytes == 2)
            narrow[i] = le16toh(narrow[i]);
        else
            wide[i] = le32toh(wide[i]);
    }
    int64_t bad = bit_token_find_invalid(f->ids, f->id_count, f->token_bytes, f->vocab);
    return bad < 0
               ? 0
               : bit_fail(BIT_ECORRUPT, "request file '%s': %s has token id %u, which is not below the vocabulary's %u",
                          path, bit_request_item_name(f, item_of(f, (uint64_t)bad), name),
                          bit_token_id(f->ids, (size_t)bad, f->token_bytes), f->vocab);
}

/* ---- file */

bool bit_request_file_is(const uint8_t *bytes, size_t count)
{
    return count >= sizeof magic && memcmp(bytes, magic, sizeof magic) == 0;
}

int bit_request_file_parse(const uint8_t *bytes, size_t count, const char *path, struct bit_request_file *out)
{
    struct bit_request_file f = {0};
    int err = read_header(bytes, count, path, &f);

    if (err < 0)
        return err;
    const struct layout at = lay_out(f.document_count, f.item_count, f.id_count, f.token_bytes);
    err = check_bytes(bytes, count, path, &at); /* from here on, no allocation is above a few times the file's size */
    if (err < 0)
        return err;
    f.document = calloc(f.document_count, sizeof *f.document);
    f.item = calloc(f.item_count, sizeof *f.item);
    f.ids = malloc(f.id_count * f.token_bytes + 1);
    if (f.document == NULL || f.item == NULL || f.ids == NULL)
        err = bit_fail(-ENOMEM, "request file '%s'", path);
    if (err == 0)
        err = read_documents(bytes + at.documents, path, &f);
    if (err == 0)
        err = read_items(bytes + at.items, path, &f);
    if (err == 0)
        err = read_ids(bytes + at.ids, path, &f);
    if (err < 0)
        bit_request_file_finish(&f);
    else
        *out = f;
    return err;
}

int bit_request_file_open(const char *path, const struct bit_file_id *shown, struct bit_request_file *out)
{
    struct stat st;
    uint8_t *bytes = NULL;
    size_t count = 0;
    int fd = bit_regular_file_open(path, true, &st), err = 0;

    if (fd < 0)
        return fd;
    if (shown != NULL && !bit_file_id_is(shown, &st))
        err = bit_fail(BIT_EAUTH, "'%s': bitd opens another file at this path than the submitter did", path);
    if (err == 0)
        err = bit_regular_file_read(fd, path, &st, BIT_REQUEST_FILE_BYTES_MAX, &bytes, &count);
    if (err == 0)
        err = bit_request_file_parse(bytes, count, path, out);
    free(bytes);
    close(fd);
    return err;
}

void bit_request_file_finish(struct bit_request_file *f)
{
    free(f->document);
    free(f->item);
    free(f->ids);
    *f = (struct bit_request_file){0};
}

/* ---- writer */

static void put_header(const struct bit_request_file *f, uint8_t *h)
{
    memset(h, 0, BIT_REQUEST_HEADER_BYTES);
    memcpy(h, magic, sizeof magic);
    put32(h + AT_VERSION, BIT_REQUEST_FILE_VERSION);
    put32(h + AT_METRIC, f->metric);
    put32(h + AT_TOKEN_BYTES, f->token_bytes);
    put32(h + AT_VOCAB, f->vocab);
    put32(h + AT_DOCUMENTS, f->document_count);
    put32(h + AT_ITEMS, f->item_count);
    put64(h + AT_IDS, f->id_count);
    memcpy(h + AT_SHA256, f->sha256, 64);
    memcpy(h + AT_TASK, f->task, strlen(f->task));
    memcpy(h + AT_TOKENIZER, f->tokenizer, strlen(f->tokenizer));
}

static void put_tables(const struct bit_request_file *f, uint8_t *documents, uint8_t *items)
{
    for (uint32_t d = 0; d < f->document_count; d++, documents += DOCUMENT_BYTES) {
        put64(documents, f->document[d].number);
        put32(documents + 8, f->document[d].label);
        put32(documents + 12, f->document[d].choices);
    }
    for (uint32_t i = 0; i < f->item_count; i++, items += ITEM_BYTES) {
        put32(items, f->item[i].context_tokens);
        put32(items + 4, f->item[i].continuation_tokens);
        put32(items + 8, f->item[i].characters);
        put32(items + 12, f->item[i].bytes);
        put32(items + 16, f->item[i].same_context);
    }
}

static void put_ids(const struct bit_request_file *f, uint8_t *out)
{
    for (uint64_t i = 0; i < f->id_count; i++) {
        uint32_t id = bit_token_id(f->ids, i, f->token_bytes);
        for (unsigned b = 0; b < f->token_bytes; b++)
            *out++ = (uint8_t)(id >> 8 * b);
    }
}

int bit_request_file_encode(const struct bit_request_file *f, uint8_t **bytes, size_t *count)
{
    const struct layout at = lay_out(f->document_count, f->item_count, f->id_count, f->token_bytes);

    if (!counts_fit(f->document_count, f->item_count, f->id_count) || at.file > BIT_REQUEST_FILE_BYTES_MAX)
        return bit_fail(BIT_ELIMIT, "task '%s': %u items with %" PRIu64 " ids; %u with %u, and %u bytes may be",
                        f->task, f->item_count, f->id_count, BIT_REQUEST_ITEMS_MAX, BIT_REQUEST_IDS_MAX,
                        BIT_REQUEST_FILE_BYTES_MAX);
    uint8_t *b = malloc(at.file);
    if (b == NULL)
        return bit_fail(-ENOMEM, "task '%s', %" PRIu64 " bytes", f->task, at.file);
    put_header(f, b);
    put_tables(f, b + at.documents, b + at.items);
    put_ids(f, b + at.ids);
    put32(b + AT_TABLE_CRC, bit_crc32c(0, b + at.documents, at.ids - at.documents));
    put32(b + AT_IDS_CRC, bit_crc32c(0, b + at.ids, at.file - at.ids));
    put32(b + AT_CRC, bit_crc32c(0, b, AT_CRC));
    *bytes = b;
    *count = at.file;
    return 0;
}

/* ---- against a model */

int bit_request_file_check(const struct bit_request_file *f, const char *path, uint32_t vocab, const char *tokenizer)
{
    if (tokenizer != NULL && tokenizer[0] != '\0' && strcmp(tokenizer, f->tokenizer) != 0 &&
        strcmp(tokenizer, f->sha256) != 0)
        return bit_fail(BIT_EDATA, "%s is of tokenizer '%s', sha256 %.16s…, and the model's is '%.80s'", path,
                        f->tokenizer, f->sha256, tokenizer);
    if (f->vocab > vocab)
        return bit_fail(BIT_EDATA, "%s is of tokenizer '%s' with a vocabulary of %u; model.vocab is %u", path,
                        f->tokenizer, f->vocab, vocab);
    return 0;
}
