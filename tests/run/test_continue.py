"""A run that has ended, for whatever reason, is resumed: it gets the weights of an undisturbed run, with one journal and one curve."""
import functools
import glob
import json
import os
import signal
import struct
import subprocess

import fixture

STEPS = 24


@functools.lru_cache
def undisturbed(steps=STEPS, cosine=STEPS):
    with fixture.Daemon() as d:
        run = d.submit(d.spec(steps=steps, at_step=12, every=5), "--set", f"schedule.cosine_steps={cosine}")
        return d.finish(run)["weights_digest"], d.losses(run)


def crc32c(data):
    table = []
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
        table.append(i)
    crc = 0xFFFFFFFF
    for b in data:
        crc = table[(crc ^ b) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def describe(d):
    """dataset.json beside the token files, as bitctl tokenize leaves it."""
    files = []
    for name in ("train.npy", "valid.npy"):
        with open(os.path.join(d.dir, name), "rb") as f:
            data = f.read()
        files.append({"name": name, "tokens": len(data) // 2, "documents": 1, "crc32c": f"{crc32c(data):08x}"})
    with open(os.path.join(d.dir, "dataset.json"), "w") as f:
        json.dump({"format": "bitd-dataset-1", "tokenizer": {"name": "t", "sha256": "1" * 64, "vocab": 256, "end_of_text": 0},
                   "dtype": "uint16", "documents": 2, "tokens": sum(x["tokens"] for x in files), "text_bytes": 9, "files": files}, f)


def fields(data):
    """Yields (number, value) of each field of a protobuf message."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            b = data[at]
            at += 1
            value |= (b & 127) << shift
            shift += 7
            if b < 128:
                return value

    while at < len(data):
        key = varint()
        size = {0: None, 1: 8, 2: -1, 5: 4}[key & 7]
        if size is None:
            yield key >> 3, varint()
            continue
        size = varint() if size < 0 else size
        yield key >> 3, data[at:at + size]
        at += size


def scalars(d, run, tag):
    """The steps of a curve as TensorBoard shows it: from its first step on, a later file replaces the earlier ones."""
    steps = []
    files = glob.glob(os.path.join(d.state, "runs", run, "events.out.tfevents.*.*.*.*"))
    for path in sorted(files, key=lambda p: int(p.rsplit(".", 1)[1])):
        with open(path, "rb") as f:
            data = f.read()
        at, mine = 0, []
        while at < len(data):
            size = struct.unpack_from("<Q", data, at)[0]
            event = dict(fields(data[at + 12:at + 12 + size]))
            at += 16 + size
            if any(tag.encode() in value for _, value in fields(event.get(5, b""))):
                mine.append(event.get(2, 0))
        steps = [s for s in steps if not mine or s < mine[0]] + mine
    return steps


def newest(d, run):
    return json.loads(d.ctl("ckpt", "ls", run, "--json", check=True)[1].splitlines()[-1])


def lose_a_rank(d, run):
    """Kill a rank before step 15. The checkpoint of step 12, written beside training, may or may not be complete by then."""
    d.wait(run, "--for", "step=14")
    os.kill(d.worker_pids(run)[0], signal.SIGKILL)
    with d.held_no_more():
        return d.wait(run)


def check_whole(d, run, want):
    status = d.status(run)
    assert (status["weights_digest"], d.losses(run)) == want, status
    verified = [e["verified"] for e in d.events(run) if "verified" in e]
    assert verified and all(v["equal"] for v in verified), verified
    assert scalars(d, run, "train/CrossEntropyLoss") == list(range(1, STEPS + 1))


def a_failed_run_goes_on():
    with fixture.Daemon(hold=[15]) as d:
        run = d.submit(d.spec(steps=STEPS, at_step=12, every=5), "--set", "launch.max_restarts=0")
        assert lose_a_rank(d, run) == 104
        last = newest(d, run)
        assert last["step"] in (10, 12), last
        code, out, _ = d.ctl("doctor", run)
        assert code == 1 and f"`bitctl resume {run}` goes on from {last['name']}" in out, out
        with d.held_no_more():
            out = d.ctl("resume", run, check=True)[1]
            print(f"         the user sees: {out.strip()}")
            assert "failed: rank 0 was ended by signal 9" in out and f"goes on from {last['name']}, {14 - last['step']} steps are done again" in out, out
            follow = subprocess.run([d.bitctl, "events", run, "--socket", d.socket, "-f"], capture_output=True, text=True, timeout=300)
            assert follow.returncode == 0 and "completed" in follow.stdout.splitlines()[-1], follow.stdout
            assert d.wait(run) == 0
        check_whole(d, run, undisturbed())
        names = [os.path.basename(p) for p in sorted(glob.glob(os.path.join(d.state, "runs", run, "checkpoints", "*")))]
        assert names == [f"step-{s:08}" for s in (12, 15, 20, 24)], f"those are kept that are kept otherwise: {names}"


def a_cancelled_run_goes_on():
    with fixture.Daemon(hold=[15]) as d:
        run = d.submit(d.spec(steps=STEPS, at_step=12, every=5))
        d.wait(run, "--for", "step=14")
        d.ctl("cancel", run, "--now", check=True)
        assert d.wait(run) == 103
        d.kill()  # the same must hold after a restart of bitd
        d.start()
        with d.held_no_more():
            assert f"cancelled at step 14; goes on from {newest(d, run)['name']}" in d.ctl("resume", run, check=True)[1]
            d.finish(run)
        check_whole(d, run, undisturbed())


def a_completed_run_trains_more():
    with fixture.Daemon() as d:
        run = d.submit(d.spec(steps=STEPS, at_step=12, every=5))
        d.finish(run)
        code, _, err = d.ctl("resume", run)
        assert code == 1 and "--steps N" in err, err
        out = json.loads(d.ctl("resume", run, "--steps", "30", "--json", check=True)[1])
        assert out["resumed"]["from_step"] == 24 and out["resumed"]["steps"] == 30 and "the cosine ends at step 24" in out["text"], out
        d.finish(run)
        assert (d.status(run)["weights_digest"], d.losses(run)) == undisturbed(30, 24)


def a_touched_file_is_no_fault():
    with fixture.Daemon(hold=[15]) as d:
        describe(d)
        run = d.submit(d.spec(steps=STEPS, at_step=12, every=5))
        d.wait(run, "--for", "step=14")
        os.utime(os.path.join(d.dir, "train.npy"))
        with d.held_no_more():
            d.finish(run)
        compared = [e["data_compared"] for e in d.events(run) if "data_compared" in e]
        assert len(compared) == 1 and compared[0]["same"] and "train.npy" in compared[0]["text"], compared
        assert (d.status(run)["weights_digest"], d.losses(run)) == undisturbed()


def a_launcher_that_was_away():
    """While the launcher is missing it exits with 3: these losses do not count as restarts, and the run then trains normally."""
    with fixture.Daemon() as d:
        d.stop()
        launcher = os.path.join(d.dir, "launcher")
        with open(launcher, "w") as f:
            f.write(f"#!/bin/sh\necho from-the-launcher\n[ -e {d.dir}/there ] && exec mpirun \"$@\"\nexit 3\n")
        os.chmod(launcher, 0o700)
        with open(d.config, "a") as f:
            f.write(f"mpirun = {launcher}\nrestart_delay_max = 0.05\n")
        d.start()
        run = d.submit(d.spec(steps=STEPS, at_step=12, every=5), "--set", "launch.max_restarts=1")
        events = subprocess.Popen([d.bitctl, "events", run, "--socket", d.socket, "-f", "--json"], stdout=subprocess.PIPE, text=True)
        lost = 0
        while lost < 5:
            event = json.loads(events.stdout.readline())
            lost += "lost" in event
        events.kill()
        events.wait()
        assert events.stdout.close() is None and d.status(run)["state"] == "restarting"
        code, out, _ = d.ctl("status", run)
        assert " failed: " in out, out
        assert f"{run}    launch " in d.ctl("ps")[1] and " failed: " in d.ctl("ps")[1]
        d.ctl("pause", run, check=True)
        code, out, err = d.ctl("resume", run)  # it is told at the first launch that fails, and the next ones follow
        assert code == 0 and f"{run}: launch " in out and " failed: " in out and "next try in" in out, (code, out, err)
        with open(os.path.join(d.dir, "there"), "w"):
            pass
        assert d.finish(run)["weights_digest"] == undisturbed()[0]


fixture.main([a_failed_run_goes_on, a_cancelled_run_goes_on, a_completed_run_trains_more, a_touched_file_is_no_fault,
              a_launcher_that_was_away])
