/* Source      protobuf.dev, "Text Format Language Specification"; stricter: a string must end on its line, and a letter
 *             must not follow a number. */
#include "proto/text/text_lex.h"

#include <stdint.h>
#include <string.h>

#include "proto/utf8.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name(char c)
{
    return is_name_start(c) || is_digit(c);
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Code points in [from, to): continuation bytes do not count. */
static int columns_between(const char *from, const char *to)
{
    int columns = 0;

    for (const char *p = from; p < to; p++)
        columns += (*p & 0xc0) != 0x80;
    return columns;
}

static char peek(const struct bit_lexer *lexer, size_t ahead)
{
    return (size_t)(lexer->end - lexer->at) > ahead ? lexer->at[ahead] : '\0';
}

void bit_lexer_init(struct bit_lexer *lexer, const char *text, size_t bytes, struct bit_problems *problems)
{
    size_t mark = bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

    *lexer = (struct bit_lexer){
        .at = text + mark, .end = text + bytes, .line = 1, .counted = text + mark, .column = 1, .problems = problems};
}

static void skip_blanks(struct bit_lexer *lexer)
{
    for (; lexer->at < lexer->end; lexer->at++) {
        char c = *lexer->at;
        if (c == '#') {
            const char *newline = memchr(lexer->at, '\n', (size_t)(lexer->end - lexer->at));
            lexer->at = newline != NULL ? newline : lexer->end;
            if (newline == NULL)
                return;
            c = '\n';
        }
        if (c == '\n') {
            lexer->line++;
            lexer->counted = lexer->at + 1;
            lexer->column = 1;
        } else if (c != ' ' && c != '\t' && c != '\r' && c != '\v' && c != '\f') {
            return;
        }
    }
}

static void take_digits(struct bit_lexer *lexer)
{
    while (is_digit(peek(lexer, 0)))
        lexer->at++;
}

/* False if the exponent has no digits: then the token is not a number. */
static bool take_exponent(struct bit_lexer *lexer)
{
    lexer->at++;
    if (peek(lexer, 0) == '+' || peek(lexer, 0) == '-')
        lexer->at++;
    if (!is_digit(peek(lexer, 0)))
        return false;
    take_digits(lexer);
    return true;
}

static enum bit_token_kind take_decimal(struct bit_lexer *lexer)
{
    const char *start = lexer->at;
    enum bit_token_kind kind = BIT_TOKEN_INTEGER;

    take_digits(lexer);
    size_t whole = (size_t)(lexer->at - start);
    if (peek(lexer, 0) == '.') {
        kind = BIT_TOKEN_FLOAT;
        lexer->at++;
        take_digits(lexer);
    }
    if ((peek(lexer, 0) | 0x20) == 'e') {
        kind = BIT_TOKEN_FLOAT;
        if (!take_exponent(lexer))
            return BIT_TOKEN_BAD;
    }
    if ((peek(lexer, 0) | 0x20) == 'f') {
        kind = BIT_TOKEN_FLOAT;
        lexer->at++;
    }
    /* A leading zero means octal. */
    if (whole > 1 && *start == '0') {
        for (size_t i = 1; i < whole; i++)
            if (start[i] > '7')
                return BIT_TOKEN_BAD;
        if (kind == BIT_TOKEN_FLOAT)
            return BIT_TOKEN_BAD;
    }
    return kind;
}

static enum bit_token_kind take_number(struct bit_lexer *lexer)
{
    enum bit_token_kind kind = BIT_TOKEN_INTEGER;

    if (peek(lexer, 0) == '0' && (peek(lexer, 1) | 0x20) == 'x') {
        lexer->at += 2;
        if (hex_value(peek(lexer, 0)) < 0)
            kind = BIT_TOKEN_BAD;
        while (hex_value(peek(lexer, 0)) >= 0)
            lexer->at++;
    } else {
        kind = take_decimal(lexer);
    }
    while (is_name(peek(lexer, 0)) || peek(lexer, 0) == '.') {
        kind = BIT_TOKEN_BAD;
        lexer->at++;
    }
    return kind;
}

static enum bit_token_kind take_string(struct bit_lexer *lexer)
{
    char quote = *lexer->at++;

    for (; lexer->at < lexer->end && *lexer->at != '\n'; lexer->at++) {
        if (*lexer->at == quote) {
            lexer->at++;
            return BIT_TOKEN_STRING;
        }
        if (*lexer->at == '\\' && lexer->at + 1 < lexer->end && lexer->at[1] != '\n')
            lexer->at++;
    }
    return BIT_TOKEN_BAD;
}

/* Skips one code point or one invalid byte, so that the next token starts after it. */
static void take_garbage(struct bit_lexer *lexer)
{
    uint32_t code;
    size_t len = bit_utf8_decode(lexer->at, (size_t)(lexer->end - lexer->at), &code);

    lexer->at += len > 0 ? len : 1;
}

static void add_problem(const struct bit_lexer *lexer, const struct bit_token *token)
{
    char c = *token->at;
    int show = token->len < 40 ? (int)token->len : 40;

    if (c == '"' || c == '\'')
        bit_problems_add(lexer->problems, NULL, token->line, token->column,
                         "a string that does not end on its line (continue it with new quotes on the next)");
    else if (is_digit(c) || (c == '.' && token->len > 1))
        bit_problems_add(lexer->problems, NULL, token->line, token->column, "'%.*s' is not a number", show, token->at);
    else if (c == '=')
        bit_problems_add(lexer->problems, NULL, token->line, token->column,
                         "'=' has no meaning here; a value follows ':'");
    else if (c > ' ' && c < 0x7f)
        bit_problems_add(lexer->problems, NULL, token->line, token->column, "'%c' has no meaning here", c);
    else
        bit_problems_add(lexer->problems, NULL, token->line, token->column, "byte 0x%02x outside a string or a comment",
                         (unsigned char)c);
}

struct bit_token bit_lexer_next(struct bit_lexer *lexer)
{
    skip_blanks(lexer);

    lexer->column += columns_between(lexer->counted, lexer->at);
    lexer->counted = lexer->at;
    struct bit_token token = {.kind = BIT_TOKEN_END, .at = lexer->at, .line = lexer->line, .column = lexer->column};
    if (lexer->at == lexer->end)
        return token;

    char c = *lexer->at;
    if (is_name_start(c)) {
        token.kind = BIT_TOKEN_NAME;
        while (is_name(peek(lexer, 0)))
            lexer->at++;
    } else if (is_digit(c) || (c == '.' && is_digit(peek(lexer, 1)))) {
        token.kind = take_number(lexer);
    } else if (c == '"' || c == '\'') {
        token.kind = take_string(lexer);
    } else if (strchr("{}<>[]:;,-/", c) != NULL && c != '\0') {
        token.kind = BIT_TOKEN_SYMBOL;
        lexer->at++;
    } else {
        token.kind = BIT_TOKEN_BAD;
        take_garbage(lexer);
    }
    token.len = (size_t)(lexer->at - token.at);
    if (token.kind == BIT_TOKEN_BAD)
        add_problem(lexer, &token);
    return token;
}

bool bit_token_is(const struct bit_token *token, char symbol)
{
    return token->kind == BIT_TOKEN_SYMBOL && *token->at == symbol;
}

/* Up to `most` digits of the base; returns how many there were. */
static int take_code(const char **at, const char *end, int base, int most, uint32_t *code)
{
    int count = 0;

    for (*code = 0; count < most && *at < end; count++, (*at)++) {
        int digit = hex_value(**at);
        if (digit < 0 || digit >= base)
            break;
        *code = *code * (uint32_t)base + (uint32_t)digit;
    }
    return count;
}

/* \u and \U; two \u may be a surrogate pair. Returns the bytes written, 0 if it is not a code point. */
static size_t unescape_unicode(const char **at, const char *end, char kind, char *out)
{
    uint32_t code, low;
    int digits = kind == 'u' ? 4 : 8;

    if (take_code(at, end, 16, digits, &code) != digits)
        return 0;
    if (code >= 0xd800 && code < 0xdc00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u') {
        *at += 2;
        if (take_code(at, end, 16, 4, &low) != 4 || low < 0xdc00 || low >= 0xe000)
            return 0;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 0;
    return bit_utf8_encode(code, out);
}

/* One escape; *at is after the backslash. Returns the bytes written, 0 if the escape is invalid. */
static size_t unescape(const char **at, const char *end, char *out)
{
    static const char plain[] = "abfnrtv\\'\"?", means[] = "\a\b\f\n\r\t\v\\'\"?";
    char c = **at;
    const char *found = c != '\0' ? strchr(plain, c) : NULL;
    uint32_t code = 0;

    if (found != NULL) {
        ++*at;
        *out = means[found - plain];
        return 1;
    }
    if (c >= '0' && c <= '7') {
        take_code(at, end, 8, 3, &code);
        *out = (char)code;
        return code <= 0xff;
    }
    ++*at;
    if (c == 'x') {
        bool any = take_code(at, end, 16, 2, &code) > 0;
        *out = (char)code;
        return any;
    }
    return c == 'u' || c == 'U' ? unescape_unicode(at, end, c, out) : 0;
}

bool bit_token_unescape(const struct bit_token *token, char *out, size_t *used, struct bit_problems *problems,
                        const char *field)
{
    const char *at = token->at + 1, *end = token->at + token->len - 1;
    bool good = true;

    while (at < end) {
        if (*at != '\\') {
            out[(*used)++] = *at++;
            continue;
        }
        const char *start = at++;
        size_t len = unescape(&at, end, out + *used);
        *used += len;
        if (len == 0) {
            int column = token->column + columns_between(token->at, start);
            bit_problems_add(problems, field, token->line, column, "'%.*s' is not an escape", (int)(at - start), start);
            good = false;
        }
    }
    return good;
}
