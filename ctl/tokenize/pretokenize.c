#include "ctl/tokenize/pretokenize.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/tokenize/unicode.h"
#include "proto/check.h"
#include "proto/err.h"

/* Where a step sends its pieces: to the next step, the last one to the caller. */
struct walk {
    const struct bit_pretokenizer *p;
    struct bit_pretokenize_scratch *scratch;
    int (*emit)(void *arg, const uint8_t *piece, size_t bytes);
    void *arg;
};

static int run_step(const struct walk *w, int step, const uint8_t *s, size_t bytes);

/* ---- GPT-2's pattern */

/* The classes of ASCII, so that most characters cost one load. */
#define O BIT_UNICODE_OTHER
#define L BIT_UNICODE_LETTER
#define N BIT_UNICODE_NUMBER
#define S BIT_UNICODE_SPACE
static const uint8_t ascii_class[128] = {
    O, O, O, O, O, O, O, O, O, S, S, S, S, S, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, /* controls */
    S, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, N, N, N, N, N, N, N, N, N, N, O, O, O, O, O, O, /* space to ? */
    O, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, O, O, O, O, O, /* @ to _ */
    O, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, O, O, O, O, O, /* ` to DEL */
};
#undef O
#undef L
#undef N
#undef S

static inline enum bit_unicode_class class_at(const uint8_t *s, size_t *step)
{
    if (s[0] < 0x80) {
        *step = 1;
        return (enum bit_unicode_class)ascii_class[s[0]];
    }
    return bit_unicode_class_at(s, step);
}

static inline bool is_digit_at(const uint8_t *s, size_t *step)
{
    if (s[0] >= 0x80)
        return bit_unicode(bit_unicode_decode(s, step))->digit != 0;
    *step = 1;
    return s[0] >= '0' && s[0] <= '9';
}

/* The end of the run of `class` from s[at] on; `at` itself if the character there is of another class. */
static inline size_t run_end(const uint8_t *s, size_t bytes, size_t at, enum bit_unicode_class class)
{
    size_t step;

    while (at < bytes && class_at(s + at, &step) == class)
        at += step;
    return at;
}

/* Length of 's 't 're 've 'm 'll 'd at s, which begins with an apostrophe; 0 if it is none of these. */
static size_t contraction(const uint8_t *s, size_t bytes)
{
    if (bytes < 2)
        return 0;
    switch (s[1]) {
    case 's':
    case 't':
    case 'm':
    case 'd':
        return 2;
    case 'r':
    case 'v':
        return bytes > 2 && s[2] == 'e' ? 3 : 0;
    case 'l':
        return bytes > 2 && s[2] == 'l' ? 3 : 0;
    default:
        return 0;
    }
}

/*
 * White space at the end of the text is one piece. Elsewhere the last character of a run is left for the next piece,
 * unless it is the only one.
 */
static size_t space_end(const uint8_t *s, size_t bytes, size_t at)
{
    size_t step, last = at, end = at;

    while (end < bytes && class_at(s + end, &step) == BIT_UNICODE_SPACE) {
        last = end;
        end += step;
    }
    return end == bytes || last == at ? end : last;
}

size_t bit_gpt2_end(const uint8_t *s, size_t bytes, size_t at)
{
    size_t step, found = 0;
    enum bit_unicode_class class;

    if (s[at] == '\'')
        found = contraction(s + at, bytes - at);
    if (found > 0)
        return at + found;
    class = class_at(s + at, &step);
    if (s[at] == ' ' && at + 1 < bytes) {
        size_t next;
        enum bit_unicode_class after = class_at(s + at + 1, &next);
        if (after != BIT_UNICODE_SPACE)
            return run_end(s, bytes, at + 1 + next, after);
    }
    if (class == BIT_UNICODE_SPACE)
        return space_end(s, bytes, at);
    return run_end(s, bytes, at + step, class);
}

static int run_gpt2(const struct walk *w, int step, const uint8_t *s, size_t bytes)
{
    for (size_t at = 0, end; at < bytes; at = end) {
        end = bit_gpt2_end(s, bytes, at);
        int err = run_step(w, step + 1, s + at, end - at);
        if (err < 0)
            return err;
    }
    return 0;
}

/* ---- the other steps */

int bit_split_regex(const char *pattern, size_t bytes, bool literal, struct bit_split *out)
{
    struct bit_regex *regex;
    int err = bit_regex_create(pattern, bytes, literal, &regex);

    if (err == 0)
        *out = (struct bit_split){.kind = BIT_SPLIT_REGEX, .regex = regex};
    return err;
}

static int regex_piece(const struct walk *w, int step, const uint8_t *s, size_t bytes, bool matched)
{
    const struct bit_split *split = &w->p->steps[step];

    if (bytes == 0 || (split->dropped && matched != split->invert))
        return 0;
    return run_step(w, step + 1, s, bytes);
}

/* The position `count` characters after s[at]. */
static size_t skip(const uint8_t *s, size_t at, size_t count)
{
    while (count-- > 0)
        at += bit_unicode_bytes(s[at]);
    return at;
}

/* An empty match cuts too. */
static int run_regex(const struct walk *w, int step, const uint8_t *s, size_t bytes)
{
    struct bit_regex_search *search = &w->scratch->search[step];
    size_t done = 0, done_chars = 0, begin, end; /* the last two in characters */
    int err = bit_regex_begin(search, w->p->steps[step].regex, s, bytes);

    while (err == 0 && (err = bit_regex_next(search, &begin, &end)) > 0) {
        size_t from = skip(s, done, begin - done_chars), to = skip(s, from, end - begin);
        err = regex_piece(w, step, s + done, from - done, false);
        if (err == 0)
            err = regex_piece(w, step, s + from, to - from, true);
        done = to;
        done_chars = end;
    }
    return err < 0 ? err : regex_piece(w, step, s + done, bytes - done, false);
}

/* The end of the run of digits, or of other characters, that begins at s[at]. */
static size_t digits_end(const uint8_t *s, size_t bytes, size_t at, bool single)
{
    size_t width;
    const bool digit = is_digit_at(s + at, &width);

    for (at += width; at < bytes && !(digit && single) && is_digit_at(s + at, &width) == digit;)
        at += width;
    return at;
}

static int run_digits(const struct walk *w, int step, const uint8_t *s, size_t bytes)
{
    for (size_t at = 0, end; at < bytes; at = end) {
        end = digits_end(s, bytes, at, w->p->steps[step].single);
        int err = run_step(w, step + 1, s + at, end - at);
        if (err < 0)
            return err;
    }
    return 0;
}

static int run_prefix(const struct walk *w, int step, const uint8_t *s, size_t bytes)
{
    struct bit_pretokenize_scratch *scratch = w->scratch;

    if (s[0] == ' ')
        return run_step(w, step + 1, s, bytes);
    if (scratch->prefixed_room < bytes + 1) {
        size_t room = bytes + bytes / 2 + 64;
        uint8_t *text = realloc(scratch->prefixed, room);
        if (text == NULL)
            return bit_fail(-ENOMEM, "a piece of %zu bytes", bytes);
        scratch->prefixed = text;
        scratch->prefixed_room = room;
    }
    scratch->prefixed[0] = ' ';
    memcpy(scratch->prefixed + 1, s, bytes);
    return run_step(w, step + 1, scratch->prefixed, bytes + 1);
}

static int run_step(const struct walk *w, int step, const uint8_t *s, size_t bytes)
{
    if (step == w->p->count)
        return w->emit(w->arg, s, bytes);
    switch (w->p->steps[step].kind) {
    case BIT_SPLIT_GPT2:
        return run_gpt2(w, step, s, bytes);
    case BIT_SPLIT_REGEX:
        return run_regex(w, step, s, bytes);
    case BIT_SPLIT_DIGITS:
        return run_digits(w, step, s, bytes);
    case BIT_SPLIT_PREFIX:
        return run_prefix(w, step, s, bytes);
    }
    BIT_ASSERT(!"a step has a kind");
    return 0;
}

int bit_pretokenize(const struct bit_pretokenizer *p, struct bit_pretokenize_scratch *scratch, const uint8_t *text,
                    size_t bytes, int (*emit)(void *arg, const uint8_t *piece, size_t bytes), void *arg)
{
    const struct walk w = {p, scratch, emit, arg};

    return bytes == 0 ? 0 : run_step(&w, 0, text, bytes);
}

void bit_pretokenizer_finish(struct bit_pretokenizer *p)
{
    for (int i = 0; i < p->count; i++)
        bit_regex_destroy(p->steps[i].regex);
    *p = (struct bit_pretokenizer){0};
}

void bit_pretokenize_scratch_finish(struct bit_pretokenize_scratch *scratch)
{
    for (size_t i = 0; i < BIT_COUNT(scratch->search); i++)
        bit_regex_search_finish(&scratch->search[i]);
    free(scratch->prefixed);
    *scratch = (struct bit_pretokenize_scratch){0};
}
