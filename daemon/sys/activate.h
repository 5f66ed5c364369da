/* Sockets that the service manager opened for us, without its library: the protocol of sd_listen_fds(3), three
 * variables that are documented as stable. */
#ifndef BIT_DAEMON_ACTIVATE_H
#define BIT_DAEMON_ACTIVATE_H

/**
 * The listening Unix stream socket that we were started with, for the caller to close, or -1 if there is none. Takes
 * the variables out of our environment, so that nothing we start believes they were meant for it.
 * Errors      BIT_EUSAGE if we were given something else, or more than one
 */
int bit_activate_socket(void);

#endif
