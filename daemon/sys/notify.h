/* Telling a service manager where we are: the datagram protocol of sd_notify(3), without its library. */
#ifndef BIT_DAEMON_NOTIFY_H
#define BIT_DAEMON_NOTIFY_H

/** Send "READY=1" and the like to $NOTIFY_SOCKET. Without one nothing happens; a failure is nobody's. */
void bit_notify(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** The watchdog of the service manager, where it has one for us: to be called at least twice as often as it bites. */
void bit_notify_alive(void);

#endif
