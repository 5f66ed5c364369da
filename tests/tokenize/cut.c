/* cut PATTERN isolated|removed, or cut digit|digits (each alone, or runs of them): reads texts from stdin, each after
 * its length in a little-endian u32, and prints the pieces that a Split by the pattern makes of each: their number, and
 * where each begins and ends, all u32. Exit 2, and the reason on stderr, for a pattern that is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/tokenize/pretokenize.h"
#include "proto/err.h"

struct pieces {
    const uint8_t *text;
    uint32_t *range;
    size_t count, room;
};

static int take(void *arg, const uint8_t *piece, size_t bytes)
{
    struct pieces *p = arg;

    if (p->count == p->room) {
        size_t room = p->room * 2 + 64;
        uint32_t *range = realloc(p->range, room * 2 * sizeof *range);
        if (range == NULL)
            return bit_fail(-ENOMEM, "%zu pieces", room);
        p->range = range;
        p->room = room;
    }
    p->range[p->count * 2] = (uint32_t)(piece - p->text);
    p->range[p->count * 2 + 1] = (uint32_t)(piece - p->text + (ptrdiff_t)bytes);
    p->count++;
    return 0;
}

static int cut_one(const struct bit_pretokenizer *p, struct bit_pretokenize_scratch *scratch, struct pieces *pieces,
                   size_t bytes)
{
    pieces->count = 0;
    int err = bit_pretokenize(p, scratch, pieces->text, bytes, take, pieces);
    if (err < 0)
        return err;
    uint32_t count = (uint32_t)pieces->count;
    fwrite(&count, sizeof count, 1, stdout);
    if (count > 0)
        fwrite(pieces->range, 2 * sizeof *pieces->range, count, stdout);
    return 0;
}

static int cut_all(const struct bit_pretokenizer *p)
{
    struct bit_pretokenize_scratch scratch = {0};
    struct pieces pieces = {0};
    uint8_t *text = NULL;
    uint32_t bytes;
    int err = 0;

    while (err == 0 && fread(&bytes, sizeof bytes, 1, stdin) == 1) {
        free(text);
        text = malloc((size_t)bytes + 1);
        pieces.text = text;
        if (text == NULL || fread(text, 1, bytes, stdin) != bytes)
            err = bit_fail(-EIO, "a text of %u bytes", bytes);
        else
            err = cut_one(p, &scratch, &pieces, bytes);
    }
    bit_pretokenize_scratch_finish(&scratch);
    free(pieces.range);
    free(text);
    return err;
}

/* 0, or < 0 for a pattern that is refused. */
static int take_step(int argc, char **argv, struct bit_split *step)
{
    if (argc == 2) {
        *step = (struct bit_split){.kind = BIT_SPLIT_DIGITS, .single = strcmp(argv[1], "digit") == 0};
        return 0;
    }
    int err = argc == 3 ? bit_split_regex(argv[1], strlen(argv[1]), false, step) : bit_fail(BIT_EUSAGE, "cut");
    step->dropped = argc == 3 && strcmp(argv[2], "removed") == 0;
    return err;
}

int main(int argc, char **argv)
{
    struct bit_pretokenizer p = {.count = 1};
    int code = BIT_EXIT_USAGE;

    if (take_step(argc, argv, &p.steps[0]) == 0)
        code = cut_all(&p) < 0 ? BIT_EXIT_FAILURE : BIT_EXIT_OK;
    if (code != BIT_EXIT_OK)
        fprintf(stderr, "%s\n", bit_fail_text());
    bit_pretokenizer_finish(&p);
    return code;
}
