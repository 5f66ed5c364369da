#include "ctl/verbs/completion.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "ctl/cli/verb.h"
#include "ctl/client/connection.h"
#include "ctl/client/curve_wish.h"
#include "ctl/client/plot_series.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/spec/spec_fields.h"
#include "ctl/verbs/synopsis.h"
#include "ctl/verbs/verbs.h"
#include "proto/check.h"
#include "proto/format.h"
#include "proto/spec/spec.h"

#define ANSWER_MS   500 /* the user's shell waits for this program */
#define SUMMARY_MAX 60

struct completion {
    FILE *f;
    const char *typed;  /* what is typed of the word, without `lead` */
    char lead[64];      /* "--set=" of "--set=sched" */
    const char *socket; /* --socket or --state before the word; NULL */
};

static void offer(const struct completion *c, const char *word, const char *what)
{
    if (strncmp(word, c->typed, strlen(c->typed)) == 0)
        bit_show(c->f, "%s%s", c->lead, word), fputc('\t', c->f), bit_show(c->f, "%.*s\n", SUMMARY_MAX, what);
}

/* ---- runs */

/* bitd's reply of type `answer`, or NULL if none comes at once: a shell waits for it. */
static void *ask(const char *socket, uint16_t type, const void *request, uint16_t answer)
{
    struct bit_connection connection;
    ProtobufCMessage *msg = NULL;
    uint16_t got = 0;

    if (bit_connection_open(&connection, socket) < 0)
        return NULL;
    if (bit_connection_send(&connection, type, request) == 0 &&
        bit_connection_next(&connection, ANSWER_MS, &got, &msg) < 0)
        msg = NULL;
    bit_connection_close(&connection);
    if (msg != NULL && got == answer)
        return msg;
    bit_msg_free(msg);
    return NULL;
}

static Bit__ListReply *ask_runs(const char *socket)
{
    Bit__ListRequest all = BIT__LIST_REQUEST__INIT;

    all.has_all = all.all = true;
    return ask(socket, BIT_MSG_LIST_REQUEST, &all, BIT_MSG_LIST_REPLY);
}

static void offer_runs(const struct completion *c)
{
    Bit__ListReply *list = ask_runs(c->socket);
    char what[128];

    for (size_t i = 0; list != NULL && i < list->n_run; i++) {
        const Bit__RunStatus *s = list->run[i];
        snprintf(what, sizeof what, "%s, %s", s->name, bit_text_state(s->state));
        offer(c, s->run, what);
        snprintf(what, sizeof what, "%s, %s", s->run, bit_text_state(s->state));
        offer(c, s->name, what);
    }
    if (list != NULL && list->n_run > 0)
        offer(c, "@last", "your newest run");
    bit_msg_free(list);
}

static Bit__SweepListReply *ask_sweeps(const char *socket)
{
    Bit__SweepListRequest all = BIT__SWEEP_LIST_REQUEST__INIT;

    all.has_all = all.all = true;
    return ask(socket, BIT_MSG_SWEEP_LIST_REQUEST, &all, BIT_MSG_SWEEP_LIST_REPLY);
}

static void offer_sweeps(const struct completion *c)
{
    Bit__SweepListReply *list = ask_sweeps(c->socket);
    char what[128];

    for (size_t i = 0; list != NULL && i < list->n_sweep; i++) {
        const Bit__SweepReply *s = list->sweep[i];
        snprintf(what, sizeof what, "%s, a sweep, %s", s->name, bit_text_state(s->state));
        offer(c, s->sweep, what);
        snprintf(what, sizeof what, "%s, a sweep, %s", s->sweep, bit_text_state(s->state));
        offer(c, s->name, what);
    }
    bit_msg_free(list);
}

/* ---- fields, presets, verbs */

static void offer_values(const struct completion *c, const Bit__SpecField *field)
{
    static const char *const truth[] = {"true", "false"};
    const char *dot = strrchr(field->path, '.');
    char word[192];
    size_t kinds, count;

    for (size_t i = 0; i < field->n_choice; i++) {
        snprintf(word, sizeof word, "%s=%s", field->path, field->choice[i]);
        offer(c, word, field->type);
    }
    for (size_t i = 0; i < BIT_COUNT(truth) && strcmp(field->type, "true or false") == 0; i++) {
        snprintf(word, sizeof word, "%s=%s", field->path, truth[i]);
        offer(c, word, field->type);
    }
    const struct bit_preset_kind *kind = bit_spec_preset_kinds(&kinds);
    for (size_t k = 0; k < kinds && dot != NULL; k++) {
        const struct bit_preset *list = kind[k].list(&count);
        for (size_t i = 0; i < count && strcmp(kind[k].field, field->path) == 0; i++) {
            snprintf(word, sizeof word, "%s=%s", field->path, list[i].name);
            offer(c, word, list[i].summary);
        }
    }
}

/* Offers fields; with `values`, "FIELD=" of those that can be set alone, and after the '=' the field's values. */
static void offer_fields(const struct completion *c, bool values)
{
    const char *equals = values ? strchr(c->typed, '=') : NULL;
    struct bit_spec_fields fields;
    char word[192];

    if (bit_spec_fields_init(&fields) < 0)
        return;
    if (values && equals == NULL)
        bit_show(c->f, ":nospace\n");
    for (size_t i = 0; i < fields.count; i++) {
        const Bit__SpecField *field = fields.field[i];
        const size_t bytes = strlen(field->path);
        if (values && (bit_spec_field_is_group(field) || strchr(field->path, '[') != NULL))
            continue;
        snprintf(word, sizeof word, "%s%s", field->path, values ? "=" : "");
        if (equals == NULL)
            offer(c, word, field->meaning);
        else if ((size_t)(equals - c->typed) == bytes && strncmp(c->typed, field->path, bytes) == 0)
            offer_values(c, field);
    }
    bit_spec_fields_finish(&fields);
}

static void offer_presets(const struct completion *c)
{
    size_t kinds, count;
    const struct bit_preset_kind *kind = bit_spec_preset_kinds(&kinds);

    for (size_t k = 0; k < kinds; k++) {
        const struct bit_preset *list = kind[k].list(&count);
        for (size_t i = 0; i < count; i++)
            offer(c, list[i].name, list[i].summary);
    }
}

static void offer_verbs(const struct completion *c)
{
    for (size_t i = 0; bit_verbs[i]; i++)
        offer(c, bit_verbs[i]->name, bit_verbs[i]->summary);
}

static void offer_axes(const struct completion *c)
{
    for (enum bit_plot_x x = BIT_PLOT_STEP; x <= BIT_PLOT_SINCE_SWITCH; x++)
        offer(c, bit_plot_x_name(x), "the horizontal axis");
}

/* Offers "loss" and so on, and "eval:", after which the user types the name of a set. */
static void offer_curves(const struct completion *c)
{
    char one[32];

    for (const char *const *word = bit_curve_wish_words; *word != NULL; word++) {
        const char *colon = strchr(*word, ':');
        bit_format(one, sizeof one, "%.*s", colon != NULL ? (int)(colon + 1 - *word) : (int)strlen(*word), *word);
        if (colon != NULL && c->typed[0] != '\0' && strncmp(one, c->typed, strlen(c->typed)) == 0)
            bit_show(c->f, ":nospace\n");
        offer(c, one, "the vertical axis");
    }
}

/* Offers words for a placeholder such as RUN, SPEC or KEY=VALUE. */
static void offer_kind(const struct completion *c, const char *kind)
{
    static const char *const of_files[] = {"SPEC", "FILE", "PATH", "FOLDER", "INPUT", "DIR", "CHECKPOINT", "MODEL"};

    if (strcmp(kind, "RUN") == 0)
        offer_runs(c);
    else if (strcmp(kind, "SWEEP") == 0)
        offer_sweeps(c);
    else if (strcmp(kind, "KEY=VALUE") == 0 || strcmp(kind, "FIELD=VALUE") == 0)
        offer_fields(c, true);
    else if (strcmp(kind, "FIELD") == 0)
        offer_fields(c, false);
    else if (strcmp(kind, "PRESET") == 0)
        offer_presets(c);
    else if (strcmp(kind, "AXIS") == 0)
        offer_axes(c);
    else if (strcmp(kind, "CURVE") == 0)
        offer_curves(c);
    else if (strcmp(kind, "VERB") == 0)
        offer_verbs(c);
    for (size_t i = 0; i < BIT_COUNT(of_files); i++)
        if (strcmp(kind, of_files[i]) == 0)
            bit_show(c->f, ":files\n");
}

/* ---- a word of a verb */

static const struct bit_option *option_of(const struct bit_cli_verb *verb, const char *word, size_t bytes)
{
    for (int i = 0; i < bit_verb_option_count(verb) + BIT_COMMON_COUNT; i++) {
        const int own = bit_verb_option_count(verb);
        const struct bit_option *o = i < own ? &verb->options[i] : &bit_verb_common[i - own];
        const bool by_name = bytes > 2 && strncmp(word, "--", 2) == 0 && strlen(o->name) == bytes - 2 &&
                             strncmp(o->name, word + 2, bytes - 2) == 0;
        const bool by_letter = bytes == 2 && o->letter != 0 && word[0] == '-' && word[1] == o->letter;
        if (by_name || by_letter)
            return o;
    }
    return NULL;
}

static void offer_options(const struct completion *c, const struct bit_cli_verb *verb)
{
    const int own = bit_verb_option_count(verb);
    char word[64];

    for (int i = 0; i < own + BIT_COMMON_COUNT; i++) {
        const struct bit_option *o = i < own ? &verb->options[i] : &bit_verb_common[i - own];
        snprintf(word, sizeof word, "--%s", o->name);
        offer(c, word, o->help);
    }
}

/*
 * Reads the words before the one to complete. *plain, *first: the number and the first of those that are neither
 * options nor values of options. Notes the socket. Returns the option that waits for a value, or NULL.
 */
static const struct bit_option *read_words(struct completion *c, const struct bit_cli_verb *verb, int count,
                                           char **words, int *plain, const char **first)
{
    const struct bit_option *waits = NULL;

    for (int i = 0; i < count; i++) {
        const char *equals = strchr(words[i], '=');
        if (waits != NULL) {
            if (waits == &bit_verb_common[BIT_COMMON_SOCKET] || waits == &bit_verb_common[BIT_COMMON_STATE])
                c->socket = words[i];
            waits = NULL;
        } else if (words[i][0] == '-') {
            const struct bit_option *o = option_of(verb, words[i],
                                                   equals != NULL ? (size_t)(equals - words[i]) : strlen(words[i]));
            waits = o != NULL && o->arg != NULL && equals == NULL ? o : NULL;
            if (equals != NULL && (o == &bit_verb_common[BIT_COMMON_SOCKET] || o == &bit_verb_common[BIT_COMMON_STATE]))
                c->socket = equals + 1;
        } else if ((*plain)++ == 0) {
            *first = words[i];
        }
    }
    return waits;
}

static void complete_word(struct completion *c, const struct bit_cli_verb *verb, int count, char **words)
{
    const char *first = "", *equals = strchr(c->typed, '=');
    struct bit_synopsis_place place = {.count = 0};
    int plain = 0;
    const struct bit_option *option = read_words(c, verb, count, words, &plain, &first);

    if (option == NULL && strncmp(c->typed, "--", 2) == 0 && equals != NULL) {
        option = option_of(verb, c->typed, (size_t)(equals - c->typed));
        snprintf(c->lead, sizeof c->lead, "%.*s", (int)(equals + 1 - c->typed), c->typed);
        c->typed = equals + 1;
    } else if (option == NULL && c->typed[0] == '-') {
        offer_options(c, verb);
        return;
    }
    if (option != NULL && option->arg != NULL) {
        offer_kind(c, option->arg);
        return;
    }
    bit_synopsis_find(verb->synopsis, plain, first, &place);
    for (int i = 0; i < place.count; i++)
        islower((unsigned char)place.kind[i][0]) ? offer(c, place.kind[i], verb->summary)
                                                 : offer_kind(c, place.kind[i]);
}

void bit_completion_print(FILE *f, int count, char **words)
{
    struct completion c = {.f = f, .typed = count > 0 ? words[count - 1] : ""};

    if (count <= 1) {
        offer_verbs(&c);
        return;
    }
    const struct bit_cli_verb *verb = bit_verb_find(bit_verbs, words[0]);
    if (verb != NULL)
        complete_word(&c, verb, count - 2, words + 1);
}
