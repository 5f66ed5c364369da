#include "ctl/verbs/synopsis.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The next token of "RUN... [--step N] | show FILE", without brackets and dots; false at the end. */
static bool next_token(const char **at, char out[BIT_SYNOPSIS_TOKEN_MAX], bool *option_ends)
{
    const char *text = *at + strspn(*at, " ");
    const size_t bytes = strcspn(text, " ");
    size_t used = 0;

    *option_ends = memchr(text, ']', bytes) != NULL || memchr(text, '=', bytes) != NULL;
    for (size_t i = 0; i < bytes && used + 1 < BIT_SYNOPSIS_TOKEN_MAX; i++)
        if (strchr("[].", text[i]) == NULL)
            out[used++] = text[i];
    out[used] = '\0';
    *at = text + bytes;
    return bytes > 0;
}

static bool has_kind(const struct bit_synopsis_place *place, const char *kind)
{
    for (int i = 0; i < place->count; i++)
        if (strcmp(place->kind[i], kind) == 0)
            return true;
    return false;
}

static void add_kinds(struct bit_synopsis_place *place, const char *token)
{
    char copy[BIT_SYNOPSIS_TOKEN_MAX], *rest = copy;

    snprintf(copy, sizeof copy, "%s", token);
    for (char *one; (one = strsep(&rest, "|")) != NULL;) {
        if (isupper((unsigned char)*one) && strchr(one, '=') == NULL)
            one[strspn(one, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")] = '\0'; /* RUN[#ATTEMPT] */
        if (islower((unsigned char)*one) && strchr(one, '=') != NULL)
            strchr(one, '=')[1] = '\0'; /* priority=N */
        if (*one != '\0' && !has_kind(place, one) && place->count < BIT_SYNOPSIS_KINDS_MAX)
            snprintf(place->kind[place->count++], BIT_SYNOPSIS_TOKEN_MAX, "%s", one);
    }
}

static bool has_word(const char *token, const char *word)
{
    const char *at = strstr(token, word);

    return at != NULL && (at == token || at[-1] == '|') && strchr("|", at[strlen(word)]) != NULL;
}

/* Whether the word begins one of the alternatives of a synopsis ("ls RUN | rm RUN STEP"). */
static bool has_way(const char *synopsis, const char *word)
{
    const char *at = synopsis;
    char token[BIT_SYNOPSIS_TOKEN_MAX];
    bool begins = true, ends;

    while (next_token(&at, token, &ends)) {
        if (begins && islower((unsigned char)token[0]) && has_word(token, word))
            return true;
        begins = strcmp(token, "|") == 0;
    }
    return false;
}

void bit_synopsis_find(const char *synopsis, int before, const char *first, struct bit_synopsis_place *place)
{
    const bool chosen = before > 0 && has_way(synopsis, first);
    const char *at = synopsis;
    char token[BIT_SYNOPSIS_TOKEN_MAX];
    bool begins = true, taken = !chosen, of_option = false, option_ends;

    while (next_token(&at, token, &option_ends)) {
        const bool was_option = of_option, is_option = strncmp(token, "--", 2) == 0;
        const bool way = begins && islower((unsigned char)token[0]);
        of_option = is_option && !option_ends;
        begins = strcmp(token, "|") == 0;
        if (begins)
            taken = !chosen;
        if (begins || was_option || is_option || token[0] == '\0')
            continue;
        if (way)
            taken = before > 0 && has_word(token, first);
        if (way ? before == 0 : taken)
            add_kinds(place, token);
    }
}
