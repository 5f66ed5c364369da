/* Our text format compared with Google's: `protoc --encode` and `--decode` with bit.proto. */
#include <dirent.h>
#include <limits.h>

#include "proto/bit.pb-c.h"
#include "proto/check.h"
#include "proto/text/text.h"
#include "proto/wire/msg.h"
#include "tests/test.h"

static const char *root;

/* NUL-terminated; the caller frees it. */
static char *read_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    char *bytes = calloc(1, 1 << 20);

    *len = f != NULL && bytes != NULL ? fread(bytes, 1, (1 << 20) - 1, f) : 0;
    EXPECT(f != NULL && fclose(f) == 0);
    return bytes;
}

/* Runs protoc --MODE=bit.RunSpec from one file to another; true if it succeeded. */
static bool protoc(const char *mode, const char *from, const char *to)
{
    char command[PATH_MAX + 512];

    snprintf(command, sizeof command, "protoc -I'%s/proto' --%s=bit.RunSpec bit.proto <'%s' >'%s' 2>'%s'", root, mode,
             from, to, test_path("stderr"));
    return system(command) == 0;
}

/* Everything that needs protoc begins with this. */
#define NEED_PROTOC()                                                                                                  \
    do {                                                                                                               \
        root = getenv("BIT_SOURCE_ROOT");                                                                              \
        if (root == NULL)                                                                                              \
            SKIP("BIT_SOURCE_ROOT is not set; meson test sets it");                                                    \
        if (system("protoc --version >/dev/null 2>&1") != 0)                                                           \
            SKIP("no protoc to compare with (Debian's protobuf-compiler)");                                            \
    } while (0)

static ProtobufCMessage *parse(const char *text, size_t len)
{
    static struct bit_problems problems;
    ProtobufCMessage *msg = NULL;

    problems = (struct bit_problems){0};
    bit_text_parse(&bit__run_spec__descriptor, text, len, &msg, &problems);
    return msg;
}

/* protoc and we encode the text to the same bytes, also after printing with either and parsing with the other. */
static void compare(const char *label, const char *text, size_t len)
{
    ProtobufCMessage *ours = parse(text, len);
    size_t theirs_len, back_len, printed_len;
    char *printed = NULL;

    test_write(test_path("in"), text, len);
    if (!EXPECT(ours != NULL) || !EXPECT(protoc("encode", test_path("in"), test_path("out")))) {
        fprintf(stderr, "    %s\n", label);
        bit_msg_free(ours);
        return;
    }
    char *theirs = read_file(test_path("out"), &theirs_len);
    size_t ours_len = protobuf_c_message_get_packed_size(ours);
    uint8_t *packed = malloc(ours_len + 1);
    protobuf_c_message_pack(ours, packed);
    bool same = EXPECT_EQ(theirs_len, ours_len) && EXPECT_MEMEQ(theirs, packed, ours_len);

    /* protoc reads what we print. */
    EXPECT_EQ(bit_text_print(ours, &printed, &printed_len), 0);
    test_write(test_path("ours"), printed, printed_len);
    same = EXPECT(protoc("encode", test_path("ours"), test_path("back"))) && same;
    char *back = read_file(test_path("back"), &back_len);
    same = EXPECT_EQ(back_len, ours_len) && EXPECT_MEMEQ(back, packed, ours_len) && same;
    free(back);

    /* We read what protoc prints. */
    same = EXPECT(protoc("decode", test_path("out"), test_path("back"))) && same;
    back = read_file(test_path("back"), &back_len);
    ProtobufCMessage *again = parse(back, back_len);
    if (EXPECT(again != NULL) && EXPECT_EQ(protobuf_c_message_get_packed_size(again), ours_len)) {
        uint8_t *repacked = malloc(ours_len + 1);
        protobuf_c_message_pack(again, repacked);
        same = EXPECT_MEMEQ(repacked, packed, ours_len) && same;
        free(repacked);
    }
    if (!same)
        fprintf(stderr, "    %s\n", label);
    bit_msg_free(again);
    bit_msg_free(ours);
    free(back);
    free(printed);
    free(theirs);
    free(packed);
}

TEST(every_example_run)
{
    char path[PATH_MAX];
    int compared = 0;

    NEED_PROTOC();
    snprintf(path, sizeof path, "%s/deploy/runs", root);
    DIR *dir = opendir(path);
    if (!EXPECT(dir != NULL))
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        size_t len = strlen(entry->d_name);
        if (len < 6 || strcmp(entry->d_name + len - 6, ".txtpb") != 0)
            continue;
        snprintf(path, sizeof path, "%s/deploy/runs/%s", root, entry->d_name);
        char *text = read_file(path, &len);
        compare(path, text, len);
        free(text);
        compared++;
    }
    closedir(dir);
    EXPECT(compared >= 9);
}

TEST(texts_that_both_read)
{
    static const char *const texts[] = {
        "",
        "# only a comment, without a newline",
        "name: 'tab\\t\\'\\\"\\\\ \\101\\7\\x42\\xe\\u00e9\\U0001F600\\ud83d\\ude00\\?\\a\\b\\f\\n\\r\\v'",
        "name:'it''s'\"x\"\n  # a comment between\n  'y'",
        "name : \"caf\xc3\xa9 \xf0\x9f\x98\x80\"",
        "launch: < ranks: 0x1F, threads: 017; max_restarts: 0 memory_gib: 4294967295 >",
        "launch { ranks: 4294967295 } data { seed: 18446744073709551615 } model { init_seed: 0xFFFFFFFFFFFFFFFF }",
        "optimizer { eps: 1e-3f beta1: 1F beta2: .5 weight_decay: 5. clip_norm: 1.f }",
        "optimizer { eps: - 1 beta1: -0.0 beta2: 1E+2 weight_decay: 99999999999999999999999 clip_norm: 0.1e-7 }",
        ("schedule { peak_lr: 0.1 final: 0.30000000000000004 warmup_start: 5e-324 } "
         "optimizer { eps: 2.2250738585072014e-308 }"),
        "schedule { peak_lr: 179769313486231570000000000000000000000000000000000000000000000000000000000000000000 }",
        "data { train: [] }",
        "data { train: [\"a\" \"c\", 'b'] train: \"z\" , train: 'y'; train: [ 'x' ] }",
        "eval { set: [ { name: 'a' }, < name: 'b' path: ['p', 'q'] > ] set { } set: { name: 'c' }, }",
        "eval { set [ { name: 'a' } ] }",
        "model { init: 2 tied: t } phases { switch { optimizer: 1 ramp: SIGMOID lr: REWARM } ; } ,",
        "model { tied: True init: NORMAL } optimizer { decay_embeddings: 0x0 }",
        "model { tied: f } optimizer { decay_embeddings: 1 }",
        "model{layers:1 width:2}data{}batch:{}schedule<>",
    };

    NEED_PROTOC();
    for (size_t i = 0; i < BIT_COUNT(texts); i++)
        compare(texts[i], texts[i], strlen(texts[i]));
}

TEST(texts_that_both_refuse)
{
    static const char *const texts[] = {
        "model { layers: 1width: 2 }",
        "modle { }",
        "launch { ranks 1 }",
        "launch { ranks: 1;; threads: 2 }",
        "launch { ranks: 4294967296 }",
        "launch { ranks: -1 }",
        "launch { ranks: 1.0 }",
        "launch { ranks: 08 }",
        "launch { ranks: 1",
        "launch { ranks: 1 >",
        "launch { } }",
        "launch { } launch { }",
        "launch { ranks: 1 ranks: 2 }",
        "launch { ranks: [1] }",
        "data { train: [\"a\", \"b\",] }",
        "data { train: [, \"a\"] }",
        "data { seed: 18446744073709551616 }",
        "optimizer { beta1: 0x1 }",
        "optimizer { eps: 01 }",
        "optimizer { eps: 01.5 }",
        "optimizer { eps: 1e }",
        "optimizer { eps: 'x' }",
        "model { tied: TRUE }",
        "model { tied: 2 }",
        "model { init: normal }",
        "model { init: 9 }",
        "model { init: 'NORMAL' }",
        "name: run",
        "name: 'open",
        "name: 'two\nlines'",
        "name: '\\x'",
        "name: '\\X41'",
        "name: '\\q'",
        "name: '\\u12'",
        "name 'a'",
        "name = 'a'",
        ", name: 'a'",
        "{ }",
        "[bit.any]: 3",
    };

    NEED_PROTOC();
    for (size_t i = 0; i < BIT_COUNT(texts); i++) {
        ProtobufCMessage *ours = parse(texts[i], strlen(texts[i]));
        test_write(test_path("in"), texts[i], strlen(texts[i]));
        bool refused = EXPECT(ours == NULL);
        if (!EXPECT(!protoc("encode", test_path("in"), test_path("out"))) || !refused)
            fprintf(stderr, "    %s\n", texts[i]);
        bit_msg_free(ours);
    }
}

/* Intended differences: values that a specification may not have, and the byte order mark of some editors. */
TEST(texts_where_we_differ)
{
    static const struct {
        const char *text;
        bool ours;
    } texts[] = {
        {"optimizer { eps: inf }", false}, {"optimizer { eps: -nan }", false}, {"optimizer { eps: 1e999 }", false},
        {"name: 'a\\000b'", false},        {"name: '\\777'", false},           {"name: '\\ud83d'", false},
        {"name: '\\U00110000'", false},    {"\xef\xbb\xbfname: 'a'", true},
    };

    NEED_PROTOC();
    for (size_t i = 0; i < BIT_COUNT(texts); i++) {
        ProtobufCMessage *ours = parse(texts[i].text, strlen(texts[i].text));
        test_write(test_path("in"), texts[i].text, strlen(texts[i].text));
        bool differ = EXPECT_EQ(ours != NULL, texts[i].ours);
        if (!EXPECT_EQ(protoc("encode", test_path("in"), test_path("out")), !texts[i].ours) || !differ)
            fprintf(stderr, "    %s\n", texts[i].text);
        bit_msg_free(ours);
    }
}

TEST_MAIN
