#include "proto/data/sidecar.h"

#include <sys/stat.h>

#include "proto/err.h"
#include "proto/wire/msg.h"
#include "tests/spec_of.h"
#include "tests/test.h"

#define SHA_A "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SHA_B "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct fields {
    const char *name, *sha256, *vocab, *end, *dtype, *tokens, *files;
};

static const struct fields good = {
    "neox",
    SHA_A,
    "50280",
    "50279",
    "\"uint16\"",
    "3000",
    "{\"name\": \"part-0-00000.npy\", \"tokens\": 2000, \"documents\": 4, \"crc32c\": \"00c0ffee\"},"
    "{\"name\": \"part-0-00001.npy\", \"tokens\": 1000, \"documents\": 2, \"crc32c\": \"ffffffff\"}"};

static void print(const struct fields *f, char *out, size_t room)
{
    int n = snprintf(
        out, room,
        "{\"format\": \"bitd-dataset-1\", \"tokenizer\": {\"name\": \"%s\", \"sha256\": \"%s\", \"vocab\": %s,"
        " \"end_of_text\": %s}, \"dtype\": %s, \"documents\": 6, \"tokens\": %s, \"text_bytes\": 12000,"
        " \"files\": [%s]}",
        f->name, f->sha256, f->vocab, f->end, f->dtype, f->tokens, f->files);

    EXPECT(n > 0 && (size_t)n < room);
}

static int parse(const struct fields *f, struct bit_sidecar *out)
{
    char text[4096];

    print(f, text, sizeof text);
    return bit_sidecar_parse(text, strlen(text), "here", out);
}

/* Makes a subfolder of the test's folder with this dataset.json. Returns the path of its first part. */
static const char *write_set(const char *name, const struct fields *f)
{
    static char path[8][128];
    static unsigned next;
    char text[4096], *at = path[next++ % 8];

    snprintf(at, sizeof path[0], "%s/%s", test_folder(), name);
    mkdir(at, 0700);
    snprintf(at, sizeof path[0], "%s/%s/%s", test_folder(), name, BIT_SIDECAR_NAME);
    print(f, text, sizeof text);
    test_write_text(at, text);
    snprintf(at, sizeof path[0], "%s/%s/part-0-00000.npy", test_folder(), name);
    return at;
}

TEST(what_tokenize_wrote_is_read)
{
    struct bit_sidecar s;

    if (!EXPECT_EQ(parse(&good, &s), 0))
        return;
    EXPECT_STREQ(s.tokenizer, "neox");
    EXPECT_STREQ(s.sha256, SHA_A);
    EXPECT_EQ(s.vocab, 50280u);
    EXPECT_EQ(s.end_of_text, 50279u);
    EXPECT_EQ(s.token_bytes, 2u);
    EXPECT_EQ(s.documents, 6u);
    EXPECT_EQ(s.tokens, 3000u);
    EXPECT_NEAR(bit_sidecar_bytes_per_token(&s), 4, 1e-12);
    EXPECT_EQ(s.file_count, 2u);
    const struct bit_sidecar_file *file = bit_sidecar_find(&s, "/some/where/part-0-00001.npy");
    if (EXPECT(file == &s.file[1]))
        EXPECT_EQ(file->crc, 0xffffffffu);
    EXPECT_EQ(s.file[0].crc, 0x00c0ffeeu);
    EXPECT(bit_sidecar_find(&s, "/some/where/part-0-00002.npy") == NULL);
    bit_sidecar_finish(&s);
}

/* One invalid value at a time. */
TEST(what_makes_no_sense_is_refused)
{
    const struct fields bad[] = {
        {.sha256 = "0123"},
        {.sha256 = "g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
        {.vocab = "0"},
        {.vocab = "65537"},
        {.vocab = "99999999999"},
        {.vocab = "\"50280\""},
        {.end = "-1"},
        {.end = "50280"},
        {.dtype = "\"float16\""},
        {.dtype = "2"},
        {.tokens = "-1"},
        {.tokens = "1e3"},
        {.files = "7"},
        {.files = "{\"name\": \"a\", \"tokens\": 1, \"documents\": 1}"},
        {.files = "{\"name\": \"a/b\", \"tokens\": 1, \"documents\": 1, \"crc32c\": \"00000000\"}"},
        {.files = "{\"name\": \"a\", \"tokens\": 1, \"documents\": -1, \"crc32c\": \"00000000\"}"},
        {.files = "{\"name\": \"a\", \"tokens\": 1, \"documents\": 1, \"crc32c\": \"0x123456\"}"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fields f = good;
        f.sha256 = bad[i].sha256 ? bad[i].sha256 : f.sha256;
        f.vocab = bad[i].vocab ? bad[i].vocab : f.vocab;
        f.end = bad[i].end ? bad[i].end : f.end;
        f.dtype = bad[i].dtype ? bad[i].dtype : f.dtype;
        f.tokens = bad[i].tokens ? bad[i].tokens : f.tokens;
        f.files = bad[i].files ? bad[i].files : f.files;
        struct bit_sidecar s = {.vocab = 1};
        if (!EXPECT_EQ(parse(&f, &s), BIT_ECORRUPT))
            fprintf(stderr, "    case %zu\n", i);
        EXPECT_EQ(s.vocab, 1u);
        EXPECT_CONTAINS(bit_fail_text(), "'here' is not what bitctl tokenize writes");
    }
    struct bit_sidecar s;
    EXPECT_EQ(bit_sidecar_parse("{\"format\":\n7,}", 14, "here", &s), BIT_ECORRUPT);
    EXPECT_CONTAINS(bit_fail_text(), "here:2:");
    EXPECT_EQ(bit_sidecar_parse("secret", 6, "here", &s),
              BIT_ECORRUPT); /* others may see the error: it must not quote the file */
    EXPECT(strstr(bit_fail_text(), "secret") == NULL);
}

TEST(is_looked_for_beside_the_file)
{
    struct bit_sidecar s;
    const char *path = write_set("a", &good);
    char text[128];

    EXPECT_EQ(bit_sidecar_read(path, &s), 1);
    bit_sidecar_finish(&s);
    snprintf(text, sizeof text, "%s/a/", test_folder());
    EXPECT_EQ(bit_sidecar_read(text, &s), 1);
    bit_sidecar_finish(&s);
    snprintf(text, sizeof text, "%s/part-0-00000.npy", test_folder());
    EXPECT_EQ(bit_sidecar_read(text, &s), 0);
    EXPECT_EQ(bit_sidecar_read("/nowhere/part-0-00000.npy", &s), 0);
    snprintf(text, sizeof text, "%s/folder/%s", test_folder(), BIT_SIDECAR_NAME);
    snprintf(text, sizeof text, "%s/folder", test_folder());
    mkdir(text, 0700);
    snprintf(text, sizeof text, "%s/folder/%s", test_folder(), BIT_SIDECAR_NAME);
    mkdir(text, 0700);
    EXPECT_EQ(bit_sidecar_read(text, &s), BIT_ELIMIT);
}

/* Weighted by the tokens of each file; 0 if one of them is unknown. */
TEST(bytes_per_token_of_several_files)
{
    struct fields f = good;
    char *path[3] = {(char *)(uintptr_t)write_set("a", &good), NULL, NULL};

    f.tokens = "6000"; /* 2 bytes each */
    path[1] = (char *)(uintptr_t)write_set("b", &f);
    EXPECT_NEAR(bit_sidecar_bytes_per_token_of(path, 2, NULL), 3, 1e-12);
    path[2] = (char *)(uintptr_t) "/nowhere/part-0-00000.npy";
    EXPECT_EQ(bit_sidecar_bytes_per_token_of(path, 3, NULL), 0.0);
}

/* ---- a run's files */

static Bit__RunSpec *spec_of(const char *train, const char *held_out, const char *tokenizer)
{
    char text[1024];

    snprintf(text, sizeof text,
             "model { vocab: 50280 } data { train: '%s' %s%s%s } eval { set { name: 'held-out' path: '%s' } }", train,
             tokenizer ? "tokenizer: '" : "", tokenizer ? tokenizer : "", tokenizer ? "'" : "", held_out);
    return test_spec_parse(text);
}

static int check(const char *train, const char *held_out, const char *tokenizer)
{
    Bit__RunSpec *spec = spec_of(train, held_out, tokenizer);
    struct bit_sidecar_check c = {.spec = spec};
    const char *path;
    int err = spec ? 0 : -1;

    for (size_t i = 0; err == 0 && (path = bit_spec_path(spec, i)) != NULL; i++)
        err = bit_sidecar_check_file(&c, path, NULL);
    bit_msg_free(spec);
    return err;
}

TEST(one_tokenizer_throughout)
{
    struct fields f = good;
    const char *a = write_set("a", &good);

    EXPECT_EQ(check(a, a, NULL), 0);
    EXPECT_EQ(check(a, a, "neox"), 0);
    EXPECT_EQ(check(a, a, SHA_A), 0);
    EXPECT_EQ(check("/nowhere/x.npy", a, NULL), 0); /* it has no sidecar */
    EXPECT_EQ(check(a, a, "llama"), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "data.tokenizer says 'llama'");
    f.sha256 = SHA_B;
    const char *b = write_set("b", &f);
    EXPECT_EQ(check(a, b, NULL), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), b);
    EXPECT_CONTAINS(bit_fail_text(), a);
}

TEST(ids_that_the_model_does_not_have)
{
    struct fields f = good;

    f.vocab = "50281";
    EXPECT_EQ(check(write_set("b", &f), write_set("b", &f), NULL), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "model.vocab is 50280");
    f.vocab = "100000";
    f.dtype = "\"uint32\"";
    EXPECT_EQ(check(write_set("b", &f), write_set("b", &f), NULL), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "32-bit ids");
}

TEST_MAIN
