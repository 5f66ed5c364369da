/* Splits text format into tokens, with their positions. */
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
    BIT_TOKEN_STRING, /* with its quotes, escapes not yet decoded */
    BIT_TOKEN_SYMBOL, /* one character */
    BIT_TOKEN_BAD,    /* not a token of text format; its problem has been added */
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
    const char *counted; /* column is that of this place */
    int column;
    struct bit_problems *problems;
};

/** Borrows text for as long as tokens are used. A byte order mark at its start is skipped. */
void bit_lexer_init(struct bit_lexer *lexer, const char *text, size_t bytes, struct bit_problems *problems);
struct bit_token bit_lexer_next(struct bit_lexer *lexer);
bool bit_token_is(const struct bit_token *token, char symbol);

/**
 * Append the bytes of a STRING token at out[*used], which must have room for token->len: no escape decodes to more
 * bytes than it has. False after adding a problem for an invalid escape.
 */
bool bit_token_unescape(const struct bit_token *token, char *out, size_t *used, struct bit_problems *problems,
                        const char *field);

#endif
