#include "proto/text/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/text/reflect.h"
#include "proto/text/text_lex.h"
#include "proto/text/text_value.h"
#include "proto/utf8.h"

#define FIELDS_MAX 64 /* of one message type */

struct parser {
    struct bit_lexer lexer;
    struct bit_token token;
    struct bit_problems *problems;
    const ProtobufCMessageDescriptor *root;
    char path[128];
    int depth;
    bool forgiving; /* accepts enumeration values in any case */
    int err;        /* -ENOMEM ends the parser; problems do not */
};

static void advance(struct parser *p)
{
    p->token = bit_lexer_next(&p->lexer);
}

static bool accept(struct parser *p, char symbol)
{
    if (!bit_token_is(&p->token, symbol))
        return false;
    advance(p);
    return true;
}

/* The token for a message: "'max_stepz'", "the end of the text". */
static const char *token_text(const struct bit_token *token, char out[48])
{
    if (token->kind == BIT_TOKEN_END)
        return "the end of the text";
    snprintf(out, 48, "'%.*s'%s", (int)BIT_MIN(token->len, 40u), token->at, token->len > 40 ? "..." : "");
    return out;
}

/* The lexer has already added the problem of a BAD token. */
static void expected(struct parser *p, const char *what)
{
    char found[48];

    if (p->token.kind != BIT_TOKEN_BAD)
        bit_problems_add(p->problems, p->path, p->token.line, p->token.column, "expected %s, found %s", what,
                         token_text(&p->token, found));
}

static bool opens(const struct bit_token *token)
{
    return bit_token_is(token, '{') || bit_token_is(token, '<') || bit_token_is(token, '[');
}

static bool closes(const struct bit_token *token)
{
    return bit_token_is(token, '}') || bit_token_is(token, '>') || bit_token_is(token, ']');
}

/* Skip one value of any kind; an opening bracket is skipped with everything up to its closing one. */
static void skip_value(struct parser *p)
{
    int depth = 0;

    if (bit_token_is(&p->token, '-'))
        advance(p);
    bool string = p->token.kind == BIT_TOKEN_STRING;
    do {
        if (p->token.kind == BIT_TOKEN_END || (depth == 0 && closes(&p->token)))
            return;
        depth += opens(&p->token) - closes(&p->token);
        advance(p);
    } while (depth > 0 || (string && p->token.kind == BIT_TOKEN_STRING));
}

/* After a syntax error: skip to where a field may start, on a later line or after a separator, without leaving the
 * message. */
static void recover(struct parser *p)
{
    int line = p->token.line;

    while (p->token.kind != BIT_TOKEN_END && !closes(&p->token)) {
        if (p->token.kind == BIT_TOKEN_NAME && p->token.line > line)
            return;
        if (accept(p, ';') || accept(p, ','))
            return;
        line = p->token.line;
        skip_value(p);
    }
}

static void parse_fields(struct parser *p, ProtobufCMessage *msg, char close);

static size_t path_push(struct parser *p, const char *name)
{
    size_t len = strlen(p->path);

    snprintf(p->path + len, sizeof p->path - len, "%s%s", len > 0 ? "." : "", name);
    return len;
}

static void path_index(struct parser *p, size_t index)
{
    size_t len = strlen(p->path);

    snprintf(p->path + len, sizeof p->path - len, "[%zu]", index);
}

static void parse_submessage(struct parser *p, ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field)
{
    char close = bit_token_is(&p->token, '{') ? '}' : '>';

    if (!bit_token_is(&p->token, '{') && !bit_token_is(&p->token, '<')) {
        expected(p, "'{'");
        recover(p);
        return;
    }
    if (p->depth == BIT_SPEC_DEPTH_MAX) {
        bit_problems_add(p->problems, p->path, p->token.line, p->token.column, "nested more than %d deep",
                         BIT_SPEC_DEPTH_MAX);
        skip_value(p);
        return;
    }
    ProtobufCMessage *sub = bit_message_new(field->descriptor);
    if (sub == NULL || bit_field_add(msg, field, &sub) < 0) {
        protobuf_c_message_free_unpacked(sub, NULL);
        p->err = bit_fail(-ENOMEM, "message %s", field->name);
        return;
    }
    struct bit_token open = p->token;
    advance(p);
    p->depth++;
    parse_fields(p, sub, close);
    p->depth--;
    if (!accept(p, close) && p->err == 0)
        bit_problems_add(p->problems, p->path, open.line, open.column, "this '%c' is never closed", *open.at);
}

/* Whether the token starts the next field instead of a value: in "steps:" the value is missing. */
static bool starts_field(const struct parser *p)
{
    const char *at = p->lexer.at;

    if (p->token.kind != BIT_TOKEN_NAME)
        return false;
    while (at < p->lexer.end && (*at == ' ' || *at == '\t'))
        at++;
    return at < p->lexer.end && (*at == ':' || *at == '{' || *at == '<');
}

/* Joins adjacent strings. NULL after a problem, or when memory ran out. */
static char *take_strings(struct parser *p, size_t *len)
{
    char *text = NULL;
    bool good = true;

    for (*len = 0; p->token.kind == BIT_TOKEN_STRING; advance(p)) {
        char *grown = realloc(text, *len + p->token.len);
        if (grown == NULL) {
            p->err = bit_fail(-ENOMEM, "string of %s", p->path);
            free(text);
            return NULL;
        }
        text = grown;
        good = bit_token_unescape(&p->token, text, len, p->problems, p->path) && good;
    }
    if (!good) {
        free(text);
        return NULL;
    }
    text[*len] = '\0'; /* fits: each token's two quotes were counted */
    return text;
}

static void parse_string(struct parser *p, ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field)
{
    struct bit_token first = p->token;
    union bit_value value;
    const char *wrong = NULL;
    size_t len;
    char *text = take_strings(p, &len);

    if (text == NULL)
        return;
    if (field->type == PROTOBUF_C_TYPE_BYTES) {
        value.bytes = (ProtobufCBinaryData){.len = len, .data = (uint8_t *)text};
    } else {
        wrong = memchr(text, '\0', len) != NULL ? "a string may not hold a NUL" : NULL;
        wrong = bit_utf8_valid(text, len) ? wrong : "the string is not UTF-8";
        value.string = text;
    }
    if (wrong != NULL)
        bit_problems_add(p->problems, p->path, first.line, first.column, "%s", wrong);
    else
        p->err = bit_field_add(msg, field, &value);
    if (wrong != NULL || p->err < 0)
        free(text);
}

static void parse_scalar(struct parser *p, ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field)
{
    bool text = field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_BYTES;
    union bit_value value;
    char buf[160];

    bool missing = p->token.kind == BIT_TOKEN_END || closes(&p->token) || starts_field(p);
    if (missing || (text && p->token.kind != BIT_TOKEN_STRING) || opens(&p->token)) {
        expected(p, bit_value_expected(field, buf));
        if (p->token.kind == BIT_TOKEN_BAD)
            recover(p);
        else if (!missing)
            skip_value(p);
        return;
    }
    if (text) {
        parse_string(p, msg, field);
        return;
    }
    bool negative = accept(p, '-');
    if (p->token.kind == BIT_TOKEN_BAD) {
        recover(p);
        return;
    }
    if (bit_value_read(field, &p->token, negative, p->forgiving, p->path, p->problems, &value) == 0)
        p->err = bit_field_add(msg, field, &value);
    skip_value(p);
}

/* In problems, an element's path is "data.train[3]". */
static void parse_element(struct parser *p, ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field)
{
    size_t len = strlen(p->path);

    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        path_index(p, bit_field_count(msg, field));
    bit_problems_place(p->problems, p->path, p->token.line, p->token.column);
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        parse_submessage(p, msg, field);
    else
        parse_scalar(p, msg, field);
    p->path[len] = '\0';
}

/* The '[' has been taken. */
static void parse_list(struct parser *p, ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field)
{
    if (accept(p, ']'))
        return;
    do {
        parse_element(p, msg, field);
    } while (p->err == 0 && accept(p, ','));
    if (!accept(p, ']') && p->err == 0) {
        expected(p, "',' or ']'");
        while (p->token.kind != BIT_TOKEN_END && !closes(&p->token) && !starts_field(p))
            skip_value(p);
        accept(p, ']');
    }
}

/* The part after the name: the colon, which is optional for messages, and the value or values. */
static void parse_content(struct parser *p, ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field)
{
    if (!accept(p, ':') && field->type != PROTOBUF_C_TYPE_MESSAGE) {
        expected(p, "':'");
        recover(p);
        return;
    }
    if (field->label == PROTOBUF_C_LABEL_REPEATED && accept(p, '['))
        parse_list(p, msg, field);
    else
        parse_element(p, msg, field);
}

/* A second value, or a second member of a oneof. */
static bool is_taken(struct parser *p, const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field, bool seen,
                     const struct bit_token *name)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return false;
    if (!seen && bit_field_oneof_case(msg, field) == 0)
        return false;
    bit_problems_add(p->problems, p->path, name->line, name->column,
                     seen ? "given twice" : "excludes another field that is given already");
    return true;
}

/* "warmup-steps" is three tokens: take them as one name, to report one mistake. */
static void take_dashes(struct parser *p, struct bit_token *name)
{
    while (bit_token_is(&p->token, '-') && p->token.at == name->at + name->len) {
        name->len++;
        advance(p);
        if (p->token.kind == BIT_TOKEN_NAME && p->token.at == name->at + name->len) {
            name->len += p->token.len;
            advance(p);
        }
    }
}

static void parse_field(struct parser *p, ProtobufCMessage *msg, bool *seen)
{
    const ProtobufCMessageDescriptor *desc = msg->descriptor;
    struct bit_token name = p->token;
    const ProtobufCFieldDescriptor *field = NULL;

    if (name.kind != BIT_TOKEN_NAME) {
        expected(p, "a field name");
        if (closes(&p->token))
            advance(p);
        else
            recover(p);
        return;
    }
    advance(p);
    field = bit_field_find(desc, name.at, name.len);
    if (field == NULL || bit_token_is(&p->token, '-')) {
        take_dashes(p, &name);
        bit_text_unknown_field(p->root, desc, p->path, name.at, name.len, name.line, name.column, p->problems);
        accept(p, ':');
        skip_value(p);
        return;
    }
    size_t len = path_push(p, field->name);
    bool *given = &seen[field - desc->fields];
    if (is_taken(p, msg, field, *given, &name)) {
        accept(p, ':');
        skip_value(p);
    } else {
        bit_problems_place(p->problems, p->path, name.line, name.column);
        parse_content(p, msg, field);
    }
    *given = true;
    p->path[len] = '\0';
}

static void parse_fields(struct parser *p, ProtobufCMessage *msg, char close)
{
    const ProtobufCMessageDescriptor *desc = msg->descriptor;
    bool seen[FIELDS_MAX] = {false};

    BIT_ASSERT(desc->n_fields <= FIELDS_MAX);
    while (p->err == 0 && p->token.kind != BIT_TOKEN_END && !bit_token_is(&p->token, close)) {
        parse_field(p, msg, seen);
        /* One separator may follow a field. */
        if (!accept(p, ';'))
            accept(p, ',');
    }
    for (unsigned i = 0; i < desc->n_fields; i++)
        if (desc->fields[i].label == PROTOBUF_C_LABEL_REQUIRED && !seen[i])
            bit_problems_add(p->problems, p->path, p->token.line, p->token.column, "%s is required and not given",
                             desc->fields[i].name);
}

int bit_text_parse_some(const ProtobufCMessageDescriptor *desc, const char *text, size_t bytes, ProtobufCMessage **out,
                        struct bit_problems *problems)
{
    struct parser p = {.problems = problems, .root = desc};
    int before = problems->count;

    if (bytes > BIT_SPEC_BYTES_MAX) {
        bit_problems_add(problems, NULL, 0, 0, "%zu bytes are more than the %u that a text may have", bytes,
                         BIT_SPEC_BYTES_MAX);
        return bit_fail(BIT_ESPEC, "text of %zu bytes", bytes);
    }
    ProtobufCMessage *msg = bit_message_new(desc);
    if (msg == NULL)
        return bit_fail(-ENOMEM, "message %s", desc->name);
    bit_lexer_init(&p.lexer, text, bytes, problems);
    advance(&p);
    parse_fields(&p, msg, '\0');
    if (p.err < 0) {
        protobuf_c_message_free_unpacked(msg, NULL);
        return p.err;
    }
    *out = msg;
    return problems->count > before ? bit_fail(BIT_ESPEC, "text of %s", desc->name) : 0;
}

int bit_text_parse(const ProtobufCMessageDescriptor *desc, const char *text, size_t bytes, ProtobufCMessage **out,
                   struct bit_problems *problems)
{
    ProtobufCMessage *msg = NULL;
    int err = bit_text_parse_some(desc, text, bytes, &msg, problems);

    if (err < 0)
        protobuf_c_message_free_unpacked(msg, NULL);
    else
        *out = msg;
    return err;
}

int bit_text_parse_value(ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field, const char *path,
                         const char *text, size_t bytes, struct bit_problems *problems)
{
    struct bit_problems *found = calloc(1, sizeof *found); /* keeps this text's positions out of `problems` */

    if (found == NULL)
        return bit_fail(-ENOMEM, "problems of %s", path);
    struct parser p = {.problems = found, .root = msg->descriptor, .forgiving = true};

    snprintf(p.path, sizeof p.path, "%s", path);
    bit_lexer_init(&p.lexer, text, bytes, found);
    advance(&p);
    if (field->label == PROTOBUF_C_LABEL_REPEATED && accept(&p, '['))
        parse_list(&p, msg, field);
    else
        parse_element(&p, msg, field);
    if (p.err == 0 && found->count == 0 && p.token.kind != BIT_TOKEN_END)
        expected(&p, "nothing more");
    if (p.err == 0 && found->count > 0)
        p.err = bit_fail(BIT_ESPEC, "value of %s", path);
    for (int i = 0; i < bit_problems_kept(found); i++)
        bit_problems_add(problems, path, 0, 0, "%s", found->item[i].text);
    free(found);
    return p.err;
}
