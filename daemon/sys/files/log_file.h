/* bitd's log in a file of its own. */
#ifndef BIT_DAEMON_LOG_FILE_H
#define BIT_DAEMON_LOG_FILE_H

/**
 * Redirect stderr to the file at `path`, appending; mode 0600 if it is new. Call it again after the file was renamed,
 * as logrotate does: later lines go to a new file.
 * Errors      -errno, naming the file; stderr stays where it was
 */
int bit_log_file_open(const char *path);

#endif
