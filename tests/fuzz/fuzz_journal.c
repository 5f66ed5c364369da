/*
 * A run's journal: "J" and the file's bytes; or "R" and messages, each after its length in two bytes, which get valid
 * frames and sequence numbers, because checksums would reject nearly all mutations. Any bytes either replay or are
 * refused; a torn tail is cut, and the rest replays to the same run.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/run/run.h"
#include "daemon/run/run_apply.h"
#include "daemon/store/journal/journal.h"
#include "daemon/store/journal/journal_record.h"
#include "proto/err.h"
#include "proto/spec/spec.h"
#include "proto/wire/msg.h"
#include "tests/fuzz/file.h"

static Bit__RunSpec *make_spec(void)
{
    static const char text[] = "model { preset: 'olmo_20m' } data { train: '/a' } checkpoint { every: 4 }"
                               "phases { switch { at_step: 100 ramp_steps: 10 } }";
    struct bit_problems *problems = calloc(1, sizeof *problems);
    ProtobufCMessage *spec = NULL;

    FUZZ_CHECK(problems != NULL);
    FUZZ_CHECK(bit_text_parse(&bit__run_spec__descriptor, text, sizeof text - 1, &spec, problems) == 0);
    FUZZ_CHECK(bit_spec_normalise((Bit__RunSpec *)spec, NULL, problems) == 0);
    free(problems);
    return (Bit__RunSpec *)spec;
}

struct replayed {
    struct bit_run run;
    uint64_t visited;
};

static int visit(void *arg, const Bit__JournalRecord *record)
{
    struct replayed *r = arg;

    r->visited++;
    return bit_run_apply(&r->run, record);
}

/* The properties that the rest of bitd relies on. */
static void check_run(const struct bit_run *run)
{
    FUZZ_CHECK(run->step <= run->step_max);
    for (size_t i = 1; i < run->checkpoints.count; i++)
        FUZZ_CHECK(run->checkpoints.list[i - 1].step <= run->checkpoints.list[i].step);
    for (size_t i = 0; i < run->rewinds.count; i++)
        FUZZ_CHECK(bit_run_position(run, run->rewinds.item[i].to) <= bit_run_position(run, UINT64_MAX >> 1));
    FUZZ_CHECK(run->skipped <= run->seq);
}

static int replay(const char *path, struct replayed *out, uint64_t *cut)
{
    struct bit_journal journal;

    *out = (struct replayed){.visited = 0};
    bit_run_init(&out->run, 1, make_spec());
    int err = bit_journal_open(path, visit, out, &journal, cut);
    if (err == 0) {
        FUZZ_CHECK(journal.seq == out->visited && out->run.seq == out->visited);
        check_run(&out->run);
        bit_journal_close(&journal);
    }
    return err;
}

static void replay_bytes(const uint8_t *data, size_t bytes)
{
    struct fuzz_file file;
    struct replayed once, again;
    uint64_t cut = 0, cut_again = 0;

    fuzz_file_open(&file, data, bytes);
    int err = replay(file.path, &once, &cut);
    FUZZ_CHECK(err == 0 || err == BIT_ECORRUPT);
    if (err == 0) {
        FUZZ_CHECK(cut <= bytes);
        FUZZ_CHECK(replay(file.path, &again, &cut_again) == 0 && cut_again == 0);
        FUZZ_CHECK(once.visited == again.visited && once.run.state == again.run.state &&
                   once.run.step == again.run.step && once.run.chain == again.run.chain);
        bit_run_finish(&again.run);
    }
    bit_run_finish(&once.run);
    fuzz_file_close(&file);
}

/* Each message that decodes becomes a record with the next number. */
static void replay_messages(const uint8_t *data, size_t bytes)
{
    uint8_t *journal = NULL;
    size_t size = 0;
    uint64_t seq = 0;

    for (size_t at = 0; at + 2 <= bytes;) {
        size_t length = BIT_MIN((size_t)data[at] | (size_t)data[at + 1] << 8, bytes - at - 2);
        ProtobufCMessage *msg = NULL;
        uint8_t *record;
        size_t took;
        if (bit_msg_decode_as(&bit__journal_record__descriptor, data + at + 2, length, 1 << 20, &msg) == 0) {
            ((Bit__JournalRecord *)msg)->seq = ++seq;
            FUZZ_CHECK(bit_journal_record_encode((Bit__JournalRecord *)msg, &record, &took) == 0);
            journal = realloc(journal, size + took);
            FUZZ_CHECK(journal != NULL);
            memcpy(journal + size, record, took);
            size += took;
            free(record);
        }
        bit_msg_free(msg);
        at += 2 + length;
    }
    replay_bytes(journal, size);
    free(journal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes > 0 && data[0] == 'J')
        replay_bytes(data + 1, bytes - 1);
    else if (bytes > 0)
        replay_messages(data + 1, bytes - 1);
    return 0;
}
