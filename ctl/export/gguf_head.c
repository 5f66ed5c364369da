#include "ctl/export/gguf_head.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"

/* ---- bytes */

static void put(struct bit_gguf_pairs *p, const void *bytes, size_t count)
{
    if (p->failed || count == 0)
        return;
    if (count > p->room - p->used) {
        const size_t room = BIT_MAX(2 * p->room, p->used + count + 4096);
        uint8_t *larger = realloc(p->bytes, room);
        if (larger == NULL) {
            p->failed = true;
            return;
        }
        p->bytes = larger;
        p->room = room;
    }
    memcpy(p->bytes + p->used, bytes, count);
    p->used += count;
}

static void put_number(struct bit_gguf_pairs *p, uint64_t value, int bytes)
{
    uint8_t out[8];

    for (int i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> 8 * i);
    put(p, out, (size_t)bytes);
}

void bit_gguf_append_text(struct bit_gguf_pairs *pairs, const char *text, size_t bytes)
{
    put_number(pairs, bytes, 8);
    put(pairs, text, bytes);
}

/* ---- pairs */

static void put_key(struct bit_gguf_pairs *p, const char *key, enum bit_gguf_value type)
{
    bit_gguf_append_text(p, key, strlen(key));
    put_number(p, type, 4);
    p->count++;
}

static void put_array(struct bit_gguf_pairs *p, const char *key, enum bit_gguf_value type, uint64_t count)
{
    put_key(p, key, BIT_GGUF_VALUE_ARRAY);
    put_number(p, type, 4);
    put_number(p, count, 8);
}

void bit_gguf_add_u32(struct bit_gguf_pairs *pairs, const char *key, uint32_t value)
{
    put_key(pairs, key, BIT_GGUF_VALUE_U32);
    put_number(pairs, value, 4);
}

void bit_gguf_add_f32(struct bit_gguf_pairs *pairs, const char *key, float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    put_key(pairs, key, BIT_GGUF_VALUE_F32);
    put_number(pairs, bits, 4);
}

void bit_gguf_add_bool(struct bit_gguf_pairs *pairs, const char *key, bool value)
{
    put_key(pairs, key, BIT_GGUF_VALUE_BOOL);
    put_number(pairs, value, 1);
}

void bit_gguf_add_text(struct bit_gguf_pairs *pairs, const char *key, const char *text)
{
    put_key(pairs, key, BIT_GGUF_VALUE_TEXT);
    bit_gguf_append_text(pairs, text, strlen(text));
}

void bit_gguf_add_i32s(struct bit_gguf_pairs *pairs, const char *key, const int32_t *values, uint64_t count)
{
    put_array(pairs, key, BIT_GGUF_VALUE_I32, count);
    for (uint64_t i = 0; i < count; i++)
        put_number(pairs, (uint32_t)values[i], 4);
}

void bit_gguf_add_texts(struct bit_gguf_pairs *pairs, const char *key, uint64_t count)
{
    put_array(pairs, key, BIT_GGUF_VALUE_TEXT, count);
}

void bit_gguf_pairs_finish(struct bit_gguf_pairs *pairs)
{
    free(pairs->bytes);
    *pairs = (struct bit_gguf_pairs){0};
}

/* ---- tensors */

uint64_t bit_gguf_row_bytes(const struct bit_gguf_tensor *tensor)
{
    return (uint64_t)(tensor->cols / tensor->layout->block * tensor->layout->bytes);
}

uint64_t bit_gguf_tensor_bytes(const struct bit_gguf_tensor *tensor)
{
    return (uint64_t)tensor->rows * bit_gguf_row_bytes(tensor);
}

uint64_t bit_gguf_lay_out(struct bit_gguf_tensor *tensors, int count)
{
    uint64_t at = 0;

    for (int i = 0; i < count; i++) {
        tensors[i].offset = at;
        at += bit_gguf_tensor_bytes(&tensors[i]);
        at = (at + BIT_GGUF_ALIGN - 1) / BIT_GGUF_ALIGN * BIT_GGUF_ALIGN;
    }
    return at;
}

static void put_tensor(struct bit_gguf_pairs *p, const struct bit_gguf_tensor *t)
{
    bit_gguf_append_text(p, t->name, strlen(t->name));
    put_number(p, 2, 4);
    put_number(p, (uint64_t)t->cols, 8);
    put_number(p, (uint64_t)t->rows, 8);
    put_number(p, t->layout->type, 4);
    put_number(p, t->offset, 8);
}

int bit_gguf_head(const struct bit_gguf_pairs *pairs, const struct bit_gguf_tensor *tensors, int count, uint8_t **out,
                  size_t *bytes)
{
    static const uint8_t zeros[BIT_GGUF_ALIGN];
    struct bit_gguf_pairs all = {.failed = pairs->failed};

    put(&all, "GGUF", 4);
    put_number(&all, BIT_GGUF_VERSION, 4);
    put_number(&all, (uint64_t)count, 8);
    put_number(&all, pairs->count, 8);
    put(&all, pairs->bytes, pairs->used);
    for (int i = 0; i < count; i++)
        put_tensor(&all, &tensors[i]);
    put(&all, zeros, (BIT_GGUF_ALIGN - all.used % BIT_GGUF_ALIGN) % BIT_GGUF_ALIGN);
    if (all.failed) {
        bit_gguf_pairs_finish(&all);
        return bit_fail(-ENOMEM, "what a GGUF file has before its data");
    }
    *out = all.bytes;
    *bytes = all.used;
    return 0;
}
