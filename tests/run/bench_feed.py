"""How fast bitd feeds tokens from the page cache, and what it costs: batches of 4M tokens to a worker that checks and drops them.

    bench_feed.py FAKE_WORKER FAKE_MPIRUN [SECONDS]

Unencrypted over the Unix socket and sealed over TCP; once at full speed, once with a worker that takes 35 ms a step in addition to
reading it: 84 million tokens/s are a step every 50 ms. It prints figures and asserts nothing.
"""
import os
import subprocess
import sys
import time

import fixture

CONTEXT, BATCH, FILES, FILE_BYTES = 2048, 2048, 4, 256 << 20
STEP_TOKENS = CONTEXT * BATCH
TICKS = os.sysconf("SC_CLK_TCK")

SPEC = """
name: "feed"
model {{ layers: 1 width: 64 heads: 2 mlp_hidden: 64 vocab: 65536 vocab_padded: 65536 context: {context} }}
data {{ {train} }}
batch {{ instances: {batch} }}
schedule {{ steps: 1000000 peak_lr: 1e-3 warmup_steps: 0 }}
checkpoint {{ every: 0 }}
eval {{ every: 0 }}
launch {{ backend: CPU ranks: 1 }}
"""


class Daemon(fixture.Daemon):
    def __init__(self, link):
        super().__init__()
        self.link = ["--set", "listen=127.0.0.1:0", "--set", "link=tcp"] if link == "tcp" else []

    def start(self):
        self.log = open(os.path.join(self.dir, "bitd.log"), "ab")
        self.process = subprocess.Popen(
            [self.bitd, "--state", self.state, "--socket", self.socket, "--worker", sys.argv[1], "--set", f"mpirun={sys.argv[2]}", *self.link],
            stdout=self.log, stderr=self.log)
        while self.ctl("ps", "-q")[0] != 0:
            assert self.process.poll() is None, "bitd did not start"
            time.sleep(0.02)

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def peak_mib(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) / 1024


def write_tokens(folder):
    paths = []
    for i in range(FILES):
        paths.append(os.path.join(folder, f"feed-{i}.npy"))
        with open(paths[-1], "wb") as f:
            for _ in range(FILE_BYTES >> 20):
                f.write(os.urandom(1 << 20))
        with open(paths[-1], "rb") as f: # into the page cache
            while f.read(1 << 20):
                pass
    return paths


def measure(link, name, step_us, seconds):
    os.environ["FAKE_STEP_US"] = str(step_us)
    with Daemon(link) as d:
        path = os.path.join(d.dir, "feed.txtpb")
        with open(path, "w") as f:
            f.write(SPEC.format(context=CONTEXT, batch=BATCH, train=" ".join(f'train: "{p}"' for p in write_tokens(d.dir))))
        run = d.submit(path)
        d.wait(run, "--for", "step=20")
        begin, first, cpu = time.monotonic(), d.status(run)["step"], d.cpu_s()
        time.sleep(seconds)
        wall, steps, cpu = time.monotonic() - begin, d.status(run)["step"] - first, d.cpu_s() - cpu
        rate = steps * STEP_TOKENS / wall
        print(f"{link}, {name}: {steps} steps of {STEP_TOKENS:,} tokens in {wall:.1f} s: {rate / 1e6:.1f} million tokens/s, "
              f"{wall / steps * 1000:.1f} ms a step; bitd: {cpu / wall:.2f} cores, {cpu / steps * 1000:.1f} ms of CPU a step, "
              f"peak {d.peak_mib():.0f} MiB")
        d.ctl("cancel", run, "--now")


def main():
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 10
    for link in ("unix", "tcp"):
        measure(link, "as fast as it goes", 0, seconds)
        measure(link, "35 ms of work a step", 35000, seconds)


main()
