/* Telling the service manager that bitd is ready, stops or lives: the datagrams of sd_notify(3), without its
 * library. */
#ifndef BIT_DAEMON_NOTIFY_H
#define BIT_DAEMON_NOTIFY_H

/** Send "READY=1" and the like to $NOTIFY_SOCKET. Nothing happens where that is not set; failures are ignored. */
void bit_notify(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * Tell the service manager's watchdog, where it has one, that bitd lives: to be called at least twice in its interval.
 */
void bit_notify_alive(void);

#endif
