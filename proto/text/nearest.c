#include "proto/text/nearest.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "proto/check.h"

static char fold(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c == '-' ? '_' : c;
}

/* Three rows of the dynamic programming table, because a swap looks two rows back. */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned row[3][BIT_NEAREST_WORD_MAX + 1];

    for (size_t j = 0; j <= b_len; j++)
        row[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            char x = fold(a[i - 1]), y = fold(b[j - 1]);
            unsigned best = last[j - 1] + (x != y);
            best = BIT_MIN(best, last[j] + 1);
            best = BIT_MIN(best, now[j - 1] + 1);
            if (i > 1 && j > 1 && x == fold(b[j - 2]) && y == fold(a[i - 2]))
                best = BIT_MIN(best, before[j - 2] + 1);
            now[j] = best;
        }
    }
    return row[a_len % 3][b_len];
}

static bool same(const char *a, const char *b)
{
    while (*a != '\0' && fold(*a) == fold(*b)) {
        a++;
        b++;
    }
    return *a == *b;
}

/* Words that are far from the name that is meant, and may be nearer to another one. */
static bool is_other_word_for(const char *word, const char *name)
{
    static const struct {
        const char *word, *name;
    } others[] = {{"gpu", "CUDA"}, {"nvidia", "CUDA"}, {"slurm", "SRUN"}, {"processor", "CPU"}};

    for (size_t i = 0; i < BIT_COUNT(others); i++)
        if (strcmp(name, others[i].name) == 0 && same(word, others[i].word))
            return true;
    return false;
}

static bool begins_with(const char *name, const char *word)
{
    while (*word != '\0' && fold(*name) == fold(*word)) {
        name++;
        word++;
    }
    return *word == '\0';
}

void bit_nearest_init(struct bit_nearest *n, const char *word, size_t len)
{
    *n = (struct bit_nearest){.distance = UINT_MAX};
    if (len <= BIT_NEAREST_WORD_MAX)
        memcpy(n->word, word, len);
}

void bit_nearest_offer(struct bit_nearest *n, const char *name)
{
    size_t len = strlen(name);

    if (n->word[0] == '\0' || len > BIT_NEAREST_WORD_MAX)
        return;
    unsigned d = is_other_word_for(n->word, name) ? 0 : distance(n->word, strlen(n->word), name, len);
    if (d < n->distance) {
        n->distance = d;
        n->best = name;
    }
    if (strlen(n->word) >= 3 && begins_with(name, n->word) && n->longer_count++ == 0)
        n->longer = name;
}

const char *bit_nearest_name(const struct bit_nearest *n)
{
    unsigned limit = BIT_MAX(1u, (unsigned)strlen(n->word) / 3);

    if (n->best != NULL && n->distance <= limit)
        return n->best;
    return n->longer_count == 1 ? n->longer : NULL;
}

const char *bit_nearest_find(const char *word, const char *const *names)
{
    struct bit_nearest nearest;

    bit_nearest_init(&nearest, word, strlen(word));
    for (; *names != NULL; names++) {
        if (strcmp(word, *names) == 0)
            return NULL;
        bit_nearest_offer(&nearest, *names);
    }
    return bit_nearest_name(&nearest);
}

const char *bit_nearest_hint(const char *word, const char *const *names, char out[BIT_NEAREST_HINT])
{
    const char *meant = bit_nearest_find(word, names);

    snprintf(out, BIT_NEAREST_HINT, "%s%s%s", meant ? "; did you mean " : "", meant ? meant : "", meant ? "?" : "");
    return out;
}
