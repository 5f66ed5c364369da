/* Telling a service manager where we are: the datagram protocol of sd_notify(3), without its library. */
#ifndef BIT_DAEMON_NOTIFY_H
#define BIT_DAEMON_NOTIFY_H

/** Send "READY=1" and the like to $NOTIFY_SOCKET. Without one nothing happens; a failure is nobody's. */
void bit_notify(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
