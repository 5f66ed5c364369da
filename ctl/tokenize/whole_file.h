/* Writes files atomically: a file is either complete or absent. */
#ifndef BIT_CTL_WHOLE_FILE_H
#define BIT_CTL_WHOLE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Make a folder and its parents if they are missing. Errors: -errno naming the folder; -ENAMETOOLONG. */
int bit_whole_file_folders(const char *path);
/**
 * Write FOLDER/NAME atomically: NAME.partial is written, synced and renamed. The folder is created if missing.
 * Returns     0, or 1 if the file existed already with these bytes
 * Errors      -EEXIST if it existed with other bytes, unless `force`; BIT_EBUSY while another process writes there;
 *             -errno. No partial file stays.
 */
int bit_whole_file_write(const char *folder, const char *name, const uint8_t *bytes, size_t count, bool force);

#endif
