/* bitd's log in a file of its own, instead of where its stderr goes. */
#ifndef BIT_DAEMON_LOG_FILE_H
#define BIT_DAEMON_LOG_FILE_H

/**
 * From here on stderr is the file at `path`, appended to, mode 0600 if it is new. Again after it was renamed, as
 * logrotate does: the lines that follow are in the new one.
 * Errors      -errno, naming the file; stderr stays where it was
 */
int bit_log_file_open(const char *path);

#endif
