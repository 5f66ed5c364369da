/* Sockets that the service manager opened for bitd. Implements the protocol of sd_listen_fds(3) without its library:
 * three environment variables that are documented as stable. */
#ifndef BIT_DAEMON_ACTIVATE_H
#define BIT_DAEMON_ACTIVATE_H

/**
 * The listening Unix stream socket that bitd was started with, for the caller to close, or -1 if there is none. Removes
 * the variables from the environment, so that child processes do not take them for theirs.
 * Errors      BIT_EUSAGE if bitd was given anything else, or more than one
 */
int bit_activate_socket(void);

#endif
