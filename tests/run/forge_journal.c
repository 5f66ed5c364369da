/*
 * Makes the journal of an ended run as long as that of a run of months: forge_journal JOURNAL COUNT
 * Appends copies of the last step COUNT times, with the next numbers. Prints the size of the file in bytes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/store/journal/journal.h"
#include "daemon/store/journal/journal_record.h"
#include "proto/err.h"
#include "proto/wire/msg.h"

static Bit__JournalRecord *step;

static int keep_step(void *arg, const Bit__JournalRecord *record)
{
    if (record->what_case != BIT__JOURNAL_RECORD__WHAT_STEP)
        return 0;
    bit_msg_free(step);
    step = bit_msg_clone(record);
    return step == NULL ? -ENOMEM : 0;
}

static int append(FILE *file, uint64_t seq)
{
    uint8_t *bytes = NULL;
    size_t size = 0;

    step->seq = seq;
    step->step->step++;
    int err = bit_journal_record_encode(step, &bytes, &size);
    if (err == 0 && fwrite(bytes, 1, size, file) != size)
        err = bit_fail(-EIO, "the journal");
    free(bytes);
    return err;
}

int main(int argc, char **argv)
{
    struct bit_journal journal;
    uint64_t cut = 0, count = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;

    if (count == 0)
        return BIT_EXIT_USAGE;
    int err = bit_journal_open(argv[1], keep_step, NULL, &journal, &cut);
    uint64_t seq = err == 0 ? journal.seq : 0;
    FILE *file = err == 0 && step != NULL ? fopen(argv[1], "ae") : NULL;
    if (file == NULL)
        err = BIT_EDATA;
    for (uint64_t i = 0; i < count && err == 0; i++)
        err = append(file, seq + 1 + i);
    if (file != NULL)
        printf("%jd\n", (intmax_t)ftello(file));
    if (file != NULL && fclose(file) != 0)
        err = BIT_EDATA;
    if (err < 0)
        fprintf(stderr, "forge_journal: %s\n", bit_fail_text());
    return err < 0 ? BIT_EXIT_FAILURE : 0;
}
