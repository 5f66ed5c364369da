#!/usr/bin/env python3
"""Completion of bitctl, typed in a terminal, in one of the supported shells.

    completion.py SHELL COMPLETION_FOLDER BITCTL BITD

Exit 77 without the shell.
"""
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

SHELL, COMPLETION, BITCTL, BITD = sys.argv[1], *(os.path.abspath(path) for path in sys.argv[2:5])
SPEC = """name: "sheep"
model { layers: 1 width: 32 heads: 2 mlp_hidden: 64 vocab: 256 context: 16 }
data { train: "t.npy" }
batch { instances: 2 }
schedule { steps: 4 peak_lr: 1e-3 warmup_steps: 1 }
"""

# (typed text, completion after a TAB). There is one run, r1, called sheep.
CASES = [
    ("bitctl sta", "status "),
    ("bitctl submit --dry", "--dry-run "),
    ("bitctl ckpt unp", "unpin "),
    ("bitctl status she", "sheep "),
    ("bitctl status @la", "@last "),
    ("bitctl status r", "r1 "),
    ("bitctl help spec schedule.pea", "schedule.peak_lr "),
    ("bitctl submit --set schedule.pea", "schedule.peak_lr="),
    ("bitctl submit --set phases.switch.optimizer=RE", "phases.switch.optimizer=RESET "),
    ("bitctl check --set=guard.preset=pa", "--set=guard.preset=palm "),
    ("bitctl check run.tx", "run.txtpb "),
    ("bitctl help presets reload", "reloaded "),
]


class Terminal:
    """A shell in its own terminal, with functions to wait for output."""

    def __init__(self, env, folder):
        commands = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"], "fish": ["fish", "--private"]}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(commands[SHELL][0], commands[SHELL], env)
        self.text = ""

    def send(self, text):
        os.write(self.fd, text.encode())

    def read(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            self.text += os.read(self.fd, 65536).decode(errors="replace")
        except OSError:  # the shell has ended
            return False
        return True

    def shown(self):
        return re.sub(r"\x1b(\[[0-9;?]*[a-zA-Z]|\][^\a]*\a|[=>()][0-9A-B]?)|[\r\n\x0f]", "", self.text)

    def end(self):
        self.send("exit\n")
        while self.read(10):
            pass
        os.waitpid(self.pid, 0)

    def wait_for(self, what, since=0, seconds=30):
        end = time.monotonic() + seconds
        while what not in self.shown()[since:]:
            if time.monotonic() > end:
                return False
            self.read(1)
        return True


# The first commands of each shell.
SETUP = {
    "bash": "PS1='> '; bind 'set bell-style none'; source {0}/bitctl.bash",
    "zsh": "PS1='> '; fpath=({0} $fpath); autoload -U compinit; compinit -D -u; zstyle ':completion:*' verbose no",
    "fish": "function fish_prompt; echo '> '; end; function fish_greeting; end; source {0}/bitctl.fish",
}


def check(env, folder):
    """Run each completed line with a bitctl that writes its arguments to a file: what the line editor draws is not parsed."""
    failed = 0
    terminal = Terminal(env, folder)
    terminal.send(SETUP[SHELL].format(COMPLETION) + "\n")
    terminal.send("echo be''gun\n")
    if not terminal.wait_for("begun"):
        print("FAILED the shell does not begin:", terminal.shown()[-300:])
        return 1
    for number, (typed, expected) in enumerate(CASES):
        words = expected.rstrip()
        terminal.send(f"{typed}\t")
        # Run the line as completed; the fake bitctl writes its arguments to the file.
        terminal.send(f"{'' if expected.endswith(' ') else 'x'} ; echo case{number}''done\n")
        good = terminal.wait_for(f"case{number}done")
        with open(os.path.join(folder, "called"), encoding="utf-8") as f:
            called = f.read().split("\n")
        want = " ".join([*typed.split(" ")[1:-1], words + ("" if expected.endswith(" ") else "x")])
        if not good or called[-2:-1] != [want]:
            failed += 1
            print(f"FAILED {typed!r}<TAB>: called with {called[-2:-1]}, expected {want!r}")
    terminal.end()
    return failed


def begin_daemon(folder):
    """Start a bitd with one paused run. Returns (process, socket)."""
    socket = os.path.join(folder, "bitd.sock")
    daemon = subprocess.Popen([BITD, "--state", os.path.join(folder, "state"), "--socket", socket, "--log", os.path.join(folder, "log")])
    with open(os.path.join(folder, "t.npy"), "wb") as f:
        f.write(bytes(4096))
    with open(os.path.join(folder, "run.txtpb"), "w") as f:
        f.write(SPEC)
    end = time.monotonic() + 30
    while subprocess.run([BITCTL, "ps", "-q", "--socket", socket], capture_output=True).returncode and time.monotonic() < end:
        time.sleep(0.05)  # there is no event for when it listens
    subprocess.run([BITCTL, "submit", "-q", "--paused", "--socket", socket, os.path.join(folder, "run.txtpb")], check=True, stdout=subprocess.DEVNULL)
    return daemon, socket


def main():
    if shutil.which(SHELL) is None:
        print(f"skipped: no {SHELL}")
        return 77
    folder = tempfile.mkdtemp(prefix="bit-completion-")
    daemon, socket = begin_daemon(folder)
    try:
        # A fake bitctl: --complete runs the real one; otherwise it writes its arguments to a file.
        os.mkdir(os.path.join(folder, "bin"))
        with open(os.path.join(folder, "bin", "bitctl"), "w") as f:
            f.write(f'#!/bin/sh\n[ "$1" = --complete ] && exec {BITCTL} "$@"\necho "$*" >>{folder}/called\n')
        os.chmod(os.path.join(folder, "bin", "bitctl"), 0o755)
        env = {**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}", "BITD_SOCKET": socket, "TERM": "xterm", "HOME": folder,
               "XDG_CONFIG_HOME": folder, "XDG_DATA_HOME": folder, "COLUMNS": "200", "LC_ALL": "C.UTF-8"}
        open(os.path.join(folder, "called"), "w").close()
        # Without this folder fish generates completions of all manual pages in the background, which takes longer than the test.
        os.makedirs(os.path.join(folder, "fish", "generated_completions"))
        failed = check(env, folder)
        daemon.terminate()
        daemon.wait()
        # Without a daemon completion answers, too, with no runs.
        answer = subprocess.run([BITCTL, "--complete", "status", ""], env=env, capture_output=True, text=True, timeout=20)
        if answer.returncode or answer.stdout:
            failed += 1
            print(f"FAILED without a daemon: {answer}")
        print(f"{len(CASES)} cases, {failed} failed")
        return 1 if failed else 0
    finally:
        if daemon.poll() is None:
            daemon.kill()
            daemon.wait()
        shutil.rmtree(folder)


sys.exit(main())
