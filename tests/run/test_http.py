"""GET /metrics and GET /healthz of bitd: which clients get which answer, and that none of them delays a run.

The workers are the fake ones of tests/daemon, so that a run takes no time.
"""
import http.client
import os
import pwd
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile

from fixture import build_root, main, write_tokens

WORKER, MPIRUN = map(os.path.abspath, sys.argv[1:3])
sys.argv[1:3] = []
BITD, BITCTL = (os.path.join(build_root(), *name) for name in (("daemon", "bitd"), ("ctl", "bitctl")))
CONNECTIONS = 16  # BIT_HTTP_CONNECTIONS_MAX

SPEC = """
name: "{name}"
model {{ layers: 1 width: 32 heads: 2 mlp_hidden: 64 vocab: 500 vocab_padded: 512 context: 16 }}
data {{ train: "t.npy" }}
batch {{ instances: 4 }}
schedule {{ steps: {steps} peak_lr: 1e-3 warmup_steps: 2 }}
launch {{ ranks: 1 threads: 1 }}
"""


class Bitd:
    def __init__(self, metrics, step_us=2000, **settings):
        self.dir = tempfile.mkdtemp(prefix="bit-http-")
        self.socket = os.path.join(self.dir, "s")
        self.settings = {"mpirun": MPIRUN, "kill_grace": 2, "metrics": metrics.format(dir=self.dir)} | settings
        self.told_to_stop = False
        self.environment = os.environ | {"FAKE_STEP_US": str(step_us)}
        write_tokens(os.path.join(self.dir, "t.npy"), 4096, 500, 1)

    def command(self):
        sets = (word for k, v in self.settings.items() for word in ("--set", f"{k}={v}"))
        return [BITD, "--state", os.path.join(self.dir, "state"), "--socket", self.socket, "--worker", WORKER, *sets]

    def __enter__(self):
        """Start bitd and return once it answers; its log has the address."""
        reader, writer = os.pipe()
        self.process = subprocess.Popen(self.command(), stderr=writer, env=self.environment)
        os.close(writer)
        self.log = os.fdopen(reader, errors="replace")
        for line in self.log:
            if "http: metrics address=" in line:
                self.address = line.split("address=")[1].strip()
                break
        else:
            raise AssertionError("bitd did not start")
        self.drain = subprocess.Popen(["cat"], stdin=self.log, stdout=open(os.path.join(self.dir, "log"), "ab"))
        return self

    def __exit__(self, kind, value, trace):
        for run in self.ctl("ps", "-q")[1].split():
            self.ctl("cancel", run, "--now")
        if not self.told_to_stop:
            self.process.terminate()
        assert self.process.wait(300) == 0
        self.drain.wait(300)
        if kind:
            print(open(os.path.join(self.dir, "log"), errors="replace").read()[-4000:])
        else:
            assert not os.path.exists(self.address), "its socket is left"
            shutil.rmtree(self.dir)

    def ctl(self, verb, *args):
        p = subprocess.run([BITCTL, verb, "--socket", self.socket, *args], capture_output=True, text=True, timeout=300)
        return p.returncode, p.stdout, p.stderr

    def spec(self, name, steps):
        path = os.path.join(self.dir, name + ".txtpb")
        with open(path, "w") as f:
            f.write(SPEC.format(name=name, steps=steps))
        return path

    def submit(self, name, steps):
        code, out, err = self.ctl("submit", "-q", self.spec(name, steps))
        assert code == 0, err
        return out.strip()

    def connect(self):
        s = socket.socket(socket.AF_UNIX if self.address[0] == "/" else socket.AF_INET)
        host, _, port = self.address.rpartition(":")
        s.settimeout(300)
        s.connect(self.address if self.address[0] == "/" else (host, int(port)))
        return s

    def ask(self, *args, **headers):
        """ask_once(), retried if client_timeout is so short that a busy machine exceeds it."""
        for _ in range(100 if "client_timeout" in self.settings else 0):
            try:
                return self.ask_once(*args, **headers)
            except (ConnectionError, http.client.HTTPException):
                pass
        return self.ask_once(*args, **headers)

    def ask_once(self, path="/metrics", method="GET", body=None, **headers):
        c = http.client.HTTPConnection("127.0.0.1")
        c.sock = self.connect()
        c.request(method, path, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})
        r = c.getresponse()
        text = r.read().decode()
        c.close()
        return r.status, dict(r.getheaders()), text


def stable(text):
    """The lines without values that change by themselves: times, memory, descriptors."""
    return [re.sub(r" \S+$", "", line) for line in text.split("\n") if not re.match(r"bitd_(?!run)", line)]


def the_endpoint_says_what_the_verb_says():
    for metrics in ("0", "{dir}/metrics.sock"):
        with Bitd(metrics) as d:
            run = d.submit("over", 6)
            assert d.ctl("wait", run)[0] == 0
            for openmetrics, accept, kind in ((False, "*/*", "text/plain; version=0.0.4; charset=utf-8"),
                                              (True, "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
                                               "application/openmetrics-text; version=1.0.0; charset=utf-8")):
                status, headers, text = d.ask(Accept=accept)
                assert status == 200 and headers["Content-Type"] == kind and headers["Vary"] == "Accept", headers
                said = d.ctl("metrics", *(["--openmetrics"] if openmetrics else []))[1]
                assert stable(text) == stable(said) and f'bitd_run_step{{run="{run}"}} 6' in text
                assert text.endswith("# EOF\n") == openmetrics
            assert d.ask("/healthz") == (200, d.ask("/healthz")[1], "ok\n")
            status, headers, text = d.ask(method="HEAD")
            assert status == 200 and int(headers["Content-Length"]) > 1000 and text == ""
            assert open(f"/proc/{d.process.pid}/status").read().split("Threads:")[1].split()[0] <= "5", "more than the loop and its pool"


def labels_are_bounded():
    """Only the newest 100 runs have metrics of their own; all runs are counted."""
    with Bitd("{dir}/metrics.sock") as d:
        spec = d.spec("many", 6)
        runs = [d.ctl("submit", "-q", "--paused", spec)[1].strip() for _ in range(104)]
        text = d.ask()[2]
        told = re.findall(r'bitd_run_info{run="(r\d+)"', text)
        assert sorted(told) == sorted(runs[4:]), told
        assert 'bitd_runs{state="paused"} 104\n' in text
        assert len(re.findall(r"^bitd_run_step{", text, re.M)) == 100 and len(text) < 1 << 20
        assert stable(text) == stable(d.ctl("metrics")[1])


def what_is_refused():
    with Bitd("0") as d:
        assert d.ask("/")[0] == 404 and d.ask("/metrics/")[0] == 404 and d.ask("/../etc/passwd")[0] == 404
        assert d.ask(method="POST", body="x")[0] == 405 and d.ask(method="BREW")[0] == 405
        assert d.ask(method="GET", body="x" * 100)[0] == 413
        assert d.ask(Host="evil.example:9105")[0] == 421 and d.ask(Host="10.evil.example")[0] == 421
        assert d.ask(Host="localhost:1")[0] == 200 and d.ask(Host="192.0.2.7:9105")[0] == 200 and d.ask(Host="[::1]:9105")[0] == 200
        assert d.ask(X="y" * 20000)[0] == 431


def who_may_ask():
    """The Unix socket for metrics has the permissions of bitd's own: its user alone, or also the members of its group."""
    if os.geteuid() != 0:
        print("         not root: other users do not ask")
        return
    nobody = pwd.getpwnam("nobody")
    python = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable  # ours may be unreadable for other users
    ask = ("import socket,sys\ns=socket.socket(socket.AF_UNIX)\ntry:\n s.connect(sys.argv[1])\nexcept PermissionError:\n sys.exit(7)\n"
           "s.sendall(b'GET /metrics HTTP/1.0\\r\\n\\r\\n')\nprint(s.makefile().read())")
    for settings, group, found in (({}, nobody.pw_gid, None), ({"group": "daemon"}, 1, b" 200 "), ({"group": "daemon"}, nobody.pw_gid, None)):
        with Bitd("{dir}/metrics.sock", **settings) as d:
            os.chmod(d.dir, 0o755)

            def become():
                os.setgroups([])
                os.setgid(group)
                os.setuid(nobody.pw_uid)

            p = subprocess.run([python, "-c", ask, d.address], capture_output=True, preexec_fn=become)
            assert (p.returncode == 7) if found is None else (found in p.stdout), (settings, group, p)
            if settings:  # even if the permissions let a client in, bitd checks its user
                os.chmod(d.address, 0o666)
                p = subprocess.run([python, "-c", ask, d.address], capture_output=True, preexec_fn=become)
                assert (b" 403 " if found is None else b" 200 ") in p.stdout, p


def addresses_that_are_refused():
    for metrics, remote, said in (("0.0.0.0:0", "no", "metrics_remote = yes"), ("here", "no", "metrics: 'here'"), ("/nonexistent/x", "no", "No such file")):
        d = Bitd(metrics, metrics_remote=remote)
        p = subprocess.run(d.command(), capture_output=True, text=True, timeout=300)
        assert p.returncode != 0 and said in p.stderr, p
        shutil.rmtree(d.dir)
    with Bitd("0.0.0.0:0", metrics_remote="yes") as d:
        d.address = d.address.replace("0.0.0.0", "127.0.0.1")
        assert d.ask(Host="login1.example:9105")[0] == 200


def nobody_stands_in_the_way_of_a_run():
    """More clients than allowed send half requests, send nonsense, do not read, or ask all the time: the run goes on, bitctl is
    answered, and finally so is a correct client. Connections without a whole request are closed."""
    with Bitd("0", client_timeout=0.5) as d:
        run = d.submit("long", 1000000)
        assert d.ctl("wait", run, "--for", "step=5")[0] == 0
        held = [d.connect() for _ in range(2 * CONNECTIONS)]  # beyond the limit they wait in the kernel's queue
        for i, s in enumerate(held):
            send(s, [b"", b"G", b"GET /metrics HTTP/1.1\r\nHost: a", b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\nx", b"\x16\x03\x01\x02\x00\x01",
                     b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50, b"\r\n" * 1000, os.urandom(4096)][i % 8])
        step = goes_on(d, run)
        for s in held:  # each connection is closed in the end
            try:
                while s.recv(65536):
                    pass
            except (ConnectionResetError, BrokenPipeError):
                pass
            s.close()
        trickled(d)
        for _ in range(3 * CONNECTIONS):  # clients that reset the connection, some in the middle of an answer
            s = d.connect()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            send(s, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            s.close()
        assert goes_on(d, run) > step
        assert d.ask()[0] == 200 and d.ask("/healthz")[2] == "ok\n"
        assert not d.ctl("events", run)[1].count("worker lost")


def all_connections_end_at_once_and_the_next_is_answered():
    """The maximum of silent connections is closed in one iteration of the event loop."""
    with Bitd("0", client_timeout=0.5) as d:
        for _ in range(3):
            held = [d.connect() for _ in range(CONNECTIONS)]
            assert [s.recv(1) for s in held] == [b""] * CONNECTIONS
            for s in held:
                s.close()
            assert d.ask("/healthz")[2] == "ok\n"


def goes_on(d, run):
    """Assert that the run trains on and bitctl is answered. Returns the step at the start."""
    step = int(re.search(r'"step":(\d+)', d.ctl("status", run, "--json")[1]).group(1))
    code, _, err = d.ctl("wait", run, "--for", f"step={step + 20}")
    assert code == 0, err
    return step


def trickled(d):
    """A client that sends a byte now and then is closed, too, although it is never silent for long."""
    s = d.connect()
    s.settimeout(0.1)
    for byte in "GET /metrics HTTP/1.1\r\nX: " + "y" * 16000:
        try:
            s.sendall(byte.encode())
            if s.recv(100) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    else:
        raise AssertionError("it could go on for ever")
    s.close()


def send(s, data):
    """Send, ignoring a closed connection: on a busy machine it may already have timed out."""
    try:
        s.sendall(data)
    except (ConnectionResetError, BrokenPipeError):
        pass


def who_asks_all_the_time_is_answered():
    """All connections ask as fast as they are answered: bitd renders the page at most four times a second."""
    with Bitd("0", client_timeout=600) as d:
        hasty(d)


def hasty(d):
    code = ("import socket,sys\nh,_,p=sys.argv[1].rpartition(':')\ns=socket.create_connection((h,int(p)))\nf=s.makefile('rb')\n"
            "for i in range(200):\n s.sendall(b'GET /metrics HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n')\n n=0\n"
            " while (line:=f.readline())!=b'\\r\\n':\n  n=int(line.split()[1]) if line.startswith(b'Content-Length') else n\n f.read(n)\n")
    asking = [subprocess.Popen([sys.executable, "-c", code, d.address]) for _ in range(8)]
    assert d.ctl("version")[0] == 0
    assert [p.wait(300) for p in asking] == [0] * 8


def workers(d):
    """Pids of this bitd's workers: those with its folder in their environment."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm") as comm, open(f"/proc/{pid}/environ") as environ:
                if comm.read().strip() == os.path.basename(WORKER) and d.dir in environ.read():
                    found.append(int(pid))
        except OSError:
            pass
    return found


def a_bitd_that_goes_down_is_not_healthy():
    """While its runs write their last checkpoints bitd still answers: /healthz with 503, /metrics with 200."""
    with Bitd("{dir}/metrics.sock", heartbeat_timeout=600, stall_timeout=600, kill_grace=600) as d:
        run = d.submit("long", 1000000)
        assert d.ctl("wait", run, "--for", "step=1")[0] == 0
        (worker,) = workers(d)
        os.kill(worker, signal.SIGSTOP)
        d.process.send_signal(signal.SIGTERM)
        d.told_to_stop = True
        while (answer := d.ask("/healthz"))[0] == 200:  # until bitd has handled the signal
            pass
        assert answer[0] == 503 and "going down" in answer[2] and d.ask()[0] == 200, answer
        os.kill(worker, signal.SIGCONT)


main([the_endpoint_says_what_the_verb_says, labels_are_bounded, what_is_refused, who_may_ask, addresses_that_are_refused, nobody_stands_in_the_way_of_a_run, who_asks_all_the_time_is_answered, all_connections_end_at_once_and_the_next_is_answered,
      a_bitd_that_goes_down_is_not_healthy])
