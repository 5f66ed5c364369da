/* The pipeline: documents to a folder of token files. */
#include "ctl/tokenize/tokenize.h"

#include <fcntl.h>
#include <jansson.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "ctl/tokenize/dataset.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "tests/test.h"

enum { END_OF_TEXT = 607 }; /* of tests/tokenize/small.json */

static struct bit_tokenizer *tokenizer;

static void load(void)
{
    char path[4096];
    const char *root = getenv("BIT_SOURCE_ROOT");

    snprintf(path, sizeof path, "%s/tests/tokenize/small.json", root == NULL ? "." : root);
    if (tokenizer == NULL && !EXPECT_EQ(bit_tokenizer_load(path, &tokenizer), 0))
        exit(1);
}

static void write_text(const char *name, const char *text, size_t bytes)
{
    FILE *f = fopen(test_path(name), "w");

    if (EXPECT(f != NULL)) {
        EXPECT_EQ(fwrite(text, 1, bytes, f), bytes);
        EXPECT_EQ(fclose(f), 0);
    }
}

static uint8_t *read_bytes(const char *name, size_t *bytes)
{
    struct stat st;
    uint8_t *data = NULL;
    int fd = open(test_path(name), O_RDONLY);

    *bytes = 0;
    if (fd >= 0 && fstat(fd, &st) == 0) {
        data = malloc((size_t)st.st_size + 1);
        *bytes = (size_t)read(fd, data, (size_t)st.st_size);
        data[*bytes] = '\0';
    }
    if (fd >= 0)
        close(fd);
    return data;
}

static char *read_gzip(const char *name)
{
    gzFile f = gzopen(test_path(name), "rb");
    char *text = calloc(1, 1 << 20);

    if (EXPECT(f != NULL)) {
        EXPECT(gzread(f, text, (1 << 20) - 1) >= 0);
        gzclose(f);
    }
    return text;
}

struct seen {
    int faults;
    struct bit_tokenize_fault last;
};

static void on_fault(void *arg, const struct bit_tokenize_fault *fault)
{
    struct seen *seen = arg;

    seen->faults++;
    seen->last = *fault;
}

static int tokenize(const char *input, const char *output, struct bit_tokenize_options *o,
                    struct bit_tokenize_summary *sum)
{
    char argument[512], *args[1] = {argument};
    struct bit_inputs inputs;

    load();
    snprintf(argument, sizeof argument, "%s", test_path(input));
    int err = bit_inputs_expand(args, 1, &inputs);
    if (err < 0)
        return err;
    o->tokenizer = tokenizer;
    o->folder = test_path(output);
    o->end_of_text = END_OF_TEXT;
    o->file_tokens = o->file_tokens == 0 ? BIT_DATASET_FILE_TOKENS_MAX : o->file_tokens;
    o->threads = o->threads == 0 ? 2 : o->threads;
    err = bit_tokenize(&inputs, o, sum);
    bit_inputs_finish(&inputs);
    return err;
}

/* The ids of one text with end-of-text, as in the file. */
static size_t ids_of(const char *text, uint16_t *out)
{
    struct bit_encoder *encoder;
    struct bit_ids ids = {0};
    size_t count;

    EXPECT_EQ(bit_encoder_create(tokenizer, &encoder), 0);
    EXPECT_EQ(bit_encoder_encode(encoder, (const uint8_t *)text, strlen(text), &ids), 0);
    for (size_t i = 0; i < ids.count; i++)
        out[i] = (uint16_t)ids.id[i];
    count = ids.count;
    bit_ids_finish(&ids);
    bit_encoder_destroy(encoder);
    if (count == 0 || out[count - 1] != END_OF_TEXT)
        out[count++] = END_OF_TEXT;
    return count;
}

static const char documents[] = "{\"id\":\"a\",\"text\":\"The river rose.\"}\n"
                                "\n"
                                "{\"id\":\"b,\\\"2\\\"\",\"text\":\"  By morning \\n\"}\n"
                                "{\"id\":\"c\",\"text\":\" \\n\"}\n"
                                "{\"id\":4,\"text\":\"under water<|endoftext|>\"}";

TEST(files_hold_what_was_said)
{
    struct bit_tokenize_options o = {0};
    struct bit_tokenize_summary sum;
    uint16_t want[256];
    size_t bytes, a, b, c;
    char rows[1024];

    write_text("three.jsonl", documents, sizeof documents - 1);
    if (!EXPECT_EQ(tokenize("three.jsonl", "three", &o, &sum), 0))
        return;
    a = ids_of("The river rose.", want);
    b = a + ids_of("By morning", want + a);
    c = b + ids_of("under water<|endoftext|>", want + b); /* ends in end-of-text: none is added */
    uint8_t *tokens = read_bytes("three/part-0-00000.npy", &bytes);
    if (EXPECT_EQ(bytes, c * 2))
        EXPECT_MEMEQ(tokens, want, bytes);
    char *index = read_gzip("three/part-0-00000.csv.gz");
    const char *source = test_path("three.jsonl");
    snprintf(rows, sizeof rows, "0,%zu,a,%s,1\r\n%zu,%zu,\"b,\"\"2\"\"\",%s,3\r\n%zu,%zu,4,%s,5\r\n", a, source, a, b,
             source, b, c, source);
    EXPECT_STREQ(index, rows);
    EXPECT_EQ(sum.documents, 3);
    EXPECT_EQ(sum.tokens, c);
    EXPECT_EQ(sum.empty, 1);
    EXPECT_EQ(sum.input_bytes, sizeof documents - 1);
    free(tokens);
    free(index);
}

TEST(metadata_names_tokenizer_and_files)
{
    size_t bytes;
    uint8_t *tokens = read_bytes("three/part-0-00000.npy", &bytes);
    json_t *meta = json_load_file(test_path("three/dataset.json"), 0, NULL);
    const char *name, *digest, *dtype, *file, *crc;
    int vocab, end, documents_said, tokens_said;
    char want[16];

    EXPECT_EQ(json_unpack(meta, "{s:{s:s,s:s,s:i,s:i},s:s,s:i,s:i,s:[{s:s,s:s}]}", "tokenizer", "name", &name, "sha256",
                          &digest, "vocab", &vocab, "end_of_text", &end, "dtype", &dtype, "documents", &documents_said,
                          "tokens", &tokens_said, "files", "name", &file, "crc32c", &crc),
              0);
    EXPECT_STREQ(name, "small");
    EXPECT_STREQ(digest, tokenizer->digest);
    EXPECT_EQ(vocab, 612);
    EXPECT_EQ(end, END_OF_TEXT);
    EXPECT_STREQ(dtype, "uint16");
    EXPECT_STREQ(file, "part-0-00000.npy");
    EXPECT_EQ(documents_said, 3);
    EXPECT_EQ(tokens_said, bytes / 2);
    snprintf(want, sizeof want, "%08x", bit_crc32c(0, tokens, bytes));
    EXPECT_STREQ(crc, want);
    json_decref(meta);
    free(tokens);
}

/* 3000 documents in about 20 blocks: 1 thread and 7 must write the same bytes, in the input's order. */
static void write_many(void)
{
    FILE *f = fopen(test_path("many.jsonl"), "w");

    srand(5);
    for (int i = 0; i < 3000; i++) {
        fprintf(f, "{\"id\":\"%d\",\"text\":\"", i);
        for (int words = rand() % 600; words >= 0; words--)
            fprintf(f, "%s ",
                    (const char *[]){"river", "water", "1931", "hens", "\u043c\u0438\u0440", "rose."}[rand() % 6]);
        fprintf(f, "\"}\n");
    }
    EXPECT_EQ(fclose(f), 0);
}

static void expect_same(const char *a, const char *b)
{
    size_t bytes_a, bytes_b;
    uint8_t *data_a = read_bytes(a, &bytes_a), *data_b = read_bytes(b, &bytes_b);

    EXPECT(bytes_a > 0);
    if (EXPECT_EQ(bytes_a, bytes_b))
        EXPECT_MEMEQ(data_a, data_b, bytes_a);
    free(data_a);
    free(data_b);
}

TEST(threads_do_not_matter)
{
    struct bit_tokenize_summary one, seven;

    write_many();
    EXPECT_EQ(tokenize("many.jsonl", "one", &(struct bit_tokenize_options){.threads = 1}, &one), 0);
    EXPECT_EQ(tokenize("many.jsonl", "seven", &(struct bit_tokenize_options){.threads = 7}, &seven), 0);
    EXPECT_EQ(one.documents, 3000);
    EXPECT_MEMEQ(&one, &seven, sizeof one);
    expect_same("one/part-0-00000.npy", "seven/part-0-00000.npy");
    expect_same("one/part-0-00000.csv.gz", "seven/part-0-00000.csv.gz");
    expect_same("one/dataset.json", "seven/dataset.json");
}

TEST(files_are_split_between_documents)
{
    struct bit_tokenize_summary sum;
    size_t bytes, whole, used = 0;
    uint8_t *all = read_bytes("one/part-0-00000.npy", &whole);
    char name[64];
    int parts = 0;

    EXPECT_EQ(tokenize("many.jsonl", "split", &(struct bit_tokenize_options){.file_tokens = 50000}, &sum), 0);
    for (;; parts++) {
        snprintf(name, sizeof name, "split/part-0-%05d.npy", parts);
        uint8_t *part = read_bytes(name, &bytes);
        if (part == NULL)
            break;
        EXPECT(bytes > 0 && bytes / 2 < 50000);
        EXPECT_EQ(part[bytes - 2] | part[bytes - 1] << 8, END_OF_TEXT);
        if (EXPECT(used + bytes <= whole))
            EXPECT_MEMEQ(part, all + used, bytes);
        used += bytes;
        free(part);
    }
    EXPECT_EQ(used, whole);
    EXPECT(parts > 10);
    free(all);
}

TEST(an_existing_dataset_is_kept_or_replaced_whole)
{
    struct bit_tokenize_summary sum;
    size_t bytes;

    EXPECT_EQ(tokenize("three.jsonl", "split", &(struct bit_tokenize_options){0}, &sum), -EEXIST);
    EXPECT_EQ(access(test_path("split/part-0-00003.npy"), F_OK), 0);
    EXPECT_EQ(tokenize("three.jsonl", "split", &(struct bit_tokenize_options){.force = true}, &sum), 0);
    EXPECT_EQ(access(test_path("split/part-0-00001.npy"), F_OK), -1);
    EXPECT_EQ(access(test_path("split/part-0-00003.csv.gz"), F_OK), -1);
    expect_same("split/part-0-00000.npy", "three/part-0-00000.npy");
    int fd = open(test_path("split"), O_RDONLY | O_DIRECTORY);
    EXPECT_EQ(flock(fd, LOCK_EX), 0);
    EXPECT_EQ(tokenize("three.jsonl", "split", &(struct bit_tokenize_options){.force = true}, &sum), BIT_EBUSY);
    close(fd);
    free(read_bytes("split/dataset.json", &bytes));
    EXPECT(bytes > 0);
}

static const char faulty[] =
    "{\"text\":\"good\"}\n{\"text\":\"bad}\n{\"id\":\"x\"}\n{\"text\":\"\xff\"}\n{\"text\":\"fine\"}\n";

TEST(faults_are_counted_and_named)
{
    struct bit_tokenize_summary sum;
    struct seen seen = {0};
    struct bit_tokenize_options o = {.on_fault = on_fault, .arg = &seen};

    write_text("faulty.jsonl", faulty, sizeof faulty - 1);
    EXPECT_EQ(tokenize("faulty.jsonl", "faulty", &o, &sum), 0);
    EXPECT_EQ(sum.documents, 2);
    EXPECT_EQ(sum.faults[BIT_DOCUMENT_JSON], 1);
    EXPECT_EQ(sum.faults[BIT_DOCUMENT_TEXT], 1);
    EXPECT_EQ(sum.faults[BIT_DOCUMENT_UTF8], 1);
    EXPECT_EQ(seen.faults, 3);
    EXPECT_EQ(seen.last.fault, BIT_DOCUMENT_UTF8);
    EXPECT_EQ(seen.last.line, 4);
    EXPECT_EQ(seen.last.column, 10);
}

static void expect_nothing(const char *name)
{
    char command[1024];

    snprintf(command, sizeof command, "test -z \"$(ls -A %s)\"", test_path(name));
    EXPECT_EQ(system(command), 0);
}

TEST(strict_leaves_nothing)
{
    struct bit_tokenize_summary sum;
    struct bit_tokenize_options o = {.strict = true};

    EXPECT_EQ(tokenize("faulty.jsonl", "strict", &o, &sum), BIT_ECORRUPT);
    EXPECT_CONTAINS(bit_fail_text(), "faulty.jsonl:2:14: broken JSON");
    expect_nothing("strict");
}

/* If no file was finished before the failure. Finished files stay, so that the next call can continue. */
TEST(a_failure_in_any_file_leaves_nothing)
{
    struct bit_tokenize_summary sum;

    EXPECT_EQ(mkdir(test_path("mixed"), 0700), 0);
    write_text("mixed/a.jsonl", documents, sizeof documents - 1);
    write_text("mixed/b.json.gz", "\x1f\x8b\x08\x00", 4);
    EXPECT_EQ(tokenize("mixed", "failed", &(struct bit_tokenize_options){0}, &sum), BIT_ECORRUPT);
    EXPECT_CONTAINS(bit_fail_text(), "mixed/b.json.gz");
    expect_nothing("failed");
    write_text("blank.jsonl", "\n\n", 2);
    EXPECT_EQ(tokenize("blank.jsonl", "blank", &(struct bit_tokenize_options){0}, &sum), BIT_EDATA);
    expect_nothing("blank");
}

/* A vocabulary with an id above 65535: small.json with the token of one byte moved to 70001. */
static struct bit_tokenizer *large_vocabulary(void)
{
    char path[4096];
    const char *root = getenv("BIT_SOURCE_ROOT");
    struct bit_tokenizer *large = NULL;

    snprintf(path, sizeof path, "%s/tests/tokenize/small.json", root == NULL ? "." : root);
    json_t *all = json_load_file(path, 0, NULL);
    json_t *vocab = json_object_get(json_object_get(all, "model"), "vocab");
    EXPECT_EQ(json_object_set_new(vocab, "!", json_integer(70001)), 0);
    char *text = json_dumps(all, 0);
    EXPECT_EQ(bit_tokenizer_parse("large", text, strlen(text), &large), 0);
    free(text);
    json_decref(all);
    return large;
}

TEST(a_large_vocabulary_makes_uint32)
{
    static const char text[] = "{\"text\":\"a!\"}\n";
    struct bit_tokenize_summary sum;
    struct bit_tokenizer *small = tokenizer;
    const char *dtype = "";
    size_t bytes;

    tokenizer = large_vocabulary();
    write_text("large.jsonl", text, sizeof text - 1);
    EXPECT_EQ(tokenize("large.jsonl", "large", &(struct bit_tokenize_options){0}, &sum), 0);
    uint8_t *tokens = read_bytes("large/part-0-00000.npy", &bytes);
    const uint8_t want[] = {0x71, 0x11, 0x01, 0x00, END_OF_TEXT & 0xff, END_OF_TEXT >> 8, 0, 0};
    if (EXPECT_EQ(bytes, 12))
        EXPECT_MEMEQ(tokens + 4, want, sizeof want);
    json_t *meta = json_load_file(test_path("large/dataset.json"), 0, NULL);
    EXPECT_EQ(json_unpack(meta, "{s:s}", "dtype", &dtype), 0);
    EXPECT_STREQ(dtype, "uint32");
    json_decref(meta);
    free(tokens);
    bit_tokenizer_destroy(tokenizer);
    tokenizer = small;
}

TEST(frees_the_tokenizer)
{
    bit_tokenizer_destroy(tokenizer);
}

TEST_MAIN
