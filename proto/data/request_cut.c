#include "proto/data/request_cut.h"

#include "proto/check.h"
#include "proto/data/token_file.h"
#include "proto/err.h"

int bit_request_cut(const struct bit_request_file *f, uint32_t item, uint32_t context, struct bit_request_cut *out)
{
    const struct bit_request_item *i = &f->item[item];
    char name[BIT_NAME_MAX + 64];

    if (i->continuation_tokens > context)
        return bit_fail(BIT_EDATA, "%s: a continuation of %u tokens does not fit a context length of %u",
                        bit_request_item_name(f, item, name), i->continuation_tokens, context);
    uint32_t room = context - (i->continuation_tokens - 1), kept = BIT_MIN(i->context_tokens, room);
    *out = (struct bit_request_cut){
        .context_from = i->context_tokens - kept,
        .context_tokens = kept,
        .query_tokens = kept + i->continuation_tokens - 1,
        .first_row = kept - 1,
        .rows = i->continuation_tokens,
    };
    return 0;
}

void bit_request_cut_ids(const struct bit_request_file *f, uint32_t item, const struct bit_request_cut *cut,
                         uint32_t *ids)
{
    const struct bit_request_item *i = &f->item[item];

    for (uint32_t k = 0; k < cut->context_tokens; k++)
        *ids++ = bit_token_id(f->ids, i->context_at + cut->context_from + k, f->token_bytes);
    for (uint32_t k = 0; k < cut->rows; k++)
        *ids++ = bit_token_id(f->ids, i->continuation_at + k, f->token_bytes);
}

int bit_request_extent(const struct bit_request_file *f, const char *path, uint32_t context,
                       struct bit_request_extent *out)
{
    struct bit_request_extent e = {0};

    for (uint32_t k = 0; k < f->item_count; k++) {
        struct bit_request_cut cut;
        int err = bit_request_cut(f, k, context, &cut);
        if (err < 0)
            return bit_fail_within(err, "%s", path);
        e.longest = BIT_MAX(e.longest, cut.context_from + cut.query_tokens);
        e.cut += cut.context_from > 0;
        e.queries += cut.query_tokens;
        e.rows += cut.rows;
        e.most_rows = BIT_MAX(e.most_rows, cut.rows);
    }
    *out = e;
    return 0;
}
