/* Files that are there whole or not at all. */
#ifndef BIT_CTL_WHOLE_FILE_H
#define BIT_CTL_WHOLE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Make a folder and those above it, where they are not there. Errors: -errno naming the folder; -ENAMETOOLONG. */
int bit_whole_file_folders(const char *path);
/**
 * Write FOLDER/NAME: as NAME.partial, which is synced and renamed. The folder is made if it is not there.
 * Returns     0, or 1 if the file was there already with these bytes
 * Errors      -EEXIST if it was there with others, unless `force`; BIT_EBUSY while another process writes there;
 *             -errno. Nothing half-written stays.
 */
int bit_whole_file_write(const char *folder, const char *name, const uint8_t *bytes, size_t count, bool force);

#endif
