#include "daemon/store/runs/hook_facts.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/sys/processes/hooks.h"
#include "proto/text/json.h"
#include "proto/text/precision.h"

#define WORD_MAX 64

/* The enum's name as in JSON. */
static const char *word_of(const ProtobufCEnumDescriptor *desc, int value, char out[WORD_MAX])
{
    const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(desc, value);

    snprintf(out, WORD_MAX, "%s", found != NULL ? found->name : "unknown");
    for (char *c = out; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return out;
}

static enum bit_hook hook_of(const struct bit_runner *r, const Bit__JournalRecord *record)
{
    switch (record->what_case) {
    case BIT__JOURNAL_RECORD__WHAT_STATE:
        return bit_run_ended(&r->run) ? BIT_HOOK_END : BIT_HOOKS;
    case BIT__JOURNAL_RECORD__WHAT_CHECKPOINT:
        return record->checkpoint->error == 0 ? BIT_HOOK_CHECKPOINT : BIT_HOOKS;
    case BIT__JOURNAL_RECORD__WHAT_SWITCHED:
        return BIT_HOOK_SWITCH;
    case BIT__JOURNAL_RECORD__WHAT_STEP:
        return record->step->n_anomaly > 0 ? BIT_HOOK_ANOMALY : BIT_HOOKS;
    default:
        return BIT_HOOKS;
    }
}

static void add_step(struct bit_argv *facts, uint64_t step)
{
    bit_argv_add(facts, "BITD_STEP=%" PRIu64, step);
}

static void add_anomalies(struct bit_argv *facts, const Bit__StepReport *step)
{
    const Bit__Anomaly *first = step->anomaly[0];
    char word[WORD_MAX];

    add_step(facts, step->step);
    bit_argv_add(facts, "BITD_ANOMALY=%s", word_of(&bit__anomaly_kind__descriptor, (int)first->kind, word));
    bit_argv_add(facts, "BITD_REASON=%s", first->text != NULL ? first->text : "");
}

static void add_end(struct bit_argv *facts, const struct bit_runner *r, const Bit__StateChanged *state)
{
    char word[WORD_MAX];

    add_step(facts, r->run.step);
    bit_argv_add(facts, "BITD_RUN_STATE=%s", word_of(&bit__run_state__descriptor, (int)state->state, word));
    bit_argv_add(facts, "BITD_EXIT_CODE=%d", state->has_exit_code ? state->exit_code : 0);
    bit_argv_add(facts, "BITD_REASON=%s", state->reason);
}

static void add_facts(struct bit_argv *facts, const struct bit_runner *r, const Bit__JournalRecord *record)
{
    switch (record->what_case) {
    case BIT__JOURNAL_RECORD__WHAT_STATE:
        add_end(facts, r, record->state);
        break;
    case BIT__JOURNAL_RECORD__WHAT_CHECKPOINT:
        add_step(facts, record->checkpoint->after_step);
        bit_argv_add(facts, "BITD_CHECKPOINT=%s/checkpoints/%s", r->dir, record->checkpoint->name);
        break;
    case BIT__JOURNAL_RECORD__WHAT_SWITCHED:
        add_step(facts, record->switched->after_step);
        bit_argv_add(facts, "BITD_PRECISION=%s", bit_precision_name(record->switched->phase->precision));
        break;
    default:
        add_anomalies(facts, record->step);
    }
}

static char *input_of(const Bit__JournalRecord *record)
{
    char *json = NULL, *line = NULL;

    if (bit_json_print(&record->base, &json, NULL) < 0)
        return NULL;
    if (asprintf(&line, "{\"schema\":%d,%s\n", BIT_JSON_SCHEMA, json + 1) < 0)
        line = NULL;
    free(json);
    return line;
}

void bit_hook_facts_note(struct bit_runner *r, const Bit__JournalRecord *record)
{
    static const char *const names[] = {"on_end", "on_checkpoint", "on_switch", "on_anomaly"};
    const enum bit_hook hook = hook_of(r, record);
    struct bit_argv facts = {0};

    if (hook == BIT_HOOKS || !bit_hooks_wants(r->env->hooks, hook))
        return;
    bit_argv_add(&facts, "BITD_HOOK=%s", names[hook]);
    bit_argv_add(&facts, "BITD_RUN=%s", r->run.id);
    bit_argv_add(&facts, "BITD_NAME=%s", r->run.spec->name);
    bit_argv_add(&facts, "BITD_RUN_DIR=%s", r->dir);
    bit_argv_add(&facts, "BITD_EVENT=%" PRIu64, record->seq);
    add_facts(&facts, r, record);
    bit_hooks_run(r->env->hooks, hook, &facts, input_of(record));
}
