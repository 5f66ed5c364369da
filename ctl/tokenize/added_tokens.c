#include "ctl/tokenize/added_tokens.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/tokenize/unicode.h"
#include "proto/check.h"
#include "proto/err.h"

static int new_node(struct bit_added_tokens *set, uint8_t byte, uint32_t sibling, uint32_t *out)
{
    if (set->node_count + 1 >= set->node_room) {
        size_t room = set->node_room * 2 + 64;
        struct bit_added_node *nodes = realloc(set->nodes, room * sizeof *nodes);
        if (nodes == NULL)
            return bit_fail(-ENOMEM, "added tokens");
        set->nodes = nodes;
        set->node_room = room;
    }
    *out = bit_to_u32(++set->node_count);
    set->nodes[*out] = (struct bit_added_node){.byte = byte, .sibling = sibling};
    return 0;
}

static uint32_t find_child(const struct bit_added_tokens *set, uint32_t node, uint8_t byte)
{
    uint32_t child = set->nodes[node].child;

    while (child != 0 && set->nodes[child].byte != byte)
        child = set->nodes[child].sibling;
    return child;
}

/* Find the node of a content; missing nodes are created. */
static int grow(struct bit_added_tokens *set, const uint8_t *content, size_t bytes, uint32_t *out)
{
    uint32_t node = set->root[content[0]];
    int err = 0;

    if (node == 0) {
        err = new_node(set, content[0], 0, &node);
        if (err < 0)
            return err;
        set->root[content[0]] = node;
    }
    for (size_t i = 1; i < bytes; i++) {
        uint32_t child = find_child(set, node, content[i]);
        if (child == 0) {
            err = new_node(set, content[i], set->nodes[node].child, &child);
            if (err < 0)
                return err;
            set->nodes[node].child = child;
        }
        node = child;
    }
    *out = node;
    return 0;
}

int bit_added_tokens_add(struct bit_added_tokens *set, const uint8_t *content, size_t bytes,
                         struct bit_added_token token)
{
    uint32_t node;

    BIT_ASSERT(bytes > 0);
    int err = grow(set, content, bytes, &node);
    if (err < 0)
        return err;
    if (set->nodes[node].token != 0)
        return bit_fail(-EEXIST, "two added tokens have the same content");
    if (set->token_count == set->token_room) {
        size_t room = set->token_room * 2 + 16;
        struct bit_added_token *tokens = realloc(set->tokens, room * sizeof *tokens);
        if (tokens == NULL)
            return bit_fail(-ENOMEM, "added tokens");
        set->tokens = tokens;
        set->token_room = room;
    }
    set->tokens[set->token_count++] = token;
    set->nodes[node].token = bit_to_u32(set->token_count);
    return 0;
}

void bit_added_tokens_finish(struct bit_added_tokens *set)
{
    free(set->nodes);
    free(set->tokens);
    *set = (struct bit_added_tokens){0};
}

/* The longest content that begins at s: its token, and *length. NULL if there is none. */
static const struct bit_added_token *longest(const struct bit_added_tokens *set, const uint8_t *s, size_t bytes,
                                             size_t *length)
{
    const struct bit_added_token *found = NULL;
    uint32_t node = set->root[s[0]];

    for (size_t i = 1; node != 0; i++) {
        if (set->nodes[node].token != 0) {
            found = &set->tokens[set->nodes[node].token - 1];
            *length = i;
        }
        node = i < bytes ? find_child(set, node, s[i]) : 0;
    }
    return found;
}

static size_t strip_left(const uint8_t *s, size_t begin, size_t floor)
{
    while (begin > floor) {
        size_t step, before = begin - 1;
        while ((s[before] & 0xc0) == 0x80)
            before--;
        if (bit_unicode_class_at(s + before, &step) != BIT_UNICODE_SPACE)
            break;
        begin = before;
    }
    return begin < floor ? floor : begin;
}

static size_t strip_right(const uint8_t *s, size_t bytes, size_t end)
{
    size_t step;

    while (end < bytes && bit_unicode_class_at(s + end, &step) == BIT_UNICODE_SPACE)
        end += step;
    return end;
}

bool bit_added_tokens_next(const struct bit_added_tokens *set, const uint8_t *s, size_t bytes, size_t *at, size_t taken,
                           struct bit_added_tokens_match *out)
{
    const struct bit_added_token *token = NULL;
    size_t begin = *at, length = 0;

    for (; begin < bytes; begin++) {
        if (set->root[s[begin]] != 0 && (token = longest(set, s + begin, bytes - begin, &length)) != NULL)
            break;
    }
    if (token == NULL)
        return false;
    *at = begin + length;
    out->id = token->id;
    out->begin = token->lstrip ? strip_left(s, begin, taken) : begin;
    out->end = token->rstrip ? strip_right(s, bytes, begin + length) : begin + length;
    return true;
}
