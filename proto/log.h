/* One line an event, key=value, to stderr: "2026-11-22T13:40:01.123Z info launch: spawned run=r7 rank=0 pid=4242". */
#ifndef BIT_PROTO_LOG_H
#define BIT_PROTO_LOG_H

enum bit_log_level { BIT_LOG_ERROR, BIT_LOG_WARN, BIT_LOG_INFO, BIT_LOG_DEBUG };

/* Each .c file that logs has this at its top. */
#define BIT_LOG_TOPIC(name) static const char *const bit_log_topic = name

/** Drop lines above `level`. If stderr is systemd's journal ($JOURNAL_STREAM), lines have <N> priorities and no time.
 * Call once, before threads start. */
void bit_log_init(enum bit_log_level level);
/** "error", "warn", "info" or "debug" to its level; -EINVAL otherwise. */
int bit_log_level_parse(const char *text);
/** Pairs to add to every later line of this process: "run=%s rank=%d". */
void bit_log_context(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define bit_error(event, ...) bit_log_line(BIT_LOG_ERROR, bit_log_topic, event, __VA_ARGS__)
#define bit_warn(event, ...)  bit_log_line(BIT_LOG_WARN, bit_log_topic, event, __VA_ARGS__)
#define bit_info(event, ...)  bit_log_line(BIT_LOG_INFO, bit_log_topic, event, __VA_ARGS__)
#define bit_debug(event, ...) bit_log_line(BIT_LOG_DEBUG, bit_log_topic, event, __VA_ARGS__)

/** fmt is a list of pairs for pairs.h, which quotes the values; "%s" with "" for an event without pairs. topic and
 * event are literals. One write(2) a line. */
void bit_log_line(enum bit_log_level level, const char *topic, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
