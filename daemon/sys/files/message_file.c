#include "daemon/sys/files/message_file.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/sys/files/fileio.h"
#include "proto/err.h"
#include "proto/wire/msg.h"

int bit_message_file_write(const char *path, const ProtobufCMessage *m)
{
    uint8_t *buf = malloc(protobuf_c_message_get_packed_size(m) + 1);

    if (buf == NULL)
        return bit_fail(-ENOMEM, "%s", path);
    int err = bit_file_write(path, buf, protobuf_c_message_pack(m, buf));
    free(buf);
    return err;
}

int bit_message_file_read(const char *path, const ProtobufCMessageDescriptor *desc, size_t bytes_max, size_t budget,
                          ProtobufCMessage **out)
{
    uint8_t *buf = NULL;
    size_t bytes = 0;
    int err = bit_file_read(path, bytes_max, &buf, &bytes);

    if (err < 0)
        return err;
    err = bit_msg_decode_as(desc, buf, bytes, budget, out);
    free(buf);
    return err < 0 ? bit_fail_within(err == -ENOMEM ? err : BIT_ECORRUPT, "%s", path) : 0;
}
