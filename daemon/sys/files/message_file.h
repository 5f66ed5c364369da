/* Messages as whole files. */
#ifndef BIT_DAEMON_MESSAGE_FILE_H
#define BIT_DAEMON_MESSAGE_FILE_H

#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

/** Write it whole and durable. Errors: -errno, -ENOMEM. */
int bit_message_file_write(const char *path, const ProtobufCMessage *m);
/**
 * Read a file of at most bytes_max bytes, whose message takes at most `budget` bytes when decoded. *out is freed by
 * bit_msg_free.
 * Errors      -errno, -ENOMEM; BIT_ELIMIT if the file is larger; BIT_ECORRUPT if it holds no such message
 */
int bit_message_file_read(const char *path, const ProtobufCMessageDescriptor *desc, size_t bytes_max, size_t budget,
                          ProtobufCMessage **out);

#endif
