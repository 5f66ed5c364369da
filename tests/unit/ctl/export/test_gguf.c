/* GGUF: blocks of ternary types, compared with independent formulas; files written, read and damaged. */
#include <fcntl.h>
#include <unistd.h>

#include "ctl/export/gguf_head.h"
#include "ctl/export/gguf_read.h"
#include "ctl/export/gguf_vocabulary.h"
#include "proto/check.h"
#include "proto/err.h"
#include "tests/test.h"

/* ---- blocks */

#define CODES 512

static void make_codes(int8_t *codes, uint32_t seed)
{
    for (int i = 0; i < CODES; i++) {
        seed = seed * 1664525 + 1013904223;
        codes[i] = (int8_t)((int)(seed >> 16) % 3 - 1);
    }
}

/* Code i of a block, from the layout that gguf_type.h describes, independent of the code under test. */
static int code_of(enum bit_gguf_type type, const uint8_t *block, int i)
{
    static const int power[] = {1, 3, 9, 27, 81};
    int byte, digit;

    if (type == BIT_GGUF_Q2_0)
        return (block[2 + i / 4] >> 2 * (i % 4) & 3) - 1;
    if (type == BIT_GGUF_TQ2_0)
        return (block[i / 128 * 32 + i % 32] >> 2 * (i % 128 / 32) & 3) - 1;
    if (i < 160) {
        byte = i % 32;
        digit = i / 32;
    } else if (i < 240) {
        byte = 32 + i % 16;
        digit = (i - 160) / 16;
    } else {
        byte = 48 + i % 4;
        digit = (i - 240) / 4;
    }
    return ((uint8_t)(block[byte] * power[digit]) * 3 >> 8) - 1;
}

static void check_blocks(enum bit_gguf_type type)
{
    const struct bit_gguf_layout *l = bit_gguf_layout(type);
    const int d = type == BIT_GGUF_Q2_0 ? 0 : l->bytes - 2;
    uint8_t bytes[CODES];
    int8_t codes[CODES], back[CODES];
    uint16_t scales[CODES];

    for (uint32_t seed = 1; seed < 20; seed++) {
        make_codes(codes, seed);
        memset(codes, (int)seed % 3 - 1, seed); /* and a run of equal codes */
        memset(bytes, 0xa5, sizeof bytes);
        bit_gguf_pack(l, codes, CODES, 0x3a55, bytes);
        EXPECT_EQ(bytes[CODES / l->block * l->bytes], 0xa5);
        for (int i = 0; i < CODES; i++)
            if (!EXPECT_EQ(code_of(type, bytes + i / l->block * l->bytes, i % l->block), codes[i]))
                return;
        for (int b = 0; b < CODES / l->block; b++)
            EXPECT_EQ(bytes[b * l->bytes + d] | bytes[b * l->bytes + d + 1] << 8, 0x3a55);
        EXPECT(bit_gguf_unpack(l, bytes, CODES, back, scales));
        EXPECT_MEMEQ(back, codes, CODES);
        EXPECT_EQ(scales[CODES / l->block - 1], 0x3a55);
    }
}

TEST(blocks_hold_codes_where_their_layout_says)
{
    check_blocks(BIT_GGUF_TQ1_0);
    check_blocks(BIT_GGUF_TQ2_0);
    check_blocks(BIT_GGUF_Q2_0);
}

TEST(a_code_that_is_none_is_found)
{
    uint8_t bytes[66] = {0};
    int8_t back[256];
    uint16_t scale[4];

    bytes[17] = 0xc0; /* 3: +2 */
    EXPECT(!bit_gguf_unpack(bit_gguf_layout(BIT_GGUF_TQ2_0), bytes, 256, back, scale));
    EXPECT(!bit_gguf_unpack(bit_gguf_layout(BIT_GGUF_Q2_0), bytes, 64, back, scale));
    EXPECT(bit_gguf_layout(2) == NULL);
}

/* ---- files */

static struct bit_gguf_tensor tensors[3];

static void make_head(uint8_t **head, size_t *bytes, uint64_t *data_bytes)
{
    struct bit_gguf_pairs pairs = {0};
    const int32_t types[] = {1, -3};

    for (int i = 0; i < 3; i++) {
        snprintf(tensors[i].name, sizeof tensors[i].name, "blk.%d.ffn_up.weight", i);
        tensors[i].rows = 3;
        tensors[i].cols = 256;
    }
    tensors[0].layout = bit_gguf_layout(BIT_GGUF_TQ1_0);
    tensors[1].layout = bit_gguf_layout(BIT_GGUF_F16);
    tensors[2].layout = bit_gguf_layout(BIT_GGUF_TQ2_0);
    *data_bytes = bit_gguf_lay_out(tensors, 3);
    bit_gguf_add_text(&pairs, "general.architecture", "olmo");
    bit_gguf_add_u32(&pairs, "olmo.block_count", 3);
    bit_gguf_add_f32(&pairs, "eps", 1e-5f);
    bit_gguf_add_bool(&pairs, "yes", true);
    bit_gguf_add_texts(&pairs, "tokens", 2);
    bit_gguf_append_text(&pairs, "a", 1);
    bit_gguf_append_text(&pairs, "", 0);
    bit_gguf_add_i32s(&pairs, "types", types, 2);
    BIT_ASSERT(bit_gguf_head(&pairs, tensors, 3, head, bytes) == 0);
    bit_gguf_pairs_finish(&pairs);
}

TEST(what_is_written_is_read)
{
    const uint64_t offsets[] = {0, 192, 1728};
    struct bit_gguf g;
    uint8_t *head;
    size_t bytes;
    uint64_t data_bytes;

    make_head(&head, &bytes, &data_bytes);
    EXPECT_EQ(bytes % 32, 0u);
    if (!EXPECT_EQ(bit_gguf_parse(head, bytes, bytes + data_bytes, &g), 0))
        return;
    EXPECT_EQ(g.head_bytes, bytes);
    EXPECT_EQ(g.pair_count, 6);
    EXPECT_EQ(g.tensor_count, 3);
    for (int i = 0; i < 3; i++) {
        const struct bit_gguf_tensor *t = bit_gguf_find_tensor(&g, tensors[i].name);
        if (!EXPECT(t != NULL))
            continue;
        EXPECT_EQ(t->rows, 3);
        EXPECT_EQ(t->cols, 256);
        EXPECT(t->layout == tensors[i].layout);
        EXPECT_EQ(t->offset, offsets[i]);
    }
    const struct bit_gguf_pair *p = bit_gguf_find_pair(&g, "types");
    if (EXPECT(p != NULL)) {
        EXPECT(p->is_array && p->type == BIT_GGUF_VALUE_I32);
        EXPECT_EQ(p->count, 2u);
        EXPECT_MEMEQ(p->value, "\1\0\0\0\xfd\xff\xff\xff", 8);
    }
    EXPECT(bit_gguf_find_pair(&g, "type") == NULL);
    bit_gguf_finish(&g);
    free(head);
}

TEST(a_file_is_read_however_long_its_head)
{
    struct bit_gguf_pairs pairs = {0};
    struct bit_gguf g;
    uint8_t *head;
    size_t bytes;
    int fd = open(test_path("long.gguf"), O_RDWR | O_CREAT | O_TRUNC, 0600);

    bit_gguf_add_texts(&pairs, "tokens", 100000);
    for (int i = 0; i < 100000; i++)
        bit_gguf_append_text(&pairs, "token", 5);
    EXPECT_EQ(bit_gguf_head(&pairs, NULL, 0, &head, &bytes), 0);
    EXPECT_EQ(write(fd, head, bytes), (ssize_t)bytes);
    if (EXPECT_EQ(bit_gguf_read(fd, "long.gguf", &g), 0)) {
        EXPECT_EQ(g.head_bytes, bytes);
        EXPECT_EQ(g.pairs[0].count, 100000u);
        bit_gguf_finish(&g);
    }
    EXPECT_EQ(ftruncate(fd, (off_t)bytes - 40), 0);
    EXPECT_EQ(bit_gguf_read(fd, "long.gguf", &g), BIT_ECORRUPT);
    EXPECT_CONTAINS(bit_fail_text(), "'long.gguf': GGUF: the file ends before its data");
    close(fd);
    free(head);
    bit_gguf_pairs_finish(&pairs);
}

TEST(no_beginning_of_a_file_is_one)
{
    struct bit_gguf g;
    uint8_t *head;
    size_t bytes;
    uint64_t data_bytes;

    make_head(&head, &bytes, &data_bytes);
    for (size_t n = 0; n < bytes; n++) {
        uint8_t *part = malloc(n + 1);
        memcpy(part, head, n);
        EXPECT_EQ(bit_gguf_parse(part, n, bytes + data_bytes, &g), -EAGAIN);
        EXPECT_EQ(bit_gguf_parse(part, n, n, &g), BIT_ECORRUPT);
        free(part);
    }
    EXPECT_EQ(bit_gguf_parse(head, bytes, bytes + data_bytes - 64, &g), BIT_ECORRUPT);
    EXPECT_CONTAINS(bit_fail_text(), "'blk.2.ffn_up.weight' goes on after the end of the file");
    free(head);
}

/* Parses a head with the bytes at offset `from_end` replaced; 0 stands for 4, the version. */
static void expect_refused(size_t from_end, const char *by, size_t count, int want, const char *why)
{
    struct bit_gguf g;
    uint8_t *head;
    size_t bytes;
    uint64_t data_bytes;

    make_head(&head, &bytes, &data_bytes);
    memcpy(from_end == 0 ? head + 4 : head + from_end, by, count);
    if (EXPECT_EQ(bit_gguf_parse(head, bytes, bytes + data_bytes, &g), want))
        EXPECT_CONTAINS(bit_fail_text(), why);
    free(head);
}

static size_t find(const char *text)
{
    uint8_t *head;
    size_t bytes;
    uint64_t data_bytes;

    make_head(&head, &bytes, &data_bytes);
    const uint8_t *at = memmem(head, bytes, text, strlen(text));
    const size_t offset = at == NULL ? bytes : (size_t)(at - head);
    free(head);
    BIT_ASSERT(offset < bytes);
    return offset;
}

TEST(what_contradicts_itself_is_refused)
{
    const size_t name = find("blk.1"), end = name + strlen("blk.1.ffn_up.weight");
    const size_t cols = end + 4, rows = cols + 8, type = rows + 8, offset = type + 4;
    struct bit_gguf g;

    EXPECT_EQ(bit_gguf_parse((const uint8_t *)"GGUX\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24, 64, &g),
              BIT_ECORRUPT);
    expect_refused(0, "\4", 1, BIT_ECORRUPT, "version 4");
    expect_refused(8, "\0\0\0\0\1", 5, BIT_ELIMIT, "4294967296 tensors");
    expect_refused(16, "\0\0\1", 3, BIT_ELIMIT, "pairs");
    expect_refused(find("eps"), "yes", 3, BIT_ECORRUPT, "'yes' is there twice");
    expect_refused(find("olmo.block_count") + 16, "\x0d", 1, BIT_ECORRUPT, "'olmo.block_count' has a value of no");
    expect_refused(find("types") + 9, "\x09", 1, BIT_ECORRUPT, "'types' has a value of no known type");
    expect_refused(name, "blk.0", 5, BIT_ECORRUPT, "'blk.0.ffn_up.weight' is there twice");
    expect_refused(name, "bl\0.1", 5, BIT_ECORRUPT, "is no name of a tensor");
    expect_refused(end, "\5", 1, BIT_ECORRUPT, "has no dimensions, or more than 4");
    expect_refused(cols, "\0\0", 2, BIT_ECORRUPT, "has no elements");
    expect_refused(rows, "\3\0\0\0\0\0\0\1", 8, BIT_ECORRUPT, "too many");
    expect_refused(type, "\x22", 1, BIT_ECORRUPT, "does not begin where the tensor before it ends");
    expect_refused(cols, "\1", 1, BIT_ECORRUPT, "does not begin where");
    expect_refused(type, "\2", 1, BIT_ECORRUPT, "has a type other than");
    expect_refused(offset, "\xe0", 1, BIT_ECORRUPT, "does not begin where the tensor before it ends");
    expect_refused(find("blk.0") + 19 + 4, "\1", 1, BIT_ECORRUPT, "no whole number of its type's blocks");
}

/* ---- vocabularies */

#define BYTES_MAX (1 << 20)

static const char *tokenizer_json(const char *name, const char *replace, const char *by)
{
    static char text[BYTES_MAX], changed[BYTES_MAX], path[512];

    snprintf(path, sizeof path, "%s/tests/tokenize/small.json", getenv("BIT_SOURCE_ROOT"));
    FILE *f = fopen(path, "r");
    if (f == NULL)
        SKIP_ALL("$BIT_SOURCE_ROOT is set by meson test");
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    for (char *flag = text; (flag = strstr(flag, "strip\": true")) != NULL;) /* lstrip and rstrip of its added tokens */
        memcpy(flag, "strip\":false", 12);
    snprintf(changed, sizeof changed, "%s", text);
    char *at = replace == NULL ? NULL : strstr(text, replace);
    if (replace != NULL && EXPECT(at != NULL))
        snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, by, at + strlen(replace));
    snprintf(path, sizeof path, "%s", test_path(name));
    f = fopen(path, "w");
    fputs(changed, f);
    fclose(f);
    return path;
}

/* Text n of an array. */
static const char *text_at(const struct bit_gguf_pair *p, uint64_t n)
{
    static char text[256];
    const uint8_t *at = p->value;

    for (;; n--) {
        const size_t bytes = at[0] | (size_t)at[1] << 8;
        snprintf(text, sizeof text, "%.*s", (int)bytes, (const char *)at + 8);
        if (n == 0)
            return text;
        at += 8 + bytes;
    }
}

TEST(a_vocabulary_has_a_text_for_every_row)
{
    struct bit_gguf_pairs pairs = {0};
    struct bit_gguf g;
    uint8_t *head;
    size_t bytes;

    if (!EXPECT_EQ(bit_gguf_add_vocabulary(&pairs, tokenizer_json("t.json", NULL, NULL), 640, "<|endoftext|>"), 0))
        return;
    EXPECT_EQ(bit_gguf_head(&pairs, NULL, 0, &head, &bytes), 0);
    EXPECT_EQ(bit_gguf_parse(head, bytes, bytes, &g), 0);
    const struct bit_gguf_pair *tokens = bit_gguf_find_pair(&g, "tokenizer.ggml.tokens"),
                               *types = bit_gguf_find_pair(&g, "tokenizer.ggml.token_type"),
                               *eos = bit_gguf_find_pair(&g, "tokenizer.ggml.eos_token_id");
    if (EXPECT(tokens != NULL && types != NULL && eos != NULL)) {
        EXPECT_EQ(tokens->count, 640u);
        EXPECT_EQ(types->count, 640u);
        EXPECT_STREQ(text_at(tokens, 600), "      ");
        EXPECT_EQ(types->value[4 * 600], 4);
        EXPECT_STREQ(text_at(tokens, 639), "[PAD639]");
        EXPECT_EQ(types->value[4 * 639], 5);
        const uint32_t id = eos->value[0] | (uint32_t)eos->value[1] << 8;
        EXPECT_STREQ(text_at(tokens, id), "<|endoftext|>");
        EXPECT_EQ(types->value[4 * id], 3);
    }
    EXPECT_STREQ(text_at(bit_gguf_find_pair(&g, "tokenizer.ggml.merges"), 0), "h e");
    bit_gguf_finish(&g);
    bit_gguf_pairs_finish(&pairs);
    free(head);
}

static void expect_no_vocabulary(const char *path, uint32_t rows, const char *end, const char *why)
{
    struct bit_gguf_pairs pairs = {0};

    if (EXPECT_EQ(bit_gguf_add_vocabulary(&pairs, path, rows, end), BIT_EDATA))
        EXPECT_CONTAINS(bit_fail_text(), why);
    bit_gguf_pairs_finish(&pairs);
}

TEST(tokenizers_that_llama_cpp_has_no_name_for_are_refused)
{
    expect_no_vocabulary(tokenizer_json("t.json", NULL, NULL), 600, "<|endoftext|>", "the model has 600 rows");
    expect_no_vocabulary(tokenizer_json("t.json", NULL, NULL), 640, "</s>",
                         "has no token '</s>', where llama.cpp would stop; name its own with --end-of-text");
    expect_no_vocabulary(tokenizer_json("t.json", "\"use_regex\": true", "\"use_regex\": false"), 640, "<|endoftext|>",
                         "llama.cpp has no name for how pre_tokenizer splits; without --tokenizer");
    expect_no_vocabulary(tokenizer_json("t.json", "\"lstrip\":false", "\"lstrip\":true"), 640, "<|endoftext|>",
                         "lstrip");
    expect_no_vocabulary(tokenizer_json("t.json", "\"type\": \"BPE\"", "\"ignore_merges\": true, \"type\": \"BPE\""),
                         640, "<|endoftext|>", "ignore_merges");
    expect_no_vocabulary(tokenizer_json("t.json", "{", "["), 640, "<|endoftext|>", "t");
}

TEST_MAIN
