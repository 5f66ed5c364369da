/* Text format's tokens, with their places. */
#ifndef BIT_PROTO_TEXT_LEX_H
#define BIT_PROTO_TEXT_LEX_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/text/problems.h"

enum bit_token_kind {
    BIT_TOKEN_END,
    BIT_TOKEN_NAME,
    BIT_TOKEN_INTEGER, /* decimal, 0x hexadecimal, 0 octal; no sign */
    BIT_TOKEN_FLOAT,
    BIT_TOKEN_STRING, /* with its quotes, escapes not yet looked at */
    BIT_TOKEN_SYMBOL, /* one character */
    BIT_TOKEN_BAD,    /* nothing that text format knows; its problem has been added */
};

struct bit_token {
    enum bit_token_kind kind;
    const char *at; /* borrowed from the text */
    size_t len;
    int line, column; /* from 1; columns count code points */
};

struct bit_lexer {
    const char *at, *end;
    int line;
    const char *counted; /* columns are known up to here */
    int column;
    struct bit_problems *problems;
};

/** Borrows text until the last token is used. A byte order mark at its start is skipped. */
void bit_lexer_init(struct bit_lexer *lexer, const char *text, size_t bytes, struct bit_problems *problems);
struct bit_token bit_lexer_next(struct bit_lexer *lexer);
bool bit_token_is(const struct bit_token *token, char symbol);

/**
 * The bytes that a STRING token stands for, appended to out[*used], where there is room for token->len: no escape
 * stands for more bytes than it takes. False after adding a problem for an escape that is none.
 */
bool bit_token_unescape(const struct bit_token *token, char *out, size_t *used, struct bit_problems *problems,
                        const char *field);

#endif
