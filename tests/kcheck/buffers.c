/* Guarded buffers, their random values, and the comparison of outputs. */
#include "tests/kcheck/buffers.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "proto/check.h"

#define LARGE_PAGE  ((size_t)2 << 20)
#define GUARD_BYTES 256
#define GUARD_BYTE  0xa5
#define POISON_BYTE 0xff /* NaN as f32, f64 and bf16; -1 as an integer */

size_t kc_type_bytes(enum kc_type type)
{
    static const size_t bytes[] = {
        [KC_F32] = 4, [KC_BF16] = 2, [KC_I8] = 1, [KC_U8] = 1, [KC_U32] = 4, [KC_I32] = 4, [KC_U64] = 8, [KC_F64] = 8};

    return bytes[type];
}

static uint64_t mix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t digest(const void *data, size_t bytes)
{
    const uint8_t *p = data;
    uint64_t h = 0xcbf29ce484222325u;

    for (size_t i = 0; i < bytes; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

/* The random state of a buffer; depends only on its name and the seed. */
static uint64_t stream(const struct kc *k, const char *name)
{
    return digest(name, strlen(name)) ^ (k->options->seed * 0x9e3779b97f4a7c15u);
}

void *kc_block(size_t bytes)
{
    const size_t page = bytes < 2 * LARGE_PAGE ? 64 : LARGE_PAGE;
    const size_t room = (size_t)bit_round_up((int64_t)bytes, (int64_t)page);
    void *block = aligned_alloc(page, room);

    BIT_ASSERT(block != NULL);
    if (page == LARGE_PAGE)
        madvise(block, room, MADV_HUGEPAGE);
    return block;
}

struct kc_buffer *kc_buffer_add(struct kc *k, const char *name, enum kc_type type, int64_t count, enum kc_role role)
{
    const size_t size = kc_type_bytes(type), bytes = size * (size_t)count;
    struct kc_buffer *b = &k->set.buffers[k->set.count];
    /* Any alignment that its elements allow, unless aligned buffers are requested. */
    const size_t shift = k->aligned ? 0 : digest(name, strlen(name)) % 16 * size;

    BIT_ASSERT(k->set.count < KC_BUFFERS_MAX);
    k->set.count++;
    *b = (struct kc_buffer){.name = name, .type = type, .role = role, .count = count};
    b->block_bytes = bytes + shift + 2 * GUARD_BYTES;
    b->block = kc_block(b->block_bytes);
    b->data = b->block + GUARD_BYTES + shift;
    memset(b->block, GUARD_BYTE, GUARD_BYTES + shift);
    memset(b->data, POISON_BYTE, bytes);
    memset(b->data + bytes, GUARD_BYTE, GUARD_BYTES);
    return b;
}

void kc_set_finish(struct kc_set *set)
{
    for (int i = 0; i < set->count; i++)
        free(set->buffers[i].block);
    set->count = 0;
}

double kc_value(const struct kc_buffer *b, int64_t i)
{
    const void *p = b->data + (size_t)i * kc_type_bytes(b->type);

    switch (b->type) {
    case KC_F32:
        return *(const float *)p;
    case KC_BF16:
        return (double)bit_bf16_to_f32(*(const bit_bf16 *)p);
    case KC_I8:
        return *(const int8_t *)p;
    case KC_U8:
        return *(const uint8_t *)p;
    case KC_U32:
        return *(const uint32_t *)p;
    case KC_I32:
        return *(const int32_t *)p;
    case KC_U64:
        return (double)*(const uint64_t *)p;
    case KC_F64:
        break;
    }
    return *(const double *)p;
}

static void set_value(struct kc_buffer *b, int64_t i, double value)
{
    void *p = b->data + (size_t)i * kc_type_bytes(b->type);

    switch (b->type) {
    case KC_F32:
        *(float *)p = (float)value;
        break;
    case KC_BF16:
        *(bit_bf16 *)p = bit_f32_to_bf16((float)value);
        break;
    case KC_I8:
        *(int8_t *)p = (int8_t)BIT_MAX(-128, BIT_MIN(127, rint(value)));
        break;
    case KC_U8:
        *(uint8_t *)p = (uint8_t)value;
        break;
    case KC_U32:
        *(uint32_t *)p = (uint32_t)value;
        break;
    case KC_I32:
        *(int32_t *)p = (int32_t)value;
        break;
    case KC_U64:
        *(uint64_t *)p = (uint64_t)value;
        break;
    case KC_F64:
        *(double *)p = value;
        break;
    }
}

/* Nearly normal: the sum of four uniform 16-bit numbers, centred, divided by its deviation. Rarely a special value. */
static double draw(uint64_t *state)
{
    static const double edges[] = {0.0, -0.0, 1e-30, -1e-30, 1e-40, 0.5, -1.5, 4.0};
    const uint64_t bits = mix(state);
    const double sum = (double)(bits & 0xffff) + (double)(bits >> 16 & 0xffff) + (double)(bits >> 32 & 0xffff) +
                       (double)(bits >> 48);

    if (bits % 61 == 0)
        return edges[bits / 61 % BIT_COUNT(edges)];
    return (sum / 65535 - 2) * sqrt(3.0);
}

static void fill(struct kc *k, struct kc_buffer *b, double scale)
{
    uint64_t state = stream(k, b->name);

    for (int64_t i = 0; i < b->count; i++)
        set_value(b, i, draw(&state) * scale);
}

void *kc_in(struct kc *k, const char *name, enum bit_dtype dtype, int64_t count, double scale)
{
    struct kc_buffer *b = kc_buffer_add(k, name, (enum kc_type)dtype, count, KC_INPUT);

    fill(k, b, scale);
    return b->data;
}

void *kc_in_whole(struct kc *k, const char *name, enum kc_type type, int64_t count, int64_t low, int64_t high)
{
    struct kc_buffer *b = kc_buffer_add(k, name, type, count, KC_INPUT);
    uint64_t state = stream(k, name);

    for (int64_t i = 0; i < count; i++)
        set_value(b, i, (double)(low + (int64_t)(mix(&state) % (uint64_t)(high - low + 1))));
    return b->data;
}

void *kc_inout(struct kc *k, const char *name, enum bit_dtype dtype, int64_t count, double scale, struct kc_near near)
{
    struct kc_buffer *b = kc_buffer_add(k, name, (enum kc_type)dtype, count, KC_OUTPUT);

    b->near = near;
    fill(k, b, scale);
    return b->data;
}

void *kc_out(struct kc *k, const char *name, enum kc_type type, int64_t count, struct kc_near near)
{
    struct kc_buffer *b = kc_buffer_add(k, name, type, count, KC_OUTPUT);

    b->near = near;
    return b->data;
}

void *kc_sum_onto(struct kc *k, const char *name, enum kc_addend onto, enum bit_dtype dtype, int64_t count,
                  struct kc_near near, const void **addend)
{
    void *sum = onto == KC_ADDEND_IN_PLACE ? kc_inout(k, name, dtype, count, 1, near)
                                           : kc_out(k, name, (enum kc_type)dtype, count, near);

    if (onto != KC_ADDEND_NONE)
        *addend = onto == KC_ADDEND_APART ? kc_in(k, "addend", dtype, count, 1) : sum;
    return sum;
}

void *kc_sum(struct kc *k, const char *name, enum kc_type type, int64_t count, struct kc_near near)
{
    void *data = kc_out(k, name, type, count, near);

    memset(data, 0, kc_type_bytes(type) * (size_t)count);
    return data;
}

void *kc_room(struct kc *k, const char *name, enum kc_type type, int64_t count)
{
    return kc_buffer_add(k, name, type, count, KC_INPUT)->data;
}

void kc_print_shape(FILE *to, const struct kc_op *op, const int64_t *dim)
{
    static const char *const dtypes[] = {"f32", "bf16", "i8"};
    const char *at = op->dim_names;

    for (int i = 0; i < KC_DIMS_MAX && *at != '\0'; i++) {
        const size_t length = strcspn(at, " ");
        const bool is_dtype = length > 2 && memcmp(at + length - 2, ":t", 2) == 0;

        if (is_dtype)
            fprintf(to, "%s%.*s=%s", i > 0 ? " " : "", (int)length - 2, at, dtypes[dim[i]]);
        else
            fprintf(to, "%s%.*s=%" PRId64, i > 0 ? " " : "", (int)length, at, dim[i]);
        at += length + (at[length] == ' ');
    }
}

void kc_complain(struct kc *k, const char *fmt, ...)
{
    FILE *to = k->options->complain;
    va_list ap;

    k->tally->failures++;
    if (to == NULL)
        return;
    fprintf(to, "%s ", k->op->name);
    kc_print_shape(to, k->op, k->dim);
    fprintf(to, " variant=%s",
            k->want == NULL                       ? "ref"
            : k->exec.backend == BIT_BACKEND_CUDA ? "cuda"
                                                  : bit_isa_name(k->exec.isa));
    fprintf(to, " threads=%d seed=%" PRIu64 ": ", k->exec.threads, k->options->seed);
    va_start(ap, fmt);
    vfprintf(to, fmt, ap);
    va_end(ap);
    fputc('\n', to);
}

static bool is_guard(const uint8_t *from, const uint8_t *to)
{
    for (const uint8_t *p = from; p < to; p++)
        if (*p != GUARD_BYTE)
            return false;
    return true;
}

bool kc_guards_hold(struct kc *k)
{
    bool held = true;

    for (int i = 0; i < k->set.count; i++) {
        const struct kc_buffer *b = &k->set.buffers[i];
        const uint8_t *end = b->data + (size_t)b->count * kc_type_bytes(b->type);

        if (!is_guard(b->block, b->data)) {
            kc_complain(k, "%s: wrote before its beginning", b->name);
            held = false;
        }
        if (!is_guard(end, end + GUARD_BYTES)) {
            kc_complain(k, "%s: wrote beyond its end", b->name);
            held = false;
        }
    }
    return held;
}

void kc_inputs_digest(struct kc *k)
{
    for (int i = 0; i < k->set.count; i++) {
        struct kc_buffer *b = &k->set.buffers[i];
        b->digest = digest(b->data, (size_t)b->count * kc_type_bytes(b->type));
    }
}

bool kc_inputs_unchanged(struct kc *k)
{
    for (int i = 0; i < k->set.count; i++) {
        const struct kc_buffer *b = &k->set.buffers[i];
        if (b->role != KC_INPUT || b->digest == digest(b->data, (size_t)b->count * kc_type_bytes(b->type)))
            continue;
        kc_complain(k, "%s: an input was changed", b->name);
        return false;
    }
    return true;
}

static double row_max(const struct kc_buffer *b, int64_t begin, int64_t end)
{
    double max = 0;

    for (int64_t i = begin; i < end; i++)
        max = BIT_MAX(max, fabs(kc_value(b, i)));
    return max;
}

static bool same_bits(const struct kc_buffer *a, const struct kc_buffer *b, int64_t i)
{
    const size_t size = kc_type_bytes(a->type);

    return memcmp(a->data + (size_t)i * size, b->data + (size_t)i * size, size) == 0;
}

/* The conditions are written so that NaN never passes, neither from the variant nor from the reference. */
static bool is_near(const struct kc_buffer *want, const struct kc_buffer *got, int64_t i, double slack)
{
    const double w = kc_value(want, i), g = kc_value(got, i), rounding = want->type == KC_BF16 ? 0x1p-7 : 0;
    const struct kc_near *near = &want->near;

    if (near->rel == 0 && near->abs == 0 && near->of_max == 0)
        return (same_bits(want, got, i) && !isnan(w)) || (near->subnormal_may_be_zero && fabs(w) < 0x1p-126 && g == 0);
    if (isinf(w))
        return w == g;
    return fabs(g - w) <= near->abs + slack + (near->rel + rounding) * fabs(w);
}

static bool buffer_near(struct kc *k, const struct kc_buffer *want, const struct kc_buffer *got)
{
    const int64_t row = want->near.row > 0 ? want->near.row : BIT_MAX(want->count, 1);

    for (int64_t begin = 0; begin < want->count; begin += row) {
        const int64_t end = BIT_MIN(begin + row, want->count);
        const double slack = want->near.of_max > 0 ? want->near.of_max * row_max(want, begin, end) : 0;

        for (int64_t i = begin; i < end; i++) {
            if (is_near(want, got, i, slack))
                continue;
            kc_complain(k, "%s[%" PRId64 "]: expected %.9g, got %.9g (off by %.3g)", want->name, i, kc_value(want, i),
                        kc_value(got, i), fabs(kc_value(got, i) - kc_value(want, i)));
            return false;
        }
    }
    return true;
}

bool kc_outputs_near(struct kc *k)
{
    bool held = true;

    BIT_ASSERT(k->set.count == k->want->count);
    for (int i = 0; i < k->set.count; i++)
        if (k->set.buffers[i].role == KC_OUTPUT)
            held = buffer_near(k, &k->want->buffers[i], &k->set.buffers[i]) && held;
    return held;
}

bool kc_outputs_same(struct kc *k)
{
    for (int i = 0; i < k->set.count; i++) {
        const struct kc_buffer *a = &k->again->buffers[i], *b = &k->set.buffers[i];

        for (int64_t at = 0; b->role == KC_OUTPUT && at < b->count; at++) {
            if (same_bits(a, b, at))
                continue;
            kc_complain(k, "%s[%" PRId64 "]: %.9g with one thread, or at first; %.9g with %d, or again", b->name, at,
                        kc_value(a, at), kc_value(b, at), k->exec.threads);
            return false;
        }
    }
    return true;
}
