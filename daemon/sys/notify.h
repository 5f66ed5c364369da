/* Tells the service manager that bitd is ready, stopping or alive, by the datagrams of sd_notify(3), without its
 * library. */
#ifndef BIT_DAEMON_NOTIFY_H
#define BIT_DAEMON_NOTIFY_H

/** Send "READY=1" and the like to $NOTIFY_SOCKET. Does nothing if that is not set; failures are ignored. */
void bit_notify(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * Tell the service manager's watchdog, if there is one, that bitd is alive. Call it at least twice per interval.
 */
void bit_notify_alive(void);

#endif
