#include "ctl/tokenize/nfc.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/tokenize/unicode.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/utf8.h"

#define DECOMPOSED_MAX 4 /* most characters in one decomposition */

/*
 * A part of the text that can be normalised alone: it starts at, and ends before, a starter that is stable and so
 * never joins the character before it.
 */
struct stretch {
    size_t begin, end;
};

/* Number of ASCII bytes at s, rounded down to a multiple of 8. */
static inline size_t ascii_bytes(const uint8_t *s, size_t bytes)
{
    uint64_t word;
    size_t at = 0;

    for (; bytes - at >= sizeof word; at += sizeof word) {
        memcpy(&word, s + at, sizeof word);
        if ((word & 0x8080808080808080u) != 0)
            break;
    }
    return at;
}

/* Find the next stretch at or after `from` that may not be in form C. False if there is none. */
static bool find_stretch(const uint8_t *s, size_t bytes, size_t from, struct stretch *out)
{
    size_t begin = from, at = from, step;
    uint8_t last_ccc = 0;

    for (; at < bytes; at += step) {
        if (s[at] < 0xcc) { /* below U+0300: all are stable starters */
            step = ascii_bytes(s + at, bytes - at);
            begin = step > 0 ? at + step - 1 : at;
            step = step > 0 ? step : bit_unicode_bytes(s[at]);
            last_ccc = 0;
            continue;
        }
        const struct bit_unicode *u = bit_unicode(bit_unicode_decode(s + at, &step));
        if (u->unstable || (u->ccc != 0 && u->ccc < last_ccc))
            break;
        if (u->ccc == 0)
            begin = at;
        last_ccc = u->ccc;
    }
    if (at >= bytes)
        return false;
    for (; at < bytes; at += step) {
        const struct bit_unicode *u = bit_unicode(bit_unicode_decode(s + at, &step));
        if (!u->unstable && u->ccc == 0)
            break;
    }
    *out = (struct stretch){begin, at};
    return true;
}

static int reserve_chars(struct bit_nfc *nfc, size_t room)
{
    if (room <= nfc->chars_room)
        return 0;
    room += room / 2 + 64;
    struct bit_nfc_char *chars = realloc(nfc->chars, room * sizeof *chars);
    if (chars != NULL)
        nfc->chars = chars;
    struct bit_nfc_char *sorted = realloc(nfc->sorted, room * sizeof *sorted);
    if (sorted != NULL)
        nfc->sorted = sorted;
    if (chars == NULL || sorted == NULL)
        return bit_fail(-ENOMEM, "normalising %zu characters", room);
    nfc->chars_room = room;
    return 0;
}

static int reserve_text(struct bit_nfc *nfc, size_t room)
{
    if (room <= nfc->text_room)
        return 0;
    room += room / 2 + 64;
    uint8_t *text = realloc(nfc->text, room);
    if (text == NULL)
        return bit_fail(-ENOMEM, "normalising %zu bytes", room);
    nfc->text = text;
    nfc->text_room = room;
    return 0;
}

/* The full canonical decomposition of c: repeatedly decomposes the first part. Returns the number of characters. */
static size_t decompose(uint32_t c, struct bit_nfc_char *out)
{
    uint32_t part[2], tail[DECOMPOSED_MAX];
    size_t tails = 0, count = 0;

    for (int parts; (parts = bit_unicode_decompose(c, part)) != 0; c = part[0]) {
        if (parts == 2) {
            BIT_ASSERT(tails < DECOMPOSED_MAX - 1);
            tail[tails++] = part[1];
        }
    }
    out[count++] = (struct bit_nfc_char){c, bit_unicode(c)->ccc};
    while (tails > 0) {
        c = tail[--tails];
        out[count++] = (struct bit_nfc_char){c, bit_unicode(c)->ccc};
    }
    return count;
}

/* Sort a run of non-starters stably by combining class: short runs by insertion, longer ones by counting. */
static void order_run(struct bit_nfc_char *run, struct bit_nfc_char *sorted, size_t count)
{
    size_t place[257] = {0};

    if (count <= 16) {
        for (size_t i = 1; i < count; i++) {
            struct bit_nfc_char c = run[i];
            size_t j = i;
            for (; j > 0 && run[j - 1].ccc > c.ccc; j--)
                run[j] = run[j - 1];
            run[j] = c;
        }
        return;
    }
    for (size_t i = 0; i < count; i++)
        place[run[i].ccc + 1]++;
    for (size_t i = 1; i < BIT_COUNT(place); i++)
        place[i] += place[i - 1];
    for (size_t i = 0; i < count; i++)
        sorted[place[run[i].ccc]++] = run[i];
    memcpy(run, sorted, count * sizeof *run);
}

static void order(struct bit_nfc *nfc, size_t count)
{
    for (size_t i = 0; i < count;) {
        size_t end = i + 1;
        if (nfc->chars[i].ccc != 0) {
            while (end < count && nfc->chars[end].ccc != 0)
                end++;
            order_run(nfc->chars + i, nfc->sorted, end - i);
        }
        i = end;
    }
}

/*
 * Join characters to the last starter where no character between has the same or a higher class. Returns how many are
 * left.
 */
static size_t compose(struct bit_nfc_char *chars, size_t count)
{
    size_t starter = SIZE_MAX, kept = 0;

    for (size_t i = 0; i < count; i++) {
        struct bit_nfc_char c = chars[i];
        if (starter != SIZE_MAX) {
            bool adjacent = kept == starter + 1;
            bool open = adjacent || (chars[kept - 1].ccc != 0 && chars[kept - 1].ccc < c.ccc);
            uint32_t whole = open ? bit_unicode_compose(chars[starter].c, c.c) : 0;
            if (whole != 0) {
                chars[starter].c = whole;
                continue;
            }
        }
        if (c.ccc == 0)
            starter = kept;
        chars[kept++] = c;
    }
    return kept;
}

static int normalise_stretch(struct bit_nfc *nfc, const uint8_t *s, struct stretch stretch)
{
    size_t count = 0, step;
    int err;

    for (size_t at = stretch.begin; at < stretch.end; at += step) {
        err = reserve_chars(nfc, count + DECOMPOSED_MAX);
        if (err < 0)
            return err;
        count += decompose(bit_unicode_decode(s + at, &step), nfc->chars + count);
    }
    order(nfc, count);
    count = compose(nfc->chars, count);
    err = reserve_text(nfc, nfc->text_bytes + count * 4);
    if (err < 0)
        return err;
    for (size_t i = 0; i < count; i++)
        nfc->text_bytes += bit_utf8_encode(nfc->chars[i].c, (char *)nfc->text + nfc->text_bytes);
    return 0;
}

static int append(struct bit_nfc *nfc, const uint8_t *s, size_t bytes)
{
    int err = reserve_text(nfc, nfc->text_bytes + bytes);

    if (err < 0)
        return err;
    if (bytes > 0)
        memcpy(nfc->text + nfc->text_bytes, s, bytes);
    nfc->text_bytes += bytes;
    return 0;
}

int bit_nfc(struct bit_nfc *nfc, const uint8_t *text, size_t bytes)
{
    struct stretch stretch;
    size_t done = 0;
    int err;

    if (!find_stretch(text, bytes, 0, &stretch))
        return 0;
    nfc->text_bytes = 0;
    do {
        err = append(nfc, text + done, stretch.begin - done);
        if (err == 0)
            err = normalise_stretch(nfc, text, stretch);
        if (err < 0)
            return err;
        done = stretch.end;
    } while (find_stretch(text, bytes, done, &stretch));
    err = append(nfc, text + done, bytes - done);
    return err < 0 ? err : 1;
}

void bit_nfc_finish(struct bit_nfc *nfc)
{
    free(nfc->text);
    free(nfc->chars);
    free(nfc->sorted);
    *nfc = (struct bit_nfc){0};
}
