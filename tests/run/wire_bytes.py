"""Takes files of protobuf messages apart and rebuilds them as an earlier version wrote them."""


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


def put_varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def fields(data):
    """(number, its bytes) of a protobuf message's fields."""
    at = 0
    while at < len(data):
        begin = at
        key, at = varint(data, at)
        if key & 7 == 0:
            _, at = varint(data, at)
        elif key & 7 == 2:
            length, at = varint(data, at)
            at += length
        else:
            at += {1: 8, 5: 4}[key & 7]
        yield key >> 3, data[begin:at]


def body(field):
    _, at = varint(field, 0)
    _, at = varint(field, at)
    return field[at:]
