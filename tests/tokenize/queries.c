/* queries FILE.requests CONTEXT: prints each item, truncated to that context length, as little-endian u32: document,
 * choice, label, characters, bytes, first row, rows, number of ids, and those ids: the query and the continuation's
 * last token. For comparison with other queries. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/data/request_cut.h"
#include "proto/err.h"

static int write_item(const struct bit_request_file *f, uint32_t at, uint32_t context)
{
    const struct bit_request_item *item = &f->item[at];
    const struct bit_request_document *document = &f->document[item->document];
    struct bit_request_cut cut;
    int err = bit_request_cut(f, at, context, &cut);

    if (err < 0)
        return err;
    const uint32_t head[] = {(uint32_t)document->number,
                             item->choice,
                             document->label,
                             item->characters,
                             item->bytes,
                             cut.first_row,
                             cut.rows,
                             cut.query_tokens + 1};
    uint32_t *ids = calloc(cut.query_tokens + 1, sizeof *ids);
    if (ids == NULL)
        return bit_fail(-ENOMEM, "an item");
    bit_request_cut_ids(f, at, &cut, ids);
    fwrite(head, sizeof head, 1, stdout);
    fwrite(ids, sizeof *ids, cut.query_tokens + 1, stdout);
    free(ids);
    return 0;
}

int main(int argc, char **argv)
{
    struct bit_request_file f;

    if (argc != 3)
        return BIT_EXIT_USAGE;
    int err = bit_request_file_open(argv[1], NULL, &f);
    if (err == 0) {
        for (uint32_t i = 0; i < f.item_count && err == 0; i++)
            err = write_item(&f, i, (uint32_t)strtoul(argv[2], NULL, 10));
        bit_request_file_finish(&f);
    }
    if (err < 0)
        bit_fail_print("queries");
    return err < 0 ? BIT_EXIT_FAILURE : BIT_EXIT_OK;
}
