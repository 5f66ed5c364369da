#include "ctl/data/document_index.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "proto/err.h"
#include "proto/limits.h"

#define FIELDS 5

struct bit_document_index {
    gzFile file;
    char *path, *row;
    uint64_t number; /* of the row, from 1 */
};

int bit_document_index_open(const char *token_path, struct bit_document_index **out)
{
    size_t len = strlen(token_path);
    struct bit_document_index *index = calloc(1, sizeof *index);

    if (len > 4 && strcmp(token_path + len - 4, ".npy") == 0)
        len -= 4;
    if (index == NULL || (index->row = malloc(BIT_DOCUMENT_INDEX_ROW_MAX)) == NULL ||
        asprintf(&index->path, "%.*s.csv.gz", (int)len, token_path) < 0) {
        bit_document_index_close(index);
        return bit_fail(-ENOMEM, "index of '%s'", token_path);
    }
    errno = 0;
    index->file = gzopen(index->path, "rbe");
    if (index->file == NULL) {
        int err = errno == ENOENT ? 0 : bit_fail(errno ? -errno : -ENOMEM, "'%s'", index->path);
        bit_document_index_close(index);
        return err;
    }
    gzbuffer(index->file, 1u << 17);
    *out = index;
    return 1;
}

void bit_document_index_close(struct bit_document_index *index)
{
    if (index == NULL)
        return;
    if (index->file != NULL)
        gzclose(index->file);
    free(index->path);
    free(index->row);
    free(index);
}

static int corrupt(const struct bit_document_index *index, const char *why)
{
    return bit_fail(BIT_ECORRUPT, "'%s', row %" PRIu64 ": %s", index->path, index->number, why);
}

/* A line end inside quotes belongs to a field: a row ends at a line end after an even number of quotes. */
static int read_row(struct bit_document_index *index)
{
    size_t used = 0;
    unsigned quotes = 0;

    index->number++;
    do {
        if (used + 1 >= BIT_DOCUMENT_INDEX_ROW_MAX)
            return bit_fail(BIT_ELIMIT, "'%s', row %" PRIu64 " is longer than %u bytes", index->path, index->number,
                            BIT_DOCUMENT_INDEX_ROW_MAX);
        if (gzgets(index->file, index->row + used, (int)(BIT_DOCUMENT_INDEX_ROW_MAX - used)) == NULL) {
            int code;
            const char *why = gzerror(index->file, &code);
            if (code != Z_OK && code != Z_STREAM_END)
                return corrupt(index, why);
            return used > 0 ? corrupt(index, "a quote is not closed") : 0;
        }
        for (; index->row[used] != '\0'; used++)
            quotes += index->row[used] == '"';
    } while (quotes % 2 != 0 || index->row[used - 1] != '\n');
    while (used > 0 && (index->row[used - 1] == '\n' || index->row[used - 1] == '\r'))
        index->row[--used] = '\0';
    return 1;
}

/* Cut the field at *at out in place and undo its quotes. NULL after the last field. */
static char *next_field(char **at)
{
    char *begin = *at, *from, *to;

    if (begin == NULL)
        return NULL;
    if (*begin != '"') {
        *at = strchr(begin, ',');
        if (*at != NULL)
            *(*at)++ = '\0';
        return begin;
    }
    for (from = to = ++begin; *from != '\0'; from++) {
        if (*from == '"' && *++from != '"')
            break;
        *to++ = *from;
    }
    *at = *from == ',' ? from + 1 : NULL;
    *to = '\0';
    return begin;
}

static bool parse_u64(const char *text, uint64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

int bit_document_index_next(struct bit_document_index *index, struct bit_document_index_row *out)
{
    char *field[FIELDS], *at = index->row;
    int err = read_row(index);

    if (err <= 0)
        return err;
    for (int i = 0; i < FIELDS; i++)
        if ((field[i] = next_field(&at)) == NULL)
            return corrupt(index, "too few fields");
    *out = (struct bit_document_index_row){.id = field[2], .source = field[3], .line = field[4]};
    if (!parse_u64(field[0], &out->start) || !parse_u64(field[1], &out->end) || out->end < out->start)
        return corrupt(index, "no range of tokens");
    return 1;
}
