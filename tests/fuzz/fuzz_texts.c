/*
 * Texts that bitd does not control, with any bytes: through the journal, a replay, status and doctor. The first byte:
 *   "L"  the output of a launcher or a Slurm command follows; bitd's texts about it are UTF-8
 *   else eight bytes, the seed of a random record, and the bytes of all its texts. The record can be written and read
 *        again; applied directly and after a replay, it gives a status and findings that a client can decode.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/client/query/doctor.h"
#include "daemon/client/query/status.h"
#include "daemon/launch/launcher_log.h"
#include "daemon/launch/squeue.h"
#include "daemon/run/run_apply.h"
#include "daemon/store/journal/journal_record.h"
#include "daemon/store/runs/runs.h"
#include "daemon/sys/lists/hostlist.h"
#include "proto/check.h"
#include "proto/child_output.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/limits.h"
#include "proto/spec/spec.h"
#include "proto/text/reflect.h"
#include "proto/utf8.h"
#include "proto/wire/msg.h"
#include "tests/fuzz/file.h"
#include "tests/message.h"

/* The rest of the input. */
struct bytes {
    const uint8_t *at;
    size_t left;
};

static uint8_t take(struct bytes *b)
{
    if (b->left == 0)
        return 0;
    b->left--;
    return *b->at++;
}

static char *take_text(struct bytes *b)
{
    size_t length = BIT_MIN((size_t)take(b) << (take(b) % 3 * 2), b->left);
    char *text = calloc(1, length + 1);

    FUZZ_CHECK(text != NULL);
    for (size_t i = 0; i < length; i++)
        text[i] = (char)BIT_MAX(take(b), 1);
    return text;
}

static bool is_text(const char *text)
{
    return bit_utf8_valid(text, strlen(text));
}

/* ---- output of other programs */

static void check_printed(struct bytes *b)
{
    char *text = calloc(1, b->left + 1), says[256], brief[64], cause[BIT_ERR_TEXT_MAX];
    struct bit_squeue q;

    FUZZ_CHECK(text != NULL);
    memcpy(text, b->at, b->left);
    const struct bit_child_output r = {.err = b->at, .err_bytes = b->left, .status = 1};
    if (b->left > 0) {
        bit_child_output_explain(&r, "sbatch", cause, sizeof cause);
        FUZZ_CHECK(is_text(cause));
    }
    if (bit_launcher_log_srun(text, says, sizeof says))
        FUZZ_CHECK(is_text(says));
    if (bit_squeue_parse(text, &q) < 0)
        FUZZ_CHECK(is_text(bit_fail_text()));
    bit_squeue_finish(&q);
    bit_hosts_brief(text, brief, sizeof brief);
    FUZZ_CHECK(is_text(brief) && strlen(brief) < sizeof brief);
    free(text);
}

/* ---- records */

/* Replace all texts in msg, recursively, by texts from the input. */
static void set_texts(ProtobufCMessage *msg, struct bytes *b)
{
    for (unsigned i = 0; i < msg->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &msg->descriptor->fields[i];
        for (size_t k = 0; k < bit_field_count(msg, field); k++) {
            if (field->type == PROTOBUF_C_TYPE_MESSAGE)
                set_texts(bit_field_message(msg, field, k), b);
            if (field->type != PROTOBUF_C_TYPE_STRING)
                continue;
            char **text = (char **)(uintptr_t)bit_field_at(msg, field, k);
            free(*text);
            *text = take_text(b);
        }
    }
}

static Bit__RunSpec *make_spec(void)
{
    static const char text[] = "name: 'x' model { preset: 'olmo_20m' } data { train: '/a' } checkpoint { every: 4 }";
    struct bit_problems *problems = calloc(1, sizeof *problems);
    ProtobufCMessage *spec = NULL;

    FUZZ_CHECK(problems != NULL);
    FUZZ_CHECK(bit_text_parse(&bit__run_spec__descriptor, text, sizeof text - 1, &spec, problems) == 0);
    FUZZ_CHECK(bit_spec_normalise((Bit__RunSpec *)spec, NULL, problems) == 0);
    free(problems);
    return (Bit__RunSpec *)spec;
}

/* The message can be encoded, and a client can decode it. */
static void check_sent(uint16_t type, const void *msg)
{
    ProtobufCMessage *back = NULL;
    struct bit_frame frame;
    uint8_t *buf;
    size_t bytes, need;

    FUZZ_CHECK(bit_msg_encode(type, 0, msg, &buf, &bytes) == 0);
    FUZZ_CHECK(bit_frame_decode(buf, bytes, BIT_FRAME_BODY_MAX, &frame, &need) > 0);
    FUZZ_CHECK(bit_msg_decode(BIT_CHANNEL_CLIENT_REPLY, type, frame.body, frame.body_bytes, &back) == 0);
    bit_msg_free(back);
    free(buf);
}

static void check_told(struct bit_runner *r)
{
    struct bit_status status;
    struct bit_doctor *findings = calloc(1, sizeof *findings);
    Bit__DoctorReply reply = BIT__DOCTOR_REPLY__INIT;

    FUZZ_CHECK(findings != NULL && bit_status_init_whole(&status, r, 16) == 0);
    FUZZ_CHECK(bit_status_check(&status.message) == 0);
    check_sent(BIT_MSG_RUN_STATUS, &status.message);
    const struct bit_doctor_facts facts = {.run = &r->run,
                                           .state = status.message.state,
                                           .reason = status.message.reason ? status.message.reason : "",
                                           .report_s = -1,
                                           .watchdog_s = -1};
    bit_doctor_judge(&facts, findings);
    for (size_t i = 0; i < findings->count; i++)
        FUZZ_CHECK(is_text(findings->text[i]));
    reply.status = &status.message;
    reply.finding = findings->list;
    reply.n_finding = findings->count;
    check_sent(BIT_MSG_DOCTOR_REPLY, &reply);
    bit_status_finish(&status);
    free(findings);
}

static struct bit_runs none; /* no other runs */

static void begin(struct bit_runner *r)
{
    *r = (struct bit_runner){.runs = &none, .dir = bit_lend("/runs/r1"), .journal = {.fd = -1}};
    bit_run_init(&r->run, 1, make_spec());
}

static int visit(void *arg, const Bit__JournalRecord *record)
{
    return bit_run_apply(&((struct bit_runner *)arg)->run, record);
}

static Bit__JournalRecord *submitted(void)
{
    static Bit__RunSubmitted m;
    static Bit__JournalRecord record;

    bit__run_submitted__init(&m);
    m.run = m.request_id = bit_lend("r1");
    bit__journal_record__init(&record);
    record.seq = 1;
    record.what_case = BIT__JOURNAL_RECORD__WHAT_SUBMITTED;
    record.submitted = &m;
    return &record;
}

/* Write a journal of a submission and this record. false if the record is too large. */
static bool write_journal(const Bit__JournalRecord *record, struct fuzz_file *file)
{
    uint8_t *first, *second, both[2 * (BIT_JOURNAL_RECORD_MAX + BIT_JOURNAL_HEADER_BYTES)];
    size_t first_bytes, second_bytes;
    int err = bit_journal_record_encode(record, &second, &second_bytes);

    FUZZ_CHECK(err == 0 || err == BIT_ELIMIT);
    if (err < 0)
        return false;
    FUZZ_CHECK(bit_journal_record_encode(submitted(), &first, &first_bytes) == 0);
    memcpy(both, first, first_bytes);
    memcpy(both + first_bytes, second, second_bytes);
    fuzz_file_open(file, both, first_bytes + second_bytes);
    free(first);
    free(second);
    return true;
}

/* Applies the record directly, as bitd does after writing it. Returns whether it is valid after a submission. */
static bool check_alive(const Bit__JournalRecord *record)
{
    struct bit_runner r;

    begin(&r);
    FUZZ_CHECK(bit_run_apply(&r.run, submitted()) == 0);
    int err = bit_run_apply(&r.run, record);
    FUZZ_CHECK(err == 0 || err == BIT_ECORRUPT);
    if (err == 0)
        check_told(&r);
    bit_run_finish(&r.run);
    return err == 0;
}

static void check_replayed(const char *path, bool follows)
{
    struct bit_runner r;
    struct bit_journal journal = {.fd = -1};
    uint64_t cut = 0;

    begin(&r);
    int err = bit_journal_open(path, visit, &r, &journal, &cut);
    FUZZ_CHECK(follows ? err == 0 && cut == 0 : err == BIT_ECORRUPT);
    if (err == 0)
        check_told(&r);
    bit_journal_close(&journal);
    bit_run_finish(&r.run);
}

static void check_record(struct bytes *b)
{
    uint64_t seed = 0;
    struct fuzz_file file;

    for (int i = 0; i < 8; i++)
        seed = seed << 8 | take(b);
    Bit__JournalRecord *record = (Bit__JournalRecord *)test_message(&bit__journal_record__descriptor, &seed);
    record->seq = 2;
    set_texts(&record->base, b);
    if (write_journal(record, &file)) {
        check_replayed(file.path, check_alive(record));
        fuzz_file_close(&file);
    }
    bit_msg_free(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct bytes b = {data, bytes};

    if (take(&b) == 'L')
        check_printed(&b);
    else
        check_record(&b);
    return 0;
}
