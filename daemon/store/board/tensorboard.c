#include "daemon/store/board/tensorboard.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/sys/settings/config.h"
#include "proto/err.h"
#include "proto/events.h"
#include "proto/log.h"

BIT_LOG_TOPIC("tensorboard");

#define RECORD_BYTES_MAX 4096

struct bit_tensorboard {
    FILE *file; /* NULL after a failure */
    char path[BIT_CONFIG_PATH_MAX + 128];
};

struct scalars {
    struct bit_event_scalar item[BIT_EVENT_SCALARS_MAX];
    size_t count;
};

void bit_tensorboard_flush(struct bit_tensorboard *board)
{
    if (board != NULL && board->file != NULL)
        fflush(board->file);
}

void bit_tensorboard_close(struct bit_tensorboard *board)
{
    if (board == NULL)
        return;
    if (board->file != NULL)
        fclose(board->file);
    free(board);
}

static void put(struct bit_tensorboard *board, const uint8_t *record, int bytes)
{
    if (board->file == NULL)
        return;
    if (bytes >= 0 && fwrite(record, 1, (size_t)bytes, board->file) == (size_t)bytes)
        return;
    bit_warn("no more scalars", "path=%s text=%s", board->path, bytes < 0 ? bit_strerror(bytes) : strerror(errno));
    fclose(board->file);
    board->file = NULL;
}

/* A new file for each launch: TensorBoard then drops what an earlier one wrote from this step on. */
static struct bit_tensorboard *open_board(const struct bit_run *run, const char *dir, double wall_s, uint64_t step)
{
    uint8_t record[RECORD_BYTES_MAX];
    char host[64] = "localhost";
    struct bit_tensorboard *board = calloc(1, sizeof *board);

    if (board == NULL)
        return NULL;
    gethostname(host, sizeof host - 1);
    snprintf(board->path, sizeof board->path, "%s/events.out.tfevents.%.0f.%s.%d.%" PRIu64, dir, wall_s, host, getpid(),
             run->launch.epoch);
    board->file = fopen(board->path, "ae");
    if (board->file == NULL)
        bit_warn("no scalars", "path=%s text=%s", board->path, strerror(errno));
    put(board, record, bit_event_version(wall_s, record, sizeof record));
    put(board, record, bit_event_start(wall_s, (int64_t)step, record, sizeof record));
    return board;
}

static void add(struct scalars *s, const char *tag, double value)
{
    s->item[s->count++] = (struct bit_event_scalar){.tag = tag, .value = (float)value};
}

static void note_step(struct bit_tensorboard *board, double wall_s, const Bit__StepReport *m)
{
    uint8_t record[RECORD_BYTES_MAX];
    struct scalars s = {.count = 0};

    if (m->loss != 0 || !m->skipped) { /* otherwise it was NaN or infinite */
        add(&s, "train/CrossEntropyLoss", m->loss);
        add(&s, "train/Perplexity", exp(m->loss));
    }
    if (m->grad_norm != 0 || !m->skipped)
        add(&s, "optim/total_grad_norm", m->grad_norm);
    if (m->n_anomaly > 0)
        add(&s, "guard/anomalies", (double)m->n_anomaly);
    add(&s, "optim/learning_rate_group0", m->lr);
    if (m->ms > 0)
        add(&s, "throughput/device/tokens_per_second", (double)m->tokens * 1000 / m->ms);
    add(&s, "phase/ternary", m->precision == BIT__PRECISION__TERNARY);
    if (m->precision == BIT__PRECISION__TERNARY)
        add(&s, "phase/strength", m->strength);
    if (m->has_zero_fraction)
        add(&s, "quant/zero_fraction", m->zero_fraction);
    if (m->has_flip_rate)
        add(&s, "quant/flip_rate", m->flip_rate);
    put(board, record, bit_event_scalars(wall_s, (int64_t)m->step, s.item, s.count, record, sizeof record));
}

/* Each precision has its own tag, so that a tag means the same before and after the switch. In 16-bit, the ternary
 * curve is what a switch at that step would begin with, and the switch continues it. */
static const char *suffix_of(Bit__Precision precision)
{
    return precision == BIT__PRECISION__TERNARY ? "-ternary" : "-16bit";
}

static void note_evaluation(struct bit_tensorboard *board, double wall_s, const Bit__EvaluateReport *m)
{
    if (m->has_part) /* the cost of a part is a single number, not a curve */
        return;
    uint8_t record[RECORD_BYTES_MAX];
    char loss[BIT_NAME_MAX + 64], perplexity[BIT_NAME_MAX + 64], bits[BIT_NAME_MAX + 64];
    const char *suffix = suffix_of(m->precision);

    snprintf(loss, sizeof loss, "eval/%s%s/CrossEntropyLoss", m->set, suffix);
    snprintf(perplexity, sizeof perplexity, "eval/%s%s/Perplexity", m->set, suffix);
    struct scalars s = {.count = 0};
    add(&s, loss, m->loss);
    add(&s, perplexity, exp(m->loss));
    snprintf(bits, sizeof bits, "eval/%s%s/BitsPerByte", m->set, suffix);
    if (m->has_bytes_per_token && m->bytes_per_token > 0)
        add(&s, bits, m->loss / M_LN2 / m->bytes_per_token);
    put(board, record, bit_event_scalars(wall_s, (int64_t)m->after_step, s.item, s.count, record, sizeof record));
}

/* OLMo's tags, with the precision added. */
static void note_task(struct bit_tensorboard *board, double wall_s, const Bit__TaskResult *m)
{
    static const char *const metric[] = {
        [BIT__TASK_METRIC__ACC] = "acc", [BIT__TASK_METRIC__LEN_NORM] = "len_norm", [BIT__TASK_METRIC__F1] = "f1"};
    uint8_t record[RECORD_BYTES_MAX];
    char tag[BIT_NAME_MAX + 64];
    struct scalars s = {.count = 0};

    snprintf(tag, sizeof tag, "eval/downstream/%s_%s%s", m->task, metric[m->metric], suffix_of(m->precision));
    add(&s, tag, m->score);
    put(board, record, bit_event_scalars(wall_s, (int64_t)m->after_step, s.item, s.count, record, sizeof record));
}

static bool has_scalars(const Bit__JournalRecord *r)
{
    return r->what_case == BIT__JOURNAL_RECORD__WHAT_STEP || r->what_case == BIT__JOURNAL_RECORD__WHAT_EVALUATED ||
           (r->what_case == BIT__JOURNAL_RECORD__WHAT_SCORED && r->scored->result != NULL);
}

void bit_tensorboard_note(struct bit_tensorboard **board, const struct bit_run *run, const char *dir,
                          const Bit__JournalRecord *record)
{
    double wall_s = (double)record->time_ns / 1e9;
    bool ready = record->what_case == BIT__JOURNAL_RECORD__WHAT_READY;
    bool scalars = has_scalars(record);

    if (bit_run_ended(run) || ready) {
        bit_tensorboard_close(*board);
        *board = NULL;
    }
    if ((ready || scalars) && *board == NULL)
        *board = open_board(run, dir, wall_s, run->step + (ready ? 1 : 0));
    if (!scalars || *board == NULL)
        return;
    if (record->what_case == BIT__JOURNAL_RECORD__WHAT_STEP)
        note_step(*board, wall_s, record->step);
    else if (record->what_case == BIT__JOURNAL_RECORD__WHAT_EVALUATED)
        note_evaluation(*board, wall_s, record->evaluated);
    else
        note_task(*board, wall_s, record->scored->result);
}
