"""A client that submits to another user's bitd and then fails to prove that it may read the files, each time in a different way."""
import array
import os
import socket
import struct

from wire_bytes import crc32c, put_varint

SUBMIT, STATUS, PROVE = 50, 52, 64


def frame(kind, body):
    head = b"BIT1" + struct.pack("<HHQII", kind, 0, 0, len(body), crc32c(body))
    return head + struct.pack("<I", crc32c(head)) + body


def field(number, value):
    if isinstance(value, int):
        return put_varint(number << 3) + put_varint(value)
    if isinstance(value, float):
        return put_varint(number << 3 | 1) + struct.pack("<d", value)
    value = value.encode() if isinstance(value, str) else value
    return put_varint(number << 3 | 2) + put_varint(len(value)) + value


def reply(first=0, errors=(0,)):
    return frame(PROVE, field(1, first) + field(2, bytes(errors)))


def asked(path, tokens):
    """A connection whose submission bitd has answered with its request for proofs."""
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    s.settimeout(300)
    spec = field(2, field(1, "olmo_20m")) + field(3, field(1, tokens)) + field(4, field(1, 2)) + field(5, field(1, 10) + field(2, 1e-3) + field(3, 1))
    s.sendall(frame(SUBMIT, field(1, spec) + field(2, f"hostile-{os.getpid()}") + field(5, "/")))
    assert struct.unpack_from("<H", s.recv(65536), 4)[0] == 93, "no ProveCall"
    return s


def submit_named(path, name):
    """Submit a run of this name. Returns the text of bitd's refusal."""
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    s.settimeout(300)
    spec = field(1, name) + field(2, field(1, "olmo_20m")) + field(3, field(1, "/t.npy")) + field(5, field(1, 10) + field(2, 1e-3) + field(3, 1))
    s.sendall(frame(SUBMIT, field(1, spec) + field(2, f"named-{os.getpid()}") + field(5, "/")))
    return "".join(c for c in s.recv(65536)[28:].decode(errors="replace") if c.isprintable())


def submit(path, tokens, way):
    """Returns the text of bitd's refusal, or "closed"."""
    s = asked(path, tokens)
    other = [os.open("/etc/hostname", os.O_RDONLY) for _ in range(200)]

    def send(data, fds):
        s.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [])

    {
        "nothing": lambda: send(reply(), []),
        "another": lambda: send(reply(), other[:1]),
        "a folder": lambda: send(reply(), [os.open("/", os.O_RDONLY)]),
        "too many": lambda: send(reply(), other[:2]),
        "far too many": lambda: send(reply(), other),
        "of others": lambda: send(reply(first=7), other[:1]),
        "more than asked": lambda: send(reply(errors=(0, 0)), other[:2]),
        "no reply": lambda: send(frame(STATUS, field(1, "r1")), []),
        "garbage": lambda: send(b"garbage " * 8, other[:3]),
        "half": lambda: send(reply()[:20], other[:1]) or s.shutdown(socket.SHUT_WR),
        "gone": lambda: s.close(),
    }[way]()
    got = s.recv(65536) if way != "gone" else b""
    if len(got) > 6 and struct.unpack_from("<H", got, 4)[0] == 93:  # bitd accepted the file and asks for its sidecar: ENOENT
        send(reply(first=1, errors=(2,)), [])
        got = s.recv(65536)
    text = got[28:].decode(errors="replace") if got else "closed"
    return "".join(c for c in text if c.isprintable())


def slow_socket():
    """(socket, its other end): the last close of the socket takes ten minutes unless the other end is read."""
    listener, slow = socket.create_server(("127.0.0.1", 0)), socket.socket()
    slow.connect(listener.getsockname())
    other_end = listener.accept()[0]
    slow.setblocking(False)
    try:
        while True:
            slow.send(bytes(65536))
    except BlockingIOError:
        pass
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 600))
    return slow, other_end


def prove_with(connection, fd):
    connection.sendmsg([reply()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])


EVENTS, WAIT = 53, 55


def ask(path, kind, run, *fields):
    """A connection that has sent this request about a run and does not read the reply."""
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    s.settimeout(300)
    s.sendall(frame(kind, field(1, run) + b"".join(fields)))
    return s
