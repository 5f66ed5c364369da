#!/usr/bin/env python3
"""A cable that loses and delays frames: connects a network device to a new tap, drops some frames and delays others.

    bad_line.py DEVICE TAP LOSS_PERCENT DELAY_MS SEED

For kernels without sch_netem, which does this in the kernel. Frames are lost in both directions; those from DEVICE are delayed, as
netem on the other end of its cable would do. Frames keep their offload headers (no checksums yet, not yet segmented), so that a
dropped frame may be many packets and the line is somewhat worse than requested. Prints "up" when the tap exists, and on SIGTERM how
many frames it saw and dropped.
"""
import collections
import fcntl
import os
import random
import select
import signal
import socket
import struct
import sys
import time

TUNSETIFF, TUNSETVNETHDRSZ = 0x400454CA, 0x400454D8
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
SOL_PACKET, PACKET_VNET_HDR, PACKET_OUTGOING, ETH_P_ALL = 263, 15, 4, 3
TUNSETOFFLOAD, TUN_F_ALL = 0x400454D0, 0x01 | 0x02 | 0x04 | 0x08  # checksums, TSO 4 and 6, ECN
FRAME_MAX = 10 + 65536 + 14


def open_tap(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
    fcntl.ioctl(fd, TUNSETVNETHDRSZ, struct.pack("i", 10))
    fcntl.ioctl(fd, TUNSETOFFLOAD, TUN_F_ALL)
    return fd


def open_device(name):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    s.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    s.bind((name, 0))
    s.setblocking(False)
    return s


def main():
    device, tap, loss, delay, seed = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]) / 1000, sys.argv[5]
    rng, late = random.Random(seed), collections.deque()
    count = {"frames": 0, "dropped": 0, "refused": 0}
    cable, out = open_device(device), open_tap(tap)
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
    print("up", flush=True)

    def is_lost():
        count["frames"] += 1
        lost = rng.random() * 100 < loss
        count["dropped"] += lost
        return lost

    def send(write, frame):
        try:
            write(frame)
        except OSError:
            count["refused"] += 1  # a full queue, or a device that is down: the frame is lost, as on any cable

    while not ended:
        wait = max(0.0, late[0][0] - time.monotonic()) if late else 0.5
        ready = select.select([cable, out], [], [], wait)[0]
        now = time.monotonic()
        while late and late[0][0] <= now:
            send(lambda frame: os.write(out, frame), late.popleft()[1])
        if cable in ready:
            frame, address = cable.recvfrom(FRAME_MAX)
            if address[2] != PACKET_OUTGOING and not is_lost():
                late.append((now + delay, frame))
        if out in ready:
            frame = os.read(out, FRAME_MAX)
            if not is_lost():
                send(cable.send, frame)
    print(" ".join(f"{name}={n}" for name, n in count.items()), flush=True)


main()
