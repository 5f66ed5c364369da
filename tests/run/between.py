"""A socket between bitctl and bitd that lets a test act between two requests of one bitctl: after bitd's reply to a request of a
chosen type and before bitctl gets that reply, or as soon as bitd has the request. The reply may be lost, as if bitd was killed."""
import os
import select
import socket
import struct
import subprocess

STATUS_REQUEST, EVENTS_REQUEST, LOG_REQUEST, WAIT_REQUEST = 52, 53, 54, 55  # proto/wire/msg.h
PAUSE_REQUEST, RESUME_REQUEST, CANCEL_REQUEST, SWITCH_REQUEST, CHECKPOINT_LIST_REQUEST = 57, 58, 59, 60, 61
CHECKPOINT_PIN_REQUEST, CHECKPOINT_REMOVE_REQUEST, REMOVE_REQUEST, FORK_REQUEST = 70, 71, 72, 74
TAG_REQUEST, CHANGE_REQUEST, PRIORITY_REQUEST, SWEEP_CHANGE_REQUEST = 75, 76, 78, 133
LOSE = object()  # returned by act: bitctl gets no reply
HEADER = 28  # proto/wire/frame.h; the type is at 4


def pass_on(client, daemon, after, act, asked):
    """One connection, until either side closes it or act returns LOSE. Returns how often act was called."""
    begin, is_awaited, count = b"", False, 0
    while True:
        for ready in select.select([client, daemon], [], [])[0]:
            try:
                data = ready.recv(1 << 16)
            except ConnectionResetError:  # bitd was killed
                data = b""
            if not data:
                return count
            if ready is client and len(begin) < HEADER:
                begin += data
                is_awaited = len(begin) >= HEADER and struct.unpack_from("<H", begin, 4)[0] == after
            if ready is client:
                daemon.sendall(data)
            if is_awaited and asked == (ready is client):
                is_awaited, count = False, count + 1
                if act() is LOSE:
                    return count
            if ready is daemon:
                client.sendall(data)


def ctl(d, after, act, *args, asked=False):
    """bitctl ARGS; act(n) is called when the n-th request of type `after`, counted from 1, has been answered, or with asked=True sent;
    if it returns LOSE, bitctl is hung up on instead. Returns the exit code, stdout, stderr and n."""
    path, count = os.path.join(d.dir, "between"), 0
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(16)
        p = subprocess.Popen([d.bitctl, args[0], "--socket", path, *args[1:]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             cwd=d.dir)
        ended = os.pidfd_open(p.pid)
        while listener in select.select([listener, ended], [], [])[0]:
            with listener.accept()[0] as client, socket.socket(socket.AF_UNIX) as daemon:
                daemon.connect(d.socket)
                count += pass_on(client, daemon, after, lambda: act(count + 1), asked)
        os.close(ended)
    os.unlink(path)
    out, err = p.communicate()
    return p.returncode, out, err, count
