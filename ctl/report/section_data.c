/* The section on the files that a run was trained and evaluated on. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl/report/run_sections.h"
#include "proto/limits.h"
#include "proto/regular_file.h"
#include "proto/spec/spec.h"
#include "proto/wire/msg.h"

#define FACTS_BYTES_MAX (64 << 20)

/* What bitd recorded about the token files when the run first read them; NULL if it is missing or cannot be read. */
static Bit__DataFacts *read_facts(const char *directory)
{
    char path[BIT_PATH_MAX];
    struct stat st;
    uint8_t *buf = NULL;
    size_t bytes;
    Bit__DataFacts *facts = NULL;

    if (directory == NULL || (size_t)snprintf(path, sizeof path, "%s/data.pb", directory) >= sizeof path)
        return NULL;
    const int fd = bit_regular_file_open(path, true, &st);
    if (fd < 0)
        return NULL;
    if (bit_regular_file_read(fd, path, &st, FACTS_BYTES_MAX, &buf, &bytes) == 0)
        facts = bit__data_facts__unpack(NULL, bytes, buf);
    close(fd);
    free(buf);
    return facts;
}

/* Files are numbered as by bit_spec_path: training, its sources, held-out sets. Tasks have digests of their own. */
struct table {
    struct bit_page_section *s;
    const Bit__DataFacts *facts; /* NULL: none */
    size_t file, files;          /* the next file, and the number of files */
    size_t row, rows;
};

static void digest_cells(struct table *t)
{
    const Bit__DataFacts *f = t->facts;
    const size_t each = f != NULL && t->files > 0 && f->n_fact % t->files == 0 ? f->n_fact / t->files : 0;

    if (each > 0)
        bit_section_cell(t->s, "%" PRIu64, f->fact[t->file * each]);
    else
        bit_section_cell(t->s, "-");
    if (f != NULL && t->file < f->n_checksum && f->checksum[t->file] != 0)
        bit_section_cell(t->s, "CRC-32C %08" PRIx32, (uint32_t)f->checksum[t->file]);
    else
        bit_section_cell(t->s, "-");
}

static void tell_files(struct table *t, const char *what, char *const *path, size_t count)
{
    for (size_t i = 0; i < count; i++, t->file++) {
        if (!bit_section_row_fits(t->s, t->row++, t->rows))
            continue;
        bit_section_row_begin(t->s, false);
        bit_section_cell(t->s, "%s", what);
        bit_section_cell(t->s, "%s", path[i]);
        digest_cells(t);
        bit_section_row_end(t->s);
    }
}

static void tell_task(struct table *t, const Bit__TaskSpec *task)
{
    if (!bit_section_row_fits(t->s, t->row++, t->rows))
        return;
    bit_section_row_begin(t->s, false);
    bit_section_cell(t->s, "task %s", task->name != NULL ? task->name : "");
    bit_section_cell(t->s, "%s", task->path);
    bit_section_cell(t->s, "%" PRIu64 " documents", task->documents);
    bit_section_cell(t->s, "%016" PRIx64, task->digest);
    bit_section_row_end(t->s);
}

static void tell_all(struct table *t, const Bit__RunSpec *spec)
{
    char what[BIT_NAME_MAX + 16];

    tell_files(t, "training", spec->data->train, spec->data->n_train);
    for (size_t i = 0; i < spec->data->n_source; i++) {
        const Bit__DataSource *source = spec->data->source[i];
        snprintf(what, sizeof what, "training: %s", source->name != NULL ? source->name : "");
        tell_files(t, what, source->path, source->n_path);
    }
    for (size_t i = 0; i < spec->eval->n_set; i++) {
        const Bit__EvalSet *set = spec->eval->set[i];
        snprintf(what, sizeof what, "held out: %s", set->name != NULL ? set->name : "");
        tell_files(t, what, set->path, set->n_path);
    }
    for (size_t i = 0; i < spec->eval->n_task; i++)
        tell_task(t, spec->eval->task[i]);
}

void bit_section_data(struct bit_page_section *s)
{
    static const char *const columns[] = {"For", "File", "Bytes", "Checksum", NULL};
    const Bit__RunSpec *spec = s->run->status->spec;
    Bit__DataFacts *facts = read_facts(s->run->status->directory);
    const size_t rows = bit_spec_paths(spec);
    struct table t = {.s = s, .facts = facts, .files = rows - spec->eval->n_task, .rows = rows};

    if (rows > 0) {
        bit_section_begin(s, "data", "Data");
        if (spec->data->tokenizer != NULL)
            bit_section_paragraph(s, "Tokenizer: %s", spec->data->tokenizer);
        bit_section_table_begin(s, "Files of tokens and requests", columns, "llnl");
        tell_all(&t, spec);
        bit_section_table_end(s);
        bit_section_end(s);
    }
    if (facts != NULL)
        bit__data_facts__free_unpacked(facts, NULL);
}
