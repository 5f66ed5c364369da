/*
 * Prints a run's journal without a daemon, one record a line as JSON: print_journal STATE/runs/r1/journal
 * Prints what `bitctl events --steps --json` prints, for a copied state folder or one whose bitd does not start. Only
 * reads. A damaged record ends it with an error that names the byte.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/store/journal/journal.h"
#include "daemon/store/journal/journal_record.h"
#include "daemon/sys/files/fileio.h"
#include "proto/err.h"
#include "proto/text/json.h"
#include "proto/wire/msg.h"

static int print(const Bit__JournalRecord *record)
{
    char *line = NULL;
    int err = bit_json_print(&record->base, &line, NULL);

    if (err == 0)
        puts(line);
    free(line);
    return err;
}

static int print_all(const uint8_t *journal, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        Bit__JournalRecord *record = NULL;
        int64_t taken = bit_journal_record_decode(journal + at, bytes - at, &record);
        int err = taken > 0 ? print(record) : taken < 0 ? (int)taken : bit_fail(BIT_ECORRUPT, "a torn record");
        bit_msg_free(record);
        if (err < 0)
            return bit_fail_within(err, "at byte %zu of %zu", at, bytes);
        at += (size_t)taken;
    }
    return 0;
}

int main(int argc, char **argv)
{
    uint8_t *journal = NULL;
    size_t bytes = 0;

    if (argc != 2) {
        fputs("usage: print_journal STATE/runs/RUN/journal\n", stderr);
        return BIT_EXIT_USAGE;
    }
    int err = bit_file_read(argv[1], SIZE_MAX / 2, &journal, &bytes);
    if (err == 0)
        err = print_all(journal, bytes);
    free(journal);
    fflush(stdout); /* the records come before the error */
    if (err < 0)
        fprintf(stderr, "%s: %s\n", argv[1], bit_fail_text());
    return err < 0 ? bit_exit_code(err) : 0;
}
