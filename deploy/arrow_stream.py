"""Read the rows of an Arrow IPC stream in plain Python: the part of the format that task_requests.py needs.

Columns of strings, integers, lists and structs, little-endian; nulls, dictionaries and compression are refused.
Source: the Arrow columnar format's specification, "IPC Streaming Format"; its metadata are flatbuffers.
"""
import struct

SCHEMA, RECORD_BATCH = 1, 3  # MessageHeader
INT, UTF8, LIST, STRUCT = 2, 5, 12, 13  # Type
CONTINUES = 0xFFFFFFFF


class ArrowError(Exception):
    pass


class Table:
    """A flatbuffers table, whose fields are read by their number in the schema."""

    def __init__(self, data, at):
        self.data, self.at = data, at
        self.vtable = at - struct.unpack_from("<i", data, at)[0]
        self.vtable_bytes = struct.unpack_from("<H", data, self.vtable)[0]

    def place(self, field):
        """The offset of a field, or None if it has its default."""
        slot = 4 + 2 * field
        if slot >= self.vtable_bytes:
            return None
        offset = struct.unpack_from("<H", self.data, self.vtable + slot)[0]
        return self.at + offset if offset else None

    def number(self, field, form, default=0):
        at = self.place(field)
        return default if at is None else struct.unpack_from("<" + form, self.data, at)[0]

    def target(self, field):
        at = self.place(field)
        return None if at is None else at + struct.unpack_from("<I", self.data, at)[0]

    def table(self, field):
        at = self.target(field)
        return None if at is None else Table(self.data, at)

    def text(self, field):
        at = self.target(field)
        count = struct.unpack_from("<I", self.data, at)[0]
        return bytes(self.data[at + 4:at + 4 + count]).decode()

    def places(self, field, size):
        """The offset of each element of a vector."""
        at = self.target(field)
        count = 0 if at is None else struct.unpack_from("<I", self.data, at)[0]
        if count * size > len(self.data):
            raise ArrowError(f"a vector of {count} elements in {len(self.data)} bytes of metadata")
        return [at + 4 + size * i for i in range(count)]

    def tables(self, field):
        return [Table(self.data, p + struct.unpack_from("<I", self.data, p)[0]) for p in self.places(field, 4)]

    def structs(self, field, form):
        return [struct.unpack_from("<" + form, self.data, p) for p in self.places(field, struct.calcsize("<" + form))]


class Column:
    """A field of the schema: its name, its kind, its children."""

    def __init__(self, field):
        self.name = field.text(0)
        self.kind = field.number(2, "B")
        self.children = [Column(child) for child in field.tables(5)]
        if field.table(4) is not None:
            raise ArrowError(f"column '{self.name}' is dictionary-encoded")
        if self.kind == INT:
            bits, signed = field.table(3).number(0, "i"), field.table(3).number(1, "B")
            self.form = {8: "b", 16: "h", 32: "i", 64: "q"}[bits]
            self.form = self.form if signed else self.form.upper()
        elif self.kind not in (UTF8, LIST, STRUCT):
            raise ArrowError(f"column '{self.name}' is of type {self.kind}, which is not supported")


class Batch:
    """The values of one record batch; its columns must be read in the order of the schema."""

    def __init__(self, header, body):
        if header.table(3) is not None:
            raise ArrowError("compressed record batches are not supported")
        self.length = header.number(0, "q")
        self.nodes = iter(header.structs(1, "qq"))
        self.buffers = iter(header.structs(2, "qq"))
        self.body = body

    def buffer(self):
        offset, count = next(self.buffers)
        if offset < 0 or count < 0 or offset + count > len(self.body):
            raise ArrowError("a buffer reaches beyond its record batch")
        return self.body[offset:offset + count]

    def numbers(self, form, count):
        return struct.unpack_from(f"<{count}{form}", self.buffer()) if count else self.buffer() and ()

    def values(self, column):
        length, nulls = next(self.nodes)
        if nulls:
            raise ArrowError(f"column '{column.name}' has {nulls} nulls")
        self.buffer()  # the validity bitmap
        if column.kind == INT:
            return list(self.numbers(column.form, length))
        if column.kind == STRUCT:
            members = [self.values(child) for child in column.children]
            return [dict(zip((child.name for child in column.children), row)) for row in zip(*members)]
        ends = self.numbers("i", length + 1 if length else 0) or (0,)
        if column.kind == UTF8:
            text = self.buffer()
            return [bytes(text[a:b]).decode() for a, b in zip(ends, ends[1:])]
        items = self.values(column.children[0])
        return [items[a:b] for a, b in zip(ends, ends[1:])]


def messages(data):
    """The metadata and the body of each message."""
    at = 0
    while at + 8 <= len(data):
        mark, size = struct.unpack_from("<Ii", data, at)
        if mark != CONTINUES or size < 0:
            raise ArrowError(f"not an Arrow stream: no message begins at byte {at}")
        if size == 0:
            return
        metadata = data[at + 8:at + 8 + size]
        message = Table(metadata, struct.unpack_from("<I", metadata)[0])
        body, count = at + 8 + size, message.number(3, "q")
        if body + count > len(data):
            raise ArrowError(f"the stream ends inside the message at byte {at}")
        yield message, data[body:body + count]
        at = body + count


def read(data):
    """The rows of a stream in memory, as dicts from column name to value."""
    columns, rows = None, []
    try:
        for message, body in messages(memoryview(data)):
            kind, header = message.number(1, "B"), message.table(2)
            if kind == SCHEMA:
                columns = [Column(field) for field in header.tables(1)]
            elif kind != RECORD_BATCH or columns is None:
                raise ArrowError(f"a message of kind {kind} is not supported")
            else:
                batch = Batch(header, body)
                values = [batch.values(column) for column in columns]
                rows += [dict(zip((column.name for column in columns), row)) for row in zip(*values)]
    except (struct.error, LookupError, StopIteration, UnicodeDecodeError, AttributeError, RecursionError) as e:
        raise ArrowError(f"the stream is damaged: {e!r}") from e
    if columns is None:
        raise ArrowError("the stream has no schema")
    return rows
