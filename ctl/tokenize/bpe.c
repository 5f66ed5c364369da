#include "ctl/tokenize/bpe.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "proto/check.h"
#include "proto/err.h"

#define SHORT_MAX    48 /* pieces up to this many bytes are merged by scanning, longer ones with a heap */
#define CACHE_SETS   (1u << 16)
#define CACHE_BYTES  14 /* longest piece that is cached ... */
#define CACHE_TOKENS 4  /* ... and how many ids it may have: two slots fill a cache line */

struct slot {
    uint8_t length, count;
    uint8_t piece[CACHE_BYTES];
    uint32_t id[CACHE_TOKENS];
};

/* Two slots; way[0] was used last. */
struct set {
    struct slot way[2];
};
_Static_assert(sizeof(struct set) == 64, "a set is a cache line");

/* A token of a long piece while it is merged. Symbols are linked, so that joining two takes constant time. */
struct symbol {
    uint32_t id; /* BIT_BPE_NONE once it is joined to the one before */
    int32_t before, after;
};

/* A possible merge. The key orders candidates by rank, then by place. */
struct candidate {
    uint64_t key; /* rank << 32 | place of the left symbol */
    uint32_t left, right;
};

struct bit_bpe_scratch {
    struct set *cache;
    struct symbol *symbols;
    struct candidate *heap;
    size_t symbols_room, heap_count;
};

/* ---- tables */

static inline size_t pair_slot(const struct bit_bpe *bpe, uint64_t pair)
{
    return (size_t)((pair ^ pair >> 29) * 0x9e3779b97f4a7c15u >> 24) & bpe->merge_mask;
}

static inline const struct bit_bpe_merge *find_merge(const struct bit_bpe *bpe, uint32_t left, uint32_t right)
{
    const uint64_t pair = (uint64_t)left << 32 | right;

    for (size_t i = pair_slot(bpe, pair);; i = (i + 1) & bpe->merge_mask) {
        if (bpe->merges[i].pair == pair)
            return &bpe->merges[i];
        if (bpe->merges[i].pair == UINT64_MAX)
            return NULL;
    }
}

/* The smallest power of two, at least 16, that `count` entries fill at most half. */
static size_t table_size(size_t count)
{
    size_t size = 16;

    while (size < count * 2)
        size *= 2;
    return size;
}

int bit_bpe_init(struct bit_bpe *bpe, uint32_t token_count, size_t merge_count)
{
    *bpe = (struct bit_bpe){0};
    if (token_count > BIT_BPE_TOKENS_MAX || merge_count > BIT_BPE_TOKENS_MAX)
        return bit_fail(BIT_ELIMIT, "%u tokens and %zu merges, at most %u", token_count, merge_count,
                        BIT_BPE_TOKENS_MAX);
    size_t merges = table_size(merge_count), tokens = table_size(token_count);
    bpe->merge_mask = merges - 1;
    bpe->by_bytes_mask = tokens - 1;
    bpe->token_count = token_count;
    bpe->merges = malloc(merges * sizeof *bpe->merges);
    bpe->by_bytes = malloc(tokens * sizeof *bpe->by_bytes);
    bpe->tokens = calloc(token_count > 0 ? token_count : 1, sizeof *bpe->tokens);
    if (bpe->merges == NULL || bpe->by_bytes == NULL || bpe->tokens == NULL) {
        bit_bpe_finish(bpe);
        return bit_fail(-ENOMEM, "vocabulary of %u tokens", token_count);
    }
    memset(bpe->merges, 0xff, merges * sizeof *bpe->merges);
    memset(bpe->by_bytes, 0xff, tokens * sizeof *bpe->by_bytes);
    memset(bpe->byte_id, 0xff, sizeof bpe->byte_id);
    return 0;
}

void bit_bpe_add_merge(struct bit_bpe *bpe, uint32_t left, uint32_t right, uint32_t rank, uint32_t id)
{
    const uint64_t pair = (uint64_t)left << 32 | right;
    size_t i = pair_slot(bpe, pair);

    while (bpe->merges[i].pair != pair && bpe->merges[i].pair != UINT64_MAX)
        i = (i + 1) & bpe->merge_mask;
    bpe->merge_count += bpe->merges[i].pair == UINT64_MAX;
    BIT_ASSERT(bpe->merge_count <= bpe->merge_mask);
    bpe->merges[i] = (struct bit_bpe_merge){pair, rank, id};
}

void bit_bpe_add_token(struct bit_bpe *bpe, uint32_t id, const uint8_t *bytes, size_t length, bool in_pieces)
{
    size_t i = (size_t)XXH3_64bits(bytes, length) & bpe->by_bytes_mask;

    BIT_ASSERT(id < bpe->token_count);
    bpe->tokens[id] = (struct bit_bpe_token){bytes, bit_to_u32(length)};
    if (!in_pieces)
        return;
    if (length == 1)
        bpe->byte_id[bytes[0]] = id;
    while (bpe->by_bytes[i] != BIT_BPE_NONE)
        i = (i + 1) & bpe->by_bytes_mask;
    bpe->by_bytes[i] = id;
}

static uint32_t find_token(const struct bit_bpe *bpe, const uint8_t *bytes, size_t length)
{
    size_t i = (size_t)XXH3_64bits(bytes, length) & bpe->by_bytes_mask;

    for (; bpe->by_bytes[i] != BIT_BPE_NONE; i = (i + 1) & bpe->by_bytes_mask) {
        const struct bit_bpe_token *token = &bpe->tokens[bpe->by_bytes[i]];
        if (token->length == length && memcmp(token->bytes, bytes, length) == 0)
            return bpe->by_bytes[i];
    }
    return BIT_BPE_NONE;
}

void bit_bpe_finish(struct bit_bpe *bpe)
{
    free(bpe->merges);
    free(bpe->tokens);
    free(bpe->by_bytes);
    *bpe = (struct bit_bpe){0};
}

/* ---- lists and memory */

int bit_ids_reserve(struct bit_ids *ids, size_t more)
{
    if (ids->room - ids->count >= more)
        return 0;
    size_t room = ids->count + more + ids->room / 2 + 64;
    uint32_t *id = realloc(ids->id, room * sizeof *id);
    if (id == NULL)
        return bit_fail(-ENOMEM, "%zu tokens", room);
    ids->id = id;
    ids->room = room;
    return 0;
}

void bit_ids_finish(struct bit_ids *ids)
{
    free(ids->id);
    *ids = (struct bit_ids){0};
}

int bit_bpe_scratch_create(struct bit_bpe_scratch **out)
{
    struct bit_bpe_scratch *scratch = calloc(1, sizeof *scratch);

    if (scratch != NULL)
        scratch->cache = aligned_alloc(sizeof(struct set), CACHE_SETS * sizeof(struct set));
    if (scratch == NULL || scratch->cache == NULL) {
        bit_bpe_scratch_destroy(scratch);
        return bit_fail(-ENOMEM, "piece cache");
    }
    memset(scratch->cache, 0, CACHE_SETS * sizeof(struct set));
    *out = scratch;
    return 0;
}

void bit_bpe_scratch_destroy(struct bit_bpe_scratch *scratch)
{
    if (scratch == NULL)
        return;
    free(scratch->cache);
    free(scratch->symbols);
    free(scratch->heap);
    free(scratch);
}

/* ---- short pieces */

static inline uint64_t merge_of(const struct bit_bpe *bpe, uint32_t left, uint32_t right)
{
    const struct bit_bpe_merge *m = find_merge(bpe, left, right);

    return m == NULL ? UINT64_MAX : (uint64_t)m->rank << 32 | m->id;
}

/* Find the lowest rank, join the pair, close the gap; repeat. ids has room for `bytes`. Returns how many are left. */
static size_t merge_short(const struct bit_bpe *bpe, const uint8_t *piece, size_t bytes, uint32_t *ids)
{
    uint64_t merge[SHORT_MAX]; /* of ids[i] and ids[i + 1]: rank << 32 | id */
    size_t count = bytes;

    for (size_t i = 0; i < count; i++)
        ids[i] = bpe->byte_id[piece[i]];
    for (size_t i = 0; i + 1 < count; i++)
        merge[i] = merge_of(bpe, ids[i], ids[i + 1]);
    while (count > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < count; i++)
            best = merge[i] >> 32 < merge[best] >> 32 ? i : best;
        if (merge[best] == UINT64_MAX)
            break;
        ids[best] = (uint32_t)merge[best];
        count--;
        memmove(ids + best + 1, ids + best + 2, (count - best - 1) * sizeof *ids);
        memmove(merge + best, merge + best + 1, (count - best - 1) * sizeof *merge);
        if (best + 1 < count)
            merge[best] = merge_of(bpe, ids[best], ids[best + 1]);
        if (best > 0)
            merge[best - 1] = merge_of(bpe, ids[best - 1], ids[best]);
    }
    return count;
}

/* ---- long pieces */

static void heap_push(struct bit_bpe_scratch *s, struct candidate c)
{
    size_t i = s->heap_count++;

    for (; i > 0 && s->heap[(i - 1) / 2].key > c.key; i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = c;
}

static struct candidate heap_pop(struct bit_bpe_scratch *s)
{
    struct candidate top = s->heap[0], last = s->heap[--s->heap_count];
    size_t i = 0;

    for (size_t child = 1; child < s->heap_count; child = 2 * i + 1) {
        if (child + 1 < s->heap_count && s->heap[child + 1].key < s->heap[child].key)
            child++;
        if (s->heap[child].key >= last.key)
            break;
        s->heap[i] = s->heap[child];
        i = child;
    }
    s->heap[i] = last;
    return top;
}

/*
 * Push the merge of the symbol at `left` with its right neighbour as a candidate. Each merge pushes two candidates and
 * removes one symbol, so the heap never has more than 3n.
 */
static void offer(const struct bit_bpe *bpe, struct bit_bpe_scratch *s, int32_t left)
{
    int32_t right = s->symbols[left].after;

    if (right < 0)
        return;
    const struct bit_bpe_merge *m = find_merge(bpe, s->symbols[left].id, s->symbols[right].id);
    if (m != NULL)
        heap_push(
            s, (struct candidate){(uint64_t)m->rank << 32 | (uint32_t)left, s->symbols[left].id, s->symbols[right].id});
}

/* Apply the merge, unless one of the two symbols has changed since it was pushed. */
static void take(const struct bit_bpe *bpe, struct bit_bpe_scratch *s, struct candidate c)
{
    int32_t left = (int32_t)(uint32_t)c.key, right = s->symbols[left].after;

    if (s->symbols[left].id != c.left || right < 0 || s->symbols[right].id != c.right)
        return;
    s->symbols[left].id = find_merge(bpe, c.left, c.right)->id;
    s->symbols[left].after = s->symbols[right].after;
    s->symbols[right].id = BIT_BPE_NONE;
    if (s->symbols[left].after >= 0)
        s->symbols[s->symbols[left].after].before = left;
    if (s->symbols[left].before >= 0)
        offer(bpe, s, s->symbols[left].before);
    offer(bpe, s, left);
}

static int reserve_long(struct bit_bpe_scratch *s, size_t bytes)
{
    if (bytes > INT32_MAX)
        return bit_fail(BIT_ELIMIT, "a piece of %zu bytes", bytes);
    if (bytes <= s->symbols_room)
        return 0;
    size_t room = bytes + bytes / 4;
    struct symbol *symbols = realloc(s->symbols, room * sizeof *symbols);
    if (symbols != NULL)
        s->symbols = symbols;
    struct candidate *heap = realloc(s->heap, room * 3 * sizeof *heap);
    if (heap != NULL)
        s->heap = heap;
    if (symbols == NULL || heap == NULL)
        return bit_fail(-ENOMEM, "a piece of %zu bytes", bytes);
    s->symbols_room = room;
    return 0;
}

static int merge_long(const struct bit_bpe *bpe, struct bit_bpe_scratch *s, const uint8_t *piece, size_t bytes,
                      struct bit_ids *out)
{
    int err = reserve_long(s, bytes);

    if (err < 0)
        return err;
    const int32_t count = (int32_t)bytes;
    for (int32_t i = 0; i < count; i++)
        s->symbols[i] = (struct symbol){bpe->byte_id[piece[i]], i - 1, i + 1 < count ? i + 1 : -1};
    s->heap_count = 0;
    for (int32_t i = 0; i < count; i++)
        offer(bpe, s, i);
    while (s->heap_count > 0)
        take(bpe, s, heap_pop(s));
    for (int32_t i = 0; i >= 0; i = s->symbols[i].after)
        out->id[out->count++] = s->symbols[i].id;
    return 0;
}

/* ---- pieces */

static int encode_new(const struct bit_bpe *bpe, struct bit_bpe_scratch *s, const uint8_t *piece, size_t bytes,
                      struct bit_ids *out)
{
    if (bpe->whole_first) {
        uint32_t id = find_token(bpe, piece, bytes);
        if (id != BIT_BPE_NONE) {
            out->id[out->count++] = id;
            return 0;
        }
    }
    if (bytes > SHORT_MAX)
        return merge_long(bpe, s, piece, bytes, out);
    out->count += merge_short(bpe, piece, bytes, out->id + out->count);
    return 0;
}

static inline bool slot_holds(const struct slot *slot, const uint8_t *piece, size_t bytes)
{
    return slot->length == bytes && memcmp(slot->piece, piece, bytes) == 0;
}

static int encode_cached(const struct bit_bpe *bpe, struct bit_bpe_scratch *s, const uint8_t *piece, size_t bytes,
                         struct bit_ids *out)
{
    struct slot *way = s->cache[XXH3_64bits(piece, bytes) & (CACHE_SETS - 1)].way;
    const size_t first = out->count;

    if (!slot_holds(&way[0], piece, bytes)) {
        struct slot front = way[1];
        if (!slot_holds(&front, piece, bytes)) {
            int err = encode_new(bpe, s, piece, bytes, out);
            size_t count = out->count - first;
            if (err < 0 || count > CACHE_TOKENS)
                return err;
            front.length = (uint8_t)bytes;
            front.count = (uint8_t)count;
            memcpy(front.piece, piece, bytes);
            memcpy(front.id, out->id + first, count * sizeof *front.id);
        }
        way[1] = way[0];
        way[0] = front;
        out->count = first;
    }
    memcpy(out->id + first, way[0].id, sizeof way[0].id);
    out->count = first + way[0].count;
    return 0;
}

int bit_bpe_encode(const struct bit_bpe *bpe, struct bit_bpe_scratch *scratch, const uint8_t *piece, size_t bytes,
                   struct bit_ids *out)
{
    int err = bit_ids_reserve(out, bytes + CACHE_TOKENS);

    if (err < 0 || bytes == 0)
        return err;
    return bytes <= CACHE_BYTES ? encode_cached(bpe, scratch, piece, bytes, out)
                                : encode_new(bpe, scratch, piece, bytes, out);
}
