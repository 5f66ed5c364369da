#include "ctl/tokenize/tokenizer.h"

#include <jansson.h>

#include "proto/err.h"
#include "tests/test.h"

/* tests/tokenize/small.json: 600 tokens, then spaces (6 to 2), an address, Amélie and five special ones. */
enum { SPACES6 = 600, ADDRESS = 605, AMELIE, END_OF_TEXT, END, LEFT, RIGHT, BOTH };

static const char *small_path(void)
{
    static char path[4096];
    const char *root = getenv("BIT_SOURCE_ROOT");

    snprintf(path, sizeof path, "%s/tests/tokenize/small.json", root == NULL ? "." : root);
    return path;
}

static struct bit_tokenizer *small(void)
{
    struct bit_tokenizer *t = NULL;

    if (!EXPECT_EQ(bit_tokenizer_load(small_path(), &t), 0)) {
        fprintf(stderr, "    %s\n", bit_fail_text());
        exit(1);
    }
    return t;
}

/* The ids of the text, as "12 7 ...". */
static const char *ids_of(const struct bit_tokenizer *t, const char *text)
{
    static char line[1024];
    struct bit_encoder *encoder;
    struct bit_ids ids = {0};
    size_t used = 0;

    line[0] = '\0';
    EXPECT_EQ(bit_encoder_create(t, &encoder), 0);
    EXPECT_EQ(bit_encoder_encode(encoder, (const uint8_t *)text, strlen(text), &ids), 0);
    for (size_t i = 0; i < ids.count && used < sizeof line - 16; i++)
        used += (size_t)snprintf(line + used, sizeof line - used, i > 0 ? " %u" : "%u", ids.id[i]);
    bit_ids_finish(&ids);
    bit_encoder_destroy(encoder);
    return line;
}

static void expect_round_trip(const struct bit_tokenizer *t, const char *text, const char *want)
{
    struct bit_encoder *encoder;
    struct bit_ids ids = {0};
    char *back = NULL;
    size_t bytes = 0;

    EXPECT_EQ(bit_encoder_create(t, &encoder), 0);
    EXPECT_EQ(bit_encoder_encode(encoder, (const uint8_t *)text, strlen(text), &ids), 0);
    if (EXPECT_EQ(bit_tokenizer_decode(t, ids.id, ids.count, &back, &bytes), 0)) {
        EXPECT_STREQ(back, want);
        EXPECT_EQ(bytes, strlen(want));
    }
    free(back);
    bit_ids_finish(&ids);
    bit_encoder_destroy(encoder);
}

/* Results of tokenizers 0.23.3 for the same texts; compare.py compares many more. */
TEST(known_ids)
{
    struct bit_tokenizer *t = small();

    EXPECT_STREQ(ids_of(t, ""), "");
    EXPECT_STREQ(ids_of(t, "The river rose in the night"), "283 409 315 368 287 261 334 410");
    EXPECT_STREQ(ids_of(t, "They'd carried 1931 hens, they've done it before."),
                 "283 88 348 281 320 497 418 560 82 11 339 421 68 288 300 341 271 68 284 68 13");
    EXPECT_STREQ(ids_of(t, "na\u00efve caf\u00e9 \U0001f600"),
                 "77 64 127 107 85 68 281 64 69 127 102 220 172 253 246 222");
    bit_tokenizer_destroy(t);
}

TEST(identity)
{
    struct bit_tokenizer *t = small();

    EXPECT_STREQ(t->name, "small");
    EXPECT_EQ(strlen(t->digest), 64);
    EXPECT_EQ(t->bpe.token_count, 612);
    EXPECT_EQ(bit_tokenizer_find(t, "<|endoftext|>", 13), END_OF_TEXT);
    EXPECT_EQ(bit_tokenizer_find(t, "no such", 7), BIT_BPE_NONE);
    bit_tokenizer_destroy(t);
}

TEST(added_tokens_are_cut_out)
{
    struct bit_tokenizer *t = small();

    EXPECT_STREQ(ids_of(t, "<|endoftext|><|end|>"), "607 608");
    EXPECT_STREQ(ids_of(t, "        "), "600 604"); /* 8 spaces: the longest token first */
    EXPECT_STREQ(ids_of(t, "|||IP_ADDRESS|||"), "605");
    EXPECT_STREQ(ids_of(t, "Am\u00e9lieAme\u0301lie"), "606 606"); /* compared in form C */
    EXPECT_STREQ(ids_of(t, " \n <left><right> \n "), "609 610");   /* takes white space on one side */
    EXPECT_STREQ(ids_of(t, " <both>\t<both>\u3000"), "611 611");
    EXPECT_STREQ(ids_of(t, "<|endoftext"), "27 91 68 267 78 460 68 87 83");
    bit_tokenizer_destroy(t);
}

TEST(decodes)
{
    struct bit_tokenizer *t = small();
    const uint32_t wrong[] = {1, 612};
    char *text = NULL;
    size_t bytes;

    expect_round_trip(t, "The river\n\n\trose; caf\u00e9, \u6625 \U0001f600 <|end|>|||IP_ADDRESS|||   x",
                      "The river\n\n\trose; caf\u00e9, \u6625 \U0001f600 <|end|>|||IP_ADDRESS|||   x");
    expect_round_trip(t, "e\u0301", "\u00e9");
    EXPECT_EQ(bit_tokenizer_decode(t, wrong, 2, &text, &bytes), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "id 612 at index 1");
    EXPECT(text == NULL);
    bit_tokenizer_destroy(t);
}

/* ---- refusals, with the path */

static void expect_refused(json_t *root, const char *path)
{
    struct bit_tokenizer *t = NULL;
    char *json = json_dumps(root, 0);

    EXPECT_EQ(bit_tokenizer_parse("edited", json, strlen(json), &t), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), path);
    EXPECT_CONTAINS(bit_fail_text(), "'edited'");
    EXPECT(t == NULL);
    free(json);
    json_decref(root);
}

/* small.json with one value replaced. The path has keys and indices, separated by '.'. */
static json_t *edited(const char *path, json_t *value)
{
    json_t *root = json_load_file(small_path(), 0, NULL), *at = root;
    char copy[256], *next;

    snprintf(copy, sizeof copy, "%s", path);
    for (char *key = copy; EXPECT(at != NULL); key = next) {
        next = strchr(key, '.');
        if (next != NULL)
            *next++ = '\0';
        if (next == NULL && json_is_array(at))
            json_array_set_new(at, (size_t)atoi(key), value);
        else if (next == NULL)
            json_object_set_new(at, key, value);
        if (next == NULL)
            return root;
        at = json_is_array(at) ? json_array_get(at, (size_t)atoi(key)) : json_object_get(at, key);
    }
    return root;
}

TEST(unsupported_models)
{
    expect_refused(edited("model.type", json_string("Unigram")), "model.type: 'Unigram'");
    expect_refused(edited("model.dropout", json_real(0.1)), "model.dropout");
    expect_refused(edited("model.byte_fallback", json_true()), "model.byte_fallback");
    expect_refused(edited("model.end_of_word_suffix", json_string("</w>")), "model.end_of_word_suffix");
    expect_refused(edited("model.continuing_subword_prefix", json_string("##")), "model.continuing_subword_prefix");
    expect_refused(edited("model", json_null()), "model: is missing");
    expect_refused(edited("truncation", json_object()), "truncation");
    expect_refused(edited("padding", json_object()), "padding");
    expect_refused(edited("decoder.type", json_string("WordPiece")), "decoder.type");
}

TEST(broken_vocabularies)
{
    expect_refused(edited("model.vocab.extra", json_integer(5)), "id 5 is given twice");
    expect_refused(edited("model.vocab.extra", json_integer(-1)), "the id of 'extra'");
    expect_refused(edited("model.vocab.extra", json_string("x")), "the id of 'extra'");
    expect_refused(edited("model.vocab", json_object()), "there is no token for byte 0x00");
    expect_refused(edited("model.merges.3", json_string("one")), "model.merges[3]: is not two tokens");
    expect_refused(edited("model.merges.3", json_string("q qqqq")), "model.merges[3]: 'qqqq' is not in the vocabulary");
    expect_refused(edited("model.merges.3", json_pack("[s]", "q")), "model.merges[3]: is not two tokens");
    expect_refused(edited("model.merges", json_null()), "model.merges");
}

TEST(unsupported_steps)
{
    expect_refused(edited("normalizer.type", json_string("NFKC")), "normalizer.type: 'NFKC'");
    expect_refused(
        edited("normalizer", json_pack("{s:s, s:[{s:s}]}", "type", "Sequence", "normalizers", "type", "Lowercase")),
        "normalizer.normalizers[0]: 'Lowercase'");
    expect_refused(edited("pre_tokenizer.type", json_string("Metaspace")), "pre_tokenizer.type: 'Metaspace'");
    expect_refused(edited("pre_tokenizer", json_null()), "pre_tokenizer: has no ByteLevel");
    expect_refused(edited("pre_tokenizer", json_pack("{s:s, s:[{s:s}, {s:s}]}", "type", "Sequence", "pretokenizers",
                                                     "type", "Digits", "type", "Whitespace")),
                   "pre_tokenizer.pretokenizers[1].type: 'Whitespace'");
    expect_refused(edited("pre_tokenizer", json_pack("{s:s, s:{s:s}, s:s}", "type", "Split", "pattern", "Regex", "(",
                                                     "behavior", "Isolated")),
                   "pre_tokenizer.pattern: the pattern at offset 1: a group is not closed");
    expect_refused(edited("pre_tokenizer", json_pack("{s:s, s:[{s:s}, {s:s, s:{s:s}, s:s}]}", "type", "Sequence",
                                                     "pretokenizers", "type", "Digits", "type", "Split", "pattern",
                                                     "Regex", "a\\X", "behavior", "Removed")),
                   "pre_tokenizer.pretokenizers[1].pattern: the pattern at offset 2: '\\X' is not supported");
    expect_refused(edited("pre_tokenizer", json_pack("{s:s, s:{s:s}, s:s}", "type", "Split", "pattern", "Regex", "x",
                                                     "behavior", "MergedWithNext")),
                   "pre_tokenizer.behavior: 'MergedWithNext'");
    expect_refused(edited("pre_tokenizer.use_regex", json_string("yes")), "pre_tokenizer.use_regex");
}

TEST(contradicting_added_tokens)
{
    expect_refused(edited("added_tokens.0.id", json_integer(599)), "added_tokens[0]: id is 599");
    expect_refused(edited("added_tokens.2.single_word", json_true()), "added_tokens[2]: single_word");
    expect_refused(edited("added_tokens.1.content", json_string("      ")), "added_tokens[1]: content");
    expect_refused(edited("added_tokens.1.content", json_string("")), "added_tokens[1]: content");
    expect_refused(edited("added_tokens.1.id", json_string("x")), "added_tokens[1]: id");
    expect_refused(edited("added_tokens.1.lstrip", json_integer(1)), "added_tokens[1].lstrip");
}

TEST(no_file_and_no_json)
{
    struct bit_tokenizer *t = NULL;

    EXPECT_EQ(bit_tokenizer_load("/nonexistent/tokenizer.json", &t), -ENOENT);
    EXPECT_CONTAINS(bit_fail_text(), "/nonexistent/tokenizer.json");
    EXPECT_EQ(bit_tokenizer_load("/", &t), BIT_EDATA);
    EXPECT_EQ(bit_exit_code(BIT_EDATA), BIT_EXIT_CORRUPT);
    EXPECT_EQ(bit_tokenizer_load("/nonexistent", &t), -ENOENT);
    EXPECT_EQ(bit_tokenizer_parse("x", "{\"model\": ", 10, &t), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "line 1");
    EXPECT_EQ(bit_tokenizer_parse("x", "[]", 2, &t), BIT_EDATA);
    EXPECT(t == NULL);
}

TEST_MAIN
