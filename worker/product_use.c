#include "worker/product_use.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("product_use");

#define ANEW_TEXT 256

/* Counts the row for its source; if no source has it, adds it to *found. */
static int count_row(const struct bit_product_sources *from, const struct bit_product_maker *maker, const uint8_t *row,
                     Bit__ProductsUsed *use, struct bit_product_set *found)
{
    struct bit_product_view view;

    if (bit_product_set_find(from->checkpoint, maker, &view) && bit_product_view_has(&view, row))
        use->from_checkpoint++;
    else if (bit_product_set_find(from->run, maker, &view) && bit_product_view_has(&view, row))
        use->from_run++;
    else if (bit_product_set_find(from->state, maker, &view) && bit_product_view_has(&view, row))
        use->from_state++;
    else {
        use->timed++;
        return bit_product_set_add(found, maker, row, 1);
    }
    return 0;
}

/* If the checkpoint has tables but none for this card: a text that names the maker of the last one it has; otherwise
 * "". */
static void tell_anew(const struct bit_product_set *checkpoint, const struct bit_product_maker *maker,
                      char text[ANEW_TEXT])
{
    struct bit_product_view view;
    char was[BIT_PRODUCT_MAKER_TEXT];

    text[0] = '\0';
    if (checkpoint->size == 0 || bit_product_set_find(checkpoint, maker, &view))
        return; /* if the card has none, view is the last table */
    const bool same_card = memcmp(view.maker.card, maker->card, sizeof maker->card) == 0;
    bit_format(text, ANEW_TEXT, "other %s: the checkpoint's are of %s", same_card ? "driver or library" : "card",
               bit_product_maker_text(&view.maker, was));
}

static Bit__ProductsUsed *add_use(struct bit_worker *w)
{
    const size_t count = w->product_use_count;
    Bit__ProductsUsed **grown = realloc(w->product_use, (count + 1) * sizeof *grown);

    if (grown == NULL)
        return NULL;
    w->product_use = grown;
    grown[count] = malloc(sizeof **grown);
    if (grown[count] == NULL)
        return NULL;
    bit__products_used__init(grown[count]);
    w->product_use_count++;
    return grown[count];
}

static int tell_card(struct bit_worker *w, const struct bit_product_maker *maker, uint32_t ranks,
                     const struct bit_product_sources *from, struct bit_product_set *found)
{
    struct bit_product_view table = {0};
    char card[BIT_PRODUCT_MAKER_TEXT], anew[ANEW_TEXT];
    Bit__ProductsUsed *use = add_use(w);
    int err = 0;

    if (use == NULL)
        return bit_fail(-ENOMEM, "what products come from");
    if (!bit_product_set_find(&w->products, maker, &table))
        table.count = 0;
    use->card = strdup(bit_product_maker_text(maker, card));
    use->ranks = ranks;
    use->products = (uint32_t)table.count;
    use->not_first = (uint32_t)bit_product_view_not_first(&table);
    for (size_t i = 0; i < table.count && err >= 0; i++)
        err = count_row(from, maker, table.rows + i * BIT_PRODUCT_ROW_BYTES, use, found);
    tell_anew(from->checkpoint, maker, anew);
    use->anew = anew[0] != '\0' ? strdup(anew) : NULL;
    if (err >= 0 && (use->card == NULL || (anew[0] != '\0' && use->anew == NULL)))
        err = bit_fail(-ENOMEM, "what products come from");
    if (anew[0] != '\0')
        bit_warn("products searched anew",
                 "card=\"%s\" why=\"%s\" text=\"steps after the checkpoint do not repeat to the bit\"", card, anew);
    return err;
}

static bool is_first(const struct bit_product_maker *makers, int rank)
{
    for (int r = 0; r < rank; r++)
        if (memcmp(&makers[r], &makers[rank], sizeof makers[r]) == 0)
            return false;
    return true;
}

int bit_product_use_tell(struct bit_worker *w, const struct bit_product_maker *makers,
                         const struct bit_product_sources *from, struct bit_product_set *found)
{
    int err = 0;

    for (int first = 0; first < w->comm->size && err >= 0 && w->product_use_count < BIT_PRODUCT_CARDS_MAX; first++) {
        uint32_t ranks = 0;
        if (!is_first(makers, first))
            continue;
        for (int r = first; r < w->comm->size; r++)
            ranks += memcmp(&makers[r], &makers[first], sizeof makers[r]) == 0;
        err = tell_card(w, &makers[first], ranks, from, found);
    }
    return err;
}

void bit_product_use_fill(const struct bit_worker *w, Bit__WorkerReady *ready)
{
    ready->product = w->product_use;
    ready->n_product = w->product_use_count;
}

struct bit_product_count bit_product_use_count(const struct bit_worker *w)
{
    struct bit_product_count count = {0};

    for (size_t i = 0; i < w->product_use_count; i++) {
        count.products += w->product_use[i]->products;
        count.not_first += w->product_use[i]->not_first;
    }
    return count;
}

void bit_product_use_finish(struct bit_worker *w)
{
    for (size_t i = 0; i < w->product_use_count; i++)
        bit_msg_free(w->product_use[i]);
    free(w->product_use);
    w->product_use = NULL;
    w->product_use_count = 0;
}
