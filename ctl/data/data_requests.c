/* The sub-verbs of `bitctl data` for request files. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/cli/failure.h"
#include "ctl/data/data.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/tokenize/tokenizer.h"
#include "proto/check.h"
#include "proto/data/request_cut.h"
#include "proto/data/token_file.h"
#include "proto/err.h"

bool bit_data_is_requests(const char *path)
{
    uint8_t first[8] = {0};
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool is = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && pread(fd, first, sizeof first, 0) >= 0 &&
              bit_request_file_is(first, sizeof first);

    if (fd >= 0)
        close(fd);
    return is;
}

/* ---- info */

/* Number of documents for each label; heap. *count is one above the highest label. */
static uint64_t *count_labels(const struct bit_request_file *f, size_t *count)
{
    uint32_t most = 0;

    for (uint32_t d = 0; d < f->document_count; d++)
        most = BIT_MAX(most, f->document[d].label);
    uint64_t *labels = calloc((size_t)most + 1, sizeof *labels);
    for (uint32_t d = 0; d < f->document_count && labels != NULL; d++)
        labels[f->document[d].label]++;
    *count = (size_t)most + 1;
    return labels;
}

static int info_json(const char *path, const struct bit_request_file *f, const struct bit_request_extent *whole,
                     const struct bit_request_extent *cut)
{
    Bit__TokenizerName tokenizer = BIT__TOKENIZER_NAME__INIT;
    Bit__RequestFileInfo m = BIT__REQUEST_FILE_INFO__INIT;

    m.labels = count_labels(f, &m.n_labels);
    if (m.labels == NULL)
        return bit_fail(-ENOMEM, "labels");
    tokenizer.name = bit_lend(f->tokenizer);
    tokenizer.sha256 = bit_lend(f->sha256);
    m.path = bit_lend(path);
    m.task = bit_lend(f->task);
    m.metric = bit_lend(bit_task_metric_name(f->metric));
    m.tokenizer = &tokenizer;
    m.vocab = f->vocab;
    m.token_bytes = f->token_bytes;
    m.documents = f->document_count;
    m.items = f->item_count;
    m.tokens = f->id_count;
    m.scored_tokens = whole->rows;
    m.longest_query = whole->longest;
    m.cut = cut->cut;
    bit_print_json(&m);
    free(m.labels);
    return 0;
}

static int info_file(const struct bit_data_options *o, const char *path)
{
    struct bit_request_file f;
    struct bit_request_extent whole, cut;
    int err = bit_request_file_open(path, NULL, &f);

    if (err < 0)
        return err;
    err = bit_request_extent(&f, path, UINT32_MAX, &whole);
    if (err == 0)
        err = bit_request_extent(&f, path, (uint32_t)BIT_MIN(o->context, (uint64_t)UINT32_MAX), &cut);
    if (err == 0 && o->cli->json)
        err = info_json(path, &f, &whole, &cut);
    else if (err == 0)
        bit_show(stdout, "%-16s %-8s %9u %7u %8" PRIu64 " %7u %6u  %s\n", f.task, bit_task_metric_name(f.metric),
                 f.document_count, f.item_count, f.id_count, whole.longest, cut.cut, path);
    bit_request_file_finish(&f);
    return err;
}

int bit_data_requests_info(const struct bit_data_options *o, const struct bit_data_files *files)
{
    int code = BIT_EXIT_OK;

    if (!o->cli->json && !o->cli->quiet)
        bit_show(stdout, "%-16s %-8s %9s %7s %8s %7s %6s  %s\n", "TASK", "METRIC", "DOCUMENTS", "ITEMS", "TOKENS",
                 "LONGEST", "CUT", "FILE");
    for (size_t i = 0; i < files->count; i++) {
        int err = info_file(o, files->path[i]);
        int said = err < 0 ? bit_failure_print(o->cli, err) : 0;
        code = code == BIT_EXIT_OK ? said : code;
    }
    return code;
}

/* ---- verify */

/* Opening a request file checks all of it. */
static int look_at_file(const char *path, uint32_t vocab, struct bit_request_file *f)
{
    int err = bit_request_file_open(path, NULL, f);

    if (err < 0)
        return err;
    int64_t bad = bit_token_find_invalid(f->ids, f->id_count, f->token_bytes, vocab);
    if (bad < 0)
        return 0;
    err = bit_fail(BIT_EDATA, "%s: token id %u, which is number %" PRId64 ", is not below %u", path,
                   bit_token_id(f->ids, (size_t)bad, f->token_bytes), bad, vocab);
    bit_request_file_finish(f);
    return err;
}

static void verify_json(const char *path, const struct bit_request_file *f, uint32_t vocab, int err)
{
    Bit__DataVerdict m = BIT__DATA_VERDICT__INIT;

    m.path = bit_lend(path);
    m.good = true;
    m.has_tokens = m.has_vocab = err == 0;
    m.tokens = f->id_count;
    m.vocab = vocab;
    if (err < 0)
        bit_data_verify_failed(&m, err);
    bit_print_json(&m);
}

static int verify_file(const struct bit_data_options *o, const char *path)
{
    struct bit_request_file f = {0};
    const uint64_t most = o->vocab > 0 ? o->vocab : UINT32_MAX;
    int err = look_at_file(path, (uint32_t)BIT_MIN(most, (uint64_t)UINT32_MAX), &f);

    if (o->cli->json)
        verify_json(path, &f, o->vocab > 0 ? (uint32_t)o->vocab : f.vocab, err);
    else if (err < 0)
        bit_failure_print(o->cli, err);
    else if (!o->cli->quiet)
        bit_show(stdout, "%s: good, task %s, %u items, %" PRIu64 " ids below %" PRIu64 "\n", path, f.task, f.item_count,
                 f.id_count, o->vocab > 0 ? (uint64_t)o->vocab : f.vocab);
    bit_request_file_finish(&f);
    return bit_exit_code(err);
}

int bit_data_requests_verify(const struct bit_data_options *o, const struct bit_data_files *files)
{
    int code = BIT_EXIT_OK;

    for (size_t i = 0; i < files->count; i++) {
        const int said = verify_file(o, files->path[i]);
        code = code == BIT_EXIT_OK ? said : code;
    }
    return code;
}

/* ---- show */

struct showing {
    const struct bit_data_options *o;
    struct bit_request_file file;
    struct bit_tokenizer *tokenizer; /* NULL without --text */
};

static int find_document(const struct showing *s, uint32_t *at)
{
    const struct bit_request_file *f = &s->file;

    for (*at = 0; s->o->has_document && *at < f->document_count; ++*at)
        if (f->document[*at].number == s->o->document)
            return 0;
    if (!s->o->has_document)
        return 0;
    return bit_fail(BIT_EUSAGE, "task '%s' has no document %" PRIu64 "; its %u are from %" PRIu64 " to %" PRIu64,
                    f->task, s->o->document, f->document_count, f->document[0].number,
                    f->document[f->document_count - 1].number);
}

static int load_tokenizer(struct showing *s)
{
    int err = s->o->text ? bit_tokenizer_load(s->o->tokenizer, &s->tokenizer) : 0;

    if (err == 0 && s->o->text && strcmp(s->tokenizer->digest, s->file.sha256) != 0)
        err = bit_fail(BIT_EDATA, "these requests are of tokenizer '%s', sha256 %.16s…; '%s' is %.16s…",
                       s->file.tokenizer, s->file.sha256, s->o->tokenizer, s->tokenizer->digest);
    return err;
}

/* Decode `count` ids to text, heap. */
static int decode(const struct showing *s, uint64_t at, uint32_t count, char **text)
{
    uint32_t *ids = calloc(count, sizeof *ids);
    size_t bytes;

    if (ids == NULL)
        return bit_fail(-ENOMEM, "an item");
    for (uint32_t i = 0; i < count; i++)
        ids[i] = bit_token_id(s->file.ids, at + i, s->file.token_bytes);
    int err = bit_tokenizer_decode(s->tokenizer, ids, count, text, &bytes);
    free(ids);
    return err;
}

static int print_text(const struct showing *s, const char *what, uint64_t at, uint32_t count)
{
    char *text = NULL;

    if (s->tokenizer == NULL)
        return 0;
    int err = decode(s, at, count, &text);
    if (err == 0) {
        bit_show(stdout, "    %s: ", what);
        bit_show_lines(stdout, text);
    }
    free(text);
    return err;
}

static int print_item(const struct showing *s, const struct bit_request_item *item, bool right)
{
    bit_show(stdout, "  choice %u%s: context %u tokens%s, continuation %u, %u characters\n", item->choice,
             right ? ", the right one" : "", item->context_tokens, item->same_context ? " (as before)" : "",
             item->continuation_tokens, item->characters);
    int err = item->same_context ? 0 : print_text(s, "context", item->context_at, item->context_tokens);
    return err < 0 ? err : print_text(s, "continuation", item->continuation_at, item->continuation_tokens);
}

static void copy_ids(const struct bit_request_file *f, uint64_t at, uint32_t count, uint32_t *out)
{
    for (uint32_t i = 0; i < count; i++)
        out[i] = bit_token_id(f->ids, at + i, f->token_bytes);
}

static int add_texts(const struct showing *s, const struct bit_request_item *item, Bit__ShownChoice *m)
{
    int err = decode(s, item->context_at, item->context_tokens, &m->context);

    return err < 0 ? err : decode(s, item->continuation_at, item->continuation_tokens, &m->continuation);
}

static int print_item_json(const struct showing *s, const struct bit_request_item *item)
{
    const struct bit_request_file *f = &s->file;
    const struct bit_request_document *d = &f->document[item->document];
    Bit__ShownChoice m = BIT__SHOWN_CHOICE__INIT;
    uint32_t *ids = calloc((size_t)item->context_tokens + item->continuation_tokens, sizeof *ids);
    int err = ids == NULL ? bit_fail(-ENOMEM, "an item") : 0;

    if (err == 0 && s->tokenizer != NULL)
        err = add_texts(s, item, &m);
    if (err == 0) {
        m.task = bit_lend(f->task);
        m.document = d->number;
        m.choice = item->choice;
        m.label = d->label;
        m.characters = item->characters;
        m.bytes = item->bytes;
        m.n_context_ids = item->context_tokens;
        m.context_ids = ids;
        m.n_continuation_ids = item->continuation_tokens;
        m.continuation_ids = ids + item->context_tokens;
        copy_ids(f, item->context_at, item->context_tokens, m.context_ids);
        copy_ids(f, item->continuation_at, item->continuation_tokens, m.continuation_ids);
        bit_print_json(&m);
    }
    free(m.context);
    free(m.continuation);
    free(ids);
    return err;
}

static int show_document(const struct showing *s, uint32_t at)
{
    const struct bit_request_document *d = &s->file.document[at];
    int err = 0;

    if (!s->o->cli->json)
        bit_show(stdout, "task %s, %s, document %" PRIu64 "\n", s->file.task, bit_task_metric_name(s->file.metric),
                 d->number);
    for (uint32_t i = 0; i < d->choices && err == 0; i++) {
        const struct bit_request_item *item = &s->file.item[d->first_item + i];
        err = s->o->cli->json ? print_item_json(s, item) : print_item(s, item, i == d->label);
    }
    return err;
}

int bit_data_requests_show(const struct bit_data_options *o, const char *path)
{
    struct showing s = {.o = o};
    uint32_t at = 0;
    int err = bit_request_file_open(path, NULL, &s.file);

    if (err == 0)
        err = find_document(&s, &at);
    if (err == 0)
        err = load_tokenizer(&s);
    if (err == 0)
        err = show_document(&s, at);
    bit_tokenizer_destroy(s.tokenizer);
    bit_request_file_finish(&s.file);
    return err < 0 ? bit_failure_print(o->cli, err) : BIT_EXIT_OK;
}
