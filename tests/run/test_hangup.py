"""A daemon that accepts and hangs up on every request: bitctl retries a few times, reports that once, and ends with the exit code
for an unreachable daemon. bitctl refuses an invalid run name without a request."""
import os
import socket
import subprocess
import tempfile
import threading

import fixture

BITCTL = os.path.join(os.environ["BIT_BUILD"], "ctl", "bitctl")


class Rude:
    """A server that reads the start of each request and hangs up."""

    def __enter__(self):
        self.dir = tempfile.TemporaryDirectory(prefix="bit-")
        self.path = os.path.join(self.dir.name, "sock")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.count = 0
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.count += 1
            with client:
                client.recv(65536)

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
        self.dir.cleanup()

    def ask(self, *args):
        try:
            p = subprocess.run([BITCTL, args[0], "--socket", self.path, *args[1:]], capture_output=True, text=True, timeout=300)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"bitctl {args[0]} asks without end: {self.count} times so far") from None
        return p.returncode, p.stderr


def check_gives_up(*args):
    with Rude() as rude:
        code, err = rude.ask(*args)
        lines = err.splitlines()
        assert code == 69, f"{args}: exit {code}: {err}"
        assert rude.count <= 10, f"{args}: asked {rude.count} times"
        assert len(lines) == 2 and "waiting for it to come back" in lines[0] and "hung up" in lines[1], err


def what_changes_a_run():
    check_gives_up("cancel", "r1")


def a_wait():
    check_gives_up("wait", "r1")


def a_stream():
    check_gives_up("events", "r1", "--follow")


def a_question():
    with Rude() as rude:
        code, err = rude.ask("status", "r1")
        assert code == 69 and rude.count == 1 and len(err.splitlines()) == 1, f"{code} after {rude.count}: {err}"


def a_name_that_no_run_has():
    for name in ("a" + "é" * 40, "r" * 100000):
        for verb in ("status", "cancel", "wait", "log"):
            with Rude() as rude:
                code, err = rude.ask(verb, name)
                assert code == 102 and name[:30] in err and "64" in err and len(err) < 300, f"{verb}: {code}: {err[:500]}"


fixture.main([what_changes_a_run, a_wait, a_stream, a_question, a_name_that_no_run_has])
