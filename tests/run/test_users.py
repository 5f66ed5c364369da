"""A bitd that serves a group: who may do what to whose run, and that no user can read files through bitd that he may not read himself.

Needs root, because each part is played by a real user; skipped otherwise.
"""
import contextlib
import grp
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import hostile
from fixture import build_root, main, skip, write_safetensors, write_tokens

WORKER, MPIRUN = map(os.path.abspath, sys.argv[1:3])
sys.argv[1:3] = []
SERVICE, ALICE, BOB, CAROL, DAVE = 61001, 61002, 61003, 61004, 61005
SMALL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tokenize", "small.json")
USERS, ADMINS = "users", "adm"

if os.geteuid() != 0:
    skip("needs root, to be several users")
try:
    users, admins = grp.getgrnam(USERS).gr_gid, grp.getgrnam(ADMINS).gr_gid
except KeyError as e:
    skip(f"no group {e}")
GROUPS = {SERVICE: [users], ALICE: [users], BOB: [users], CAROL: [users, admins], DAVE: [], 0: []}
BITD, BITCTL = (os.path.join(build_root(), *name) for name in (("daemon", "bitd"), ("ctl", "bitctl")))


def run_as(uid, *args):
    return subprocess.run(args, user=uid, group=uid, extra_groups=GROUPS[uid], capture_output=True, text=True,
                          cwd="/", timeout=300)


@contextlib.contextmanager
def acting_as(uid):
    """Within this context connections are made as this user."""
    before = os.getgroups()
    os.setgroups(GROUPS[uid])
    os.setegid(uid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(before)


def call_as(uid, function, *args):
    """Call a function in a child process that has irrevocably become this user, and return its text."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups(GROUPS[uid])
            os.setgid(uid)
            os.setuid(uid)
            said = function(*args)
        except Exception as e:
            said = f"failed: {e!r}"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as f:
        said = f.read()
    os.waitpid(pid, 0)
    return said


for program in (BITD, BITCTL, WORKER, MPIRUN):
    if run_as(ALICE, "test", "-x", program).returncode != 0:
        skip(f"{program} is out of other users' reach")

SPEC = """
model {{ layers: 1 width: 32 heads: 2 mlp_hidden: 64 vocab: 500 vocab_padded: 512 context: 16 }}
data {{ train: "{train}" }}
batch {{ instances: 4 }}
schedule {{ steps: 100000 peak_lr: 1e-3 warmup_steps: 2 }}
launch {{ ranks: 1 threads: 1 {launch} }}
{more}
"""


class Service:
    def __init__(self, uid=SERVICE, environment=None, **settings):
        self.environment = {"FAKE_STEP_US": "20000", "PATH": os.environ["PATH"], **(environment or {})}
        self.settings = [f"--set={name}={value}" for name, value in settings.items()]
        self.dir = tempfile.mkdtemp(prefix="bit-users-")
        os.chmod(self.dir, 0o755)
        self.state, self.socket = os.path.join(self.dir, "service", "state"), os.path.join(self.dir, "service", "s")
        for name, owner in (("service", uid), ("alice", ALICE), ("bob", BOB)):
            os.mkdir(os.path.join(self.dir, name), 0o755)
            os.chown(os.path.join(self.dir, name), owner, owner)
        self.uid = uid

    def tokens(self, path, owner, mode, group=None):
        path = os.path.join(self.dir, path)
        write_tokens(path, 4096, 500, 1)
        os.chown(path, owner, group if group is not None else owner)
        os.chmod(path, mode)
        return path

    def __enter__(self):
        self.start()
        return self

    def restart(self, **settings):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(300) == 0, self.text()
        self.settings = [f"--set={name}={value}" for name, value in settings.items()]
        self.start()

    def start(self):
        inherited = os.open("/dev/null", os.O_RDONLY)  # an inherited descriptor, as a starting program may leave one open
        self.log = open(os.path.join(self.dir, "log"), "ab")
        self.process = subprocess.Popen(
            [BITD, "--state", self.state, "--socket", self.socket, "--group", USERS, "--set", f"admin_group={ADMINS}",
             "--set", f"mpirun={MPIRUN}", "--worker", WORKER, "--set", "kill_grace=2", "--set", "listen=127.0.0.1:0", "--set", "client_timeout=60",
             *self.settings],
            pass_fds=[inherited],
            user=self.uid, group=self.uid, extra_groups=GROUPS[self.uid], cwd="/", stderr=self.log,
            env=self.environment)
        os.close(inherited)
        deadline = time.monotonic() + 300
        while self.ctl(0, "ps")[0] != 0:
            assert self.process.poll() is None and time.monotonic() < deadline, self.text()
            time.sleep(0.02)

    def __exit__(self, kind, value, trace):
        for run in self.ctl(0, "ps", "-q")[1].split():
            self.ctl(0, "cancel", run, "--now")
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(300)
        if kind or code != 0:
            print(self.text())
        assert kind or code == 0, f"bitd ended with {code}"
        shutil.rmtree(self.dir, ignore_errors=True)

    def text(self):
        with open(os.path.join(self.dir, "log"), errors="replace") as f:
            return f.read()[-4000:]

    def ctl(self, uid, verb, *args):
        p = run_as(uid, BITCTL, verb, "--socket", self.socket, *args)
        return p.returncode, p.stdout.strip(), p.stderr.strip()

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.dir, name)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def submit(self, uid, train, *args, more="", launch=""):
        path = self.write("run.txtpb", SPEC.format(train=train, more=more, launch=launch))
        return self.ctl(uid, "submit", "-q", path, *args)


def expect(got, code, *parts):
    assert got[0] == code and all(part in got[2] for part in parts), f"expected {code} with {parts}, got {got}"
    return got[1]


def a_run_is_its_owners_and_the_admins():
    with Service() as s:
        run = expect(s.submit(ALICE, s.tokens("alice/t.npy", ALICE, 0o644)), 0)
        expect(s.ctl(BOB, "status", run), 0)
        for verb in (["cancel"], ["pause"], ["checkpoint"], ["switch", "--at", "1000"]):
            expect(s.ctl(BOB, verb[0], run, *verb[1:]), 77, f"uid {BOB} may not {verb[0]} {run}", f"uid {ALICE}'s")
        expect(s.ctl(CAROL, "pause", run), 0)
        expect(s.ctl(ALICE, "resume", run), 0)
        expect(s.ctl(ALICE, "cancel", run), 0)
        code, _, complaint = s.ctl(DAVE, "ps")
        assert code != 0 and "ermission denied" in complaint, (code, complaint)


def a_shared_run_is_the_groups_to_stop():
    with Service() as s:
        run = expect(s.submit(ALICE, s.tokens("alice/t.npy", ALICE, 0o644), more="shared: true"), 0)
        expect(s.ctl(BOB, "wait", run, "--for", "step=2"), 0)
        expect(s.ctl(BOB, "checkpoint", run), 0)
        expect(s.ctl(BOB, "pause", run), 0)
        expect(s.ctl(BOB, "resume", run), 77, f"uid {BOB} may not resume {run}", "checkpoint, pause and cancel only")
        expect(s.ctl(BOB, "cancel", run), 0)


def a_name_means_ones_own_run():
    """A user's command never acts on another user's run because of the name which that user chose."""
    with Service() as s:
        train = {uid: s.tokens(f"alice/{uid}.npy", uid, 0o644) for uid in (ALICE, BOB)}
        mine = expect(s.submit(ALICE, train[ALICE], "--paused", "--name", "prod"), 0)
        his = expect(s.submit(BOB, train[BOB], "--paused", "--name", "prod"), 0)
        for who, run in ((ALICE, mine), (BOB, his)):
            for name in ("prod", "@last"):
                assert json.loads(expect(s.ctl(who, "status", name, "--json"), 0))["run"] == run, f"{who} meant {run} by {name}"
        expect(s.ctl(CAROL, "cancel", "prod"), 2, "2 runs of others", f"{mine} (uid {ALICE}, not ended)", f"{his} (uid {BOB}, not ended)")
        expect(s.ctl(ALICE, "cancel", "prod"), 0)
        again = expect(s.submit(ALICE, train[ALICE], "--paused", "--name", "prod"), 0)
        assert json.loads(expect(s.ctl(ALICE, "status", "prod", "--json"), 0))["run"] == again, "one that has not ended goes before"
        third = expect(s.submit(ALICE, train[ALICE], "--paused", "--name", "prod"), 0)
        expect(s.ctl(ALICE, "pause", "prod"), 2, "2 runs of yours that have not ended", f"{third} (uid {ALICE}, not ended), {again}",
               "give the id of one")
        expect(s.ctl(ALICE, "cancel", again), 0)
        expect(s.ctl(ALICE, "cancel", third), 0)
        assert json.loads(expect(s.ctl(ALICE, "status", "prod", "--json"), 0))["run"] == third, "the newest, when all have ended"
        only = expect(s.submit(BOB, train[BOB], "--paused", "--name", "only"), 0)
        assert json.loads(expect(s.ctl(CAROL, "status", "only", "--json"), 0))["run"] == only, "one of that name is enough"
        # @last is the user's own newest run, or none; runs of others stay untouched.
        said = expect(s.ctl(CAROL, "cancel", "@last"), 102, f"uid {CAROL} has no run, and '@last' is", f"other users is {only}")
        expect(s.ctl(0, "status", "@last"), 102, "uid 0 has no run")
        assert json.loads(expect(s.ctl(BOB, "status", only, "--json"), 0))["state"] == "paused", said
        for verb in (["rm"], ["ckpt", "pin"], ["ckpt", "rm"]):
            expect(s.ctl(ALICE, verb[0], *verb[1:], only, *(["1"] if verb[0] == "ckpt" else [])), 77, f"uid {ALICE} may not")
        for name in ("r1", "r99", "r007"):
            expect(s.submit(BOB, train[BOB], "--paused", "--name", name), 64, "would be taken for a run's id")
        # A client that skips bitctl's checks.
        refused = call_as(BOB, hostile.submit_named, s.socket, "r99")
        assert "would be taken for a run's id" in refused, refused
        expect(s.submit(BOB, train[BOB], "--paused", "--name", "@last"), 64, "may hold letters")
        for run in (his, only):
            expect(s.ctl(BOB, "cancel", run), 0)
        # prune removes the user's own runs; with --all-users, which only admins may use, those of all users.
        def pruned(who, *more):
            return sorted(json.loads(line)["run"] for line in expect(s.ctl(who, "prune", "--keep", "0", "-n", "--json", *more), 0).splitlines())
        assert pruned(BOB) == sorted([his, only]), pruned(BOB)
        expect(s.ctl(BOB, "prune", "--keep", "0", "--all-users"), 77, f"uid {BOB} may not remove the runs of others")
        assert pruned(CAROL) == [] and pruned(CAROL, "--all-users") == sorted([mine, his, again, third, only])
        expect(s.ctl(BOB, "prune", "--keep", "1"), 0)
        assert pruned(BOB) == [only] and len(pruned(ALICE)) == 3
        expect(s.ctl(CAROL, "rm", mine), 0)


def what_one_may_not_read_is_not_read_for_him():
    with Service() as s:
        mine = s.tokens("alice/t.npy", ALICE, 0o644)
        private = s.tokens("service/private.npy", SERVICE, 0o600)
        expect(s.submit(BOB, private), 77, f"uid {BOB} may not read {private}: Permission denied")
        expect(s.submit(BOB, private, "--dry-run"), 77, "Permission denied")
        expect(s.submit(BOB, mine, more=f'eval {{ set {{ name: "x" path: "{mine}" path: "{private}" }} }}'), 77, private)
        expect(s.submit(ALICE, os.path.join(s.dir, "alice/none.npy")), 77, "No such file")
        hidden = s.tokens("alice/hidden.npy", ALICE, 0o600)  # readable for her, not for the service
        expect(s.submit(ALICE, hidden), 77, "token file", "hidden.npy", "Permission denied")
        expect(s.submit(BOB, mine, "--set", f"model.init_from={s.dir}/alice"), 77, "model.init_from", "no checkpoint below")
        expect(s.submit(0, private, "--paused"), 0)  # root may read everything


def a_path_that_comes_to_name_another_file_ends_the_run():
    with Service() as s:
        mine = s.tokens("alice/t.npy", ALICE, 0o644)
        private = s.tokens("service/private.npy", SERVICE, 0o600)
        many = [s.tokens(f"alice/{i}.npy", ALICE, 0o644) for i in range(150)]  # three batches of descriptors
        expect(s.submit(ALICE, mine, "--paused", "--set", f"data.train={json.dumps(many)}"), 0)
        run = expect(s.submit(ALICE, mine, "--paused"), 0)
        stat = os.stat(mine)
        os.unlink(mine)
        os.symlink(private, mine)
        os.utime(private, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # the same size and time: only the inode differs
        expect(s.ctl(ALICE, "resume", run, "--no-wait"), 0)
        code, out, err = s.ctl(ALICE, "wait", run)
        status = s.ctl(ALICE, "status", run)[1]
        assert code == 65 and "another file" in status, (code, out, err, status)


def who_proves_something_else_proves_nothing():
    ways = {"nothing": "without a descriptor", "another": "another file", "a folder": "no regular file",
            "too many": "too many", "far too many": "too many", "of others": "other files than were asked for",
            "more than asked": "other files than were asked for", "no reply": "instead of a proof",
            "garbage": "no frame begins here", "half": "left before it had proven", "gone": "closed"}
    with Service() as s:
        mine = s.tokens("alice/t.npy", ALICE, 0o644)
        before = len(os.listdir(f"/proc/{s.process.pid}/fd"))
        for way, why in ways.items():
            said = call_as(BOB, hostile.submit, s.socket, mine, way)
            assert why in said, (way, said)
        expect(s.ctl(BOB, "ps"), 0)
        after = len(os.listdir(f"/proc/{s.process.pid}/fd"))
        assert after <= before + 1, (before, after)  # none of the clients' descriptors is left open


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return f.read().split()


def what_bitd_starts_holds_no_descriptor_of_it():
    with Service(client_timeout=600) as s:
        mine = s.tokens("alice/t.npy", ALICE, 0o644)
        with acting_as(BOB):
            proves = hostile.asked(s.socket, mine)
        run = expect(s.submit(ALICE, mine), 0)
        expect(s.ctl(ALICE, "wait", run, "--for", "step=1"), 0)
        launchers = children_of(s.process.pid)
        assert len(launchers) == 1, launchers
        held = {fd: os.readlink(f"/proc/{launchers[0]}/fd/{fd}") for fd in os.listdir(f"/proc/{launchers[0]}/fd")}
        assert sorted(held) == ["0", "1", "2"], held
        proves.close()


def who_proves_with_what_closes_slowly_waits_for_himself_alone():
    with Service(client_timeout=5) as s:
        mine = s.tokens("alice/t.npy", ALICE, 0o644)
        slow, other_end = hostile.slow_socket()
        with acting_as(BOB):
            proves = hostile.asked(s.socket, mine)
        s.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, s.process.pid, os.WSTOPPED)
        hostile.prove_with(proves, slow.fileno())
        slow.close()  # so bitd holds the last descriptor
        s.process.send_signal(signal.SIGCONT)
        expect(s.submit(ALICE, mine, "--paused"), 0)  # while nobody reads the other end
        expect(s.ctl(BOB, "ps"), 0)
        said = proves.recv(65536)[28:].decode(errors="replace")
        assert "did not prove what it may read in time" in said, said
        assert proves.recv(1) == b""  # then bitd closes the connection
        with acting_as(BOB):
            again = hostile.asked(s.socket, mine)
        other_end.close()
        hostile.prove_with(again, 0)
        assert "no regular file" in again.recv(65536)[28:].decode(errors="replace")


SECRET = "hunterTwoSecretPw"


def private_text(s):
    path = s.write("service/private.txt", SECRET + "\n", 0o600)
    os.chown(path, SERVICE, SERVICE)
    return path


def what_lies_beside_a_file_needs_the_same_right():
    with Service() as s:
        mine, beside = s.tokens("bob/t.npy", BOB, 0o644), os.path.join(s.dir, "bob/dataset.json")
        os.symlink(private_text(s), beside)
        for more in ((), ("--dry-run",)):
            got = s.submit(BOB, mine, *more)
            expect(got, 77, f"uid {BOB} may not read {beside}: Permission denied")
            assert SECRET not in "".join(map(str, got)), got
        os.unlink(beside)
        s.write("bob/dataset.json", SECRET)  # his own file: even then an error does not quote it
        got = s.submit(BOB, mine)
        expect(got, 65, "dataset.json:1:")
        assert SECRET not in got[2], got
        os.unlink(beside)
        os.mkfifo(beside, 0o644)
        expect(s.submit(BOB, mine), 65, "no regular file")
        os.unlink(beside)
        os.mkdir(beside)
        expect(s.submit(BOB, mine), 65, "no regular file")
        os.rmdir(beside)
        more = [s.tokens(f"bob/{i}.npy", BOB, 0o644) for i in range(70)]  # one sidecar for all, and two batches
        expect(s.submit(BOB, mine, "--paused", "--set", f"data.train={json.dumps(more)}"), 0)


def weights(s, path, owner, mode, change=lambda names: None):
    path = os.path.join(s.dir, path)
    names = {"transformer.wte.weight": (512, 32), "transformer.blocks.0.att_proj.weight": (96, 32),
             "transformer.blocks.0.attn_out.weight": (32, 32), "transformer.blocks.0.ff_proj.weight": (128, 32),
             "transformer.blocks.0.ff_out.weight": (32, 64)}
    change(names)
    write_safetensors(path, names)
    os.chown(path, owner, owner)
    os.chmod(path, mode)
    return path


def begin(s, uid, train, path, *args):
    return s.submit(uid, train, "--set", f"model.init_from={path}", *args)


def a_model_begins_from_what_its_submitter_may_read():
    with Service() as s:
        train, link = s.tokens("alice/t.npy", ALICE, 0o644), os.path.join(s.dir, "bob/link")
        hers = weights(s, "service/w.safetensors", SERVICE, 0o600)
        for path in (hers, private_text(s), os.path.join(s.dir, "service/none")):
            os.symlink(path, link)
            for named in (path, link):
                for more in ("--paused", "--dry-run"):
                    got = begin(s, BOB, train, named, more)
                    assert got[0] in (65, 77) and SECRET not in "".join(map(str, got)), got
            os.unlink(link)
        expect(begin(s, BOB, train, hers, "--paused"), 77, "model.init_from", "you did not show that you may read it")
        own = weights(s, "bob/w.safetensors", BOB, 0o644)
        os.symlink(own, link)
        first, second = (expect(begin(s, BOB, train, link, "--paused"), 0) for _ in range(2))
        os.unlink(link)
        os.symlink(hers, link)  # the run begins from the file shown at the submission, not from the link's new target
        expect(s.ctl(BOB, "resume", first, "--no-wait"), 0)
        expect(s.ctl(BOB, "wait", first, "--for", "step=1"), 0)
        expect(s.ctl(BOB, "cancel", first), 0)
        stat = os.stat(own)
        os.unlink(own)
        os.rename(hers, own)
        os.utime(own, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        expect(s.ctl(BOB, "resume", second, "--no-wait"), 0)
        code, status = s.ctl(BOB, "wait", second)[0], s.ctl(BOB, "status", second)[1]
        assert code == 65 and "another file has taken its place" in status, (code, status)


def what_is_evaluated_is_what_its_submitter_may_read():
    with Service() as s:
        own, hers = (weights(s, f"{who}/w.safetensors", uid, mode) for who, uid, mode in (("bob", BOB, 0o644), ("alice", ALICE, 0o600)))
        held, secret = s.tokens("bob/held.npy", BOB, 0o644), s.tokens("alice/held.npy", ALICE, 0o600)
        shape = ("layers=1", "width=32", "heads=2", "mlp_hidden=64", "vocab=500", "vocab_padded=512", "context=16")
        args = [word for one in shape for word in ("--set", "model." + one)]

        def evaluate(path, *more):
            return s.ctl(BOB, "eval", path, *args, *more)

        expect(evaluate(own, "--held-out", f"held={held}", "--set", "launch.threads=1"), 0)
        expect(evaluate(hers, "--held-out", f"held={held}", "-d"), 77, "model.init_from")
        expect(evaluate(own, "--held-out", f"held={secret}", "-d"), 77, "may not read")
        task = os.path.join(s.dir, "bob/copa.requests")  # a run without any token file
        lines = s.write("copa.jsonl", "".join(json.dumps({"task": "copa", "document": 0, "choice": i, "context": "It", "label": 0,
                                                          "continuation": word, "metric": "acc"}) + "\n" for i, word in enumerate((" is", " be"))))
        subprocess.run([BITCTL, "tokenize", "-q", "--requests", "-t", SMALL, "-o", s.dir + "/bob", lines], check=True)
        wide = weights(s, "bob/wide.safetensors", BOB, 0o644, lambda names: names.update({"transformer.wte.weight": (640, 32)}))
        for mode, code in ((0o644, 0), (0o600, 77)):
            os.chmod(task, mode)
            expect(evaluate(wide, "--task", task, "--set", "model.vocab=612", "--set", "model.vocab_padded=640", "-d"), code)


def shards(s, folder, mode):
    """Write a model in Hugging Face's format: two files and an index."""
    block = "model.layers.0."
    names = {"model.embed_tokens.weight": (512, 32), block + "mlp.down_proj.weight": (32, 64)}
    names |= {f"{block}self_attn.{p}_proj.weight": (32, 32) for p in "qkvo"}
    names |= {f"{block}mlp.{p}_proj.weight": (64, 32) for p in ("up", "gate")}
    path = os.path.join(s.dir, folder)
    os.mkdir(path)
    parts = [sorted(names)[k::2] for k in (0, 1)]
    for k, part in enumerate(parts):
        write_safetensors(os.path.join(path, f"part-{k}.safetensors"), {name: names[name] for name in part})
        os.chown(os.path.join(path, f"part-{k}.safetensors"), SERVICE, SERVICE)
        os.chmod(os.path.join(path, f"part-{k}.safetensors"), mode if k else 0o644)
    with open(os.path.join(path, "model.safetensors.index.json"), "w") as f:
        json.dump({"weight_map": {name: f"part-{k}.safetensors" for k, part in enumerate(parts) for name in part}}, f)
    with open(os.path.join(path, "config.json"), "w") as f:
        json.dump({"model_type": "olmo", "hidden_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1,
                   "intermediate_size": 64, "vocab_size": 512, "tie_word_embeddings": True, "clip_qkv": 8}, f)
    return path


def every_shard_is_shown():
    with Service() as s:
        train, link = s.tokens("alice/t.npy", ALICE, 0o644), os.path.join(s.dir, "bob/model")
        good, hidden = shards(s, "bob/good", 0o644), shards(s, "bob/hidden", 0o600)
        expect(begin(s, BOB, train, good, "--paused"), 0)
        expect(begin(s, BOB, train, good, "--dry-run"), 0, "model.clip_qkv: 0, and '")
        for more in ("--paused", "--dry-run"):
            code, out, err = begin(s, BOB, train, hidden, more)
            assert code in (65, 77) and "part-1" in out + err and "down_proj" not in out + err, (code, out, err)
        os.symlink(good, link)
        run = expect(begin(s, BOB, train, link, "--paused"), 0)
        os.unlink(os.path.join(good, "part-1.safetensors"))
        os.rename(os.path.join(hidden, "part-1.safetensors"), os.path.join(good, "part-1.safetensors"))
        expect(s.ctl(BOB, "resume", run, "--no-wait"), 0)
        code, status = s.ctl(BOB, "wait", run)[0], s.ctl(BOB, "status", run)[1]
        assert code == 65 and "another file has taken its place" in status, (code, status)


def a_run_begins_from_anothers_if_it_is_shared():
    with Service() as s:
        train = s.tokens("alice/t.npy", ALICE, 0o644)
        for more, code in (("", 77), ("shared: true", 0)):
            run = expect(s.submit(ALICE, train, "--paused", more=more), 0)
            kept = weights(s, f"service/state/runs/{run}/checkpoints/w.safetensors", SERVICE, 0o600)
            for uid, want in ((BOB, code), (ALICE, 0), (CAROL, 0), (0, 0)):
                got = begin(s, uid, train, kept, "--paused")
                assert got[0] == want, (uid, more, got)
            if code:
                expect(begin(s, BOB, train, kept, "--dry-run"), 77, f"uid {BOB} may not start a run from {run}: it is uid {ALICE}'s")


def what_is_no_weights_is_said_at_once():
    def lacks(names):
        del names["transformer.wte.weight"]

    def turned(names):
        names["transformer.wte.weight"] = (32, 512)

    with Service() as s:
        train, fifo = s.tokens("alice/t.npy", ALICE, 0o644), os.path.join(s.dir, "bob/fifo")
        os.mkfifo(fifo)
        wrong = {fifo: (65, "is a FIFO"), "/dev/zero": (65, "is a device"), os.path.join(s.dir, "bob"): (65, "MANIFEST"),
                 private_text(s): (65, "safetensors"), os.path.join(s.dir, "none"): (65, "No such file"),
                 weights(s, "bob/lacks", BOB, 0o644, lacks): (64, "no tensor 'transformer.wte.weight'"),
                 weights(s, "bob/turned", BOB, 0o644, turned): (64, "is 32 x 512, and the model's is 512 x 32")}
        for path, (code, why) in wrong.items():
            for more in ("--paused", "--dry-run"):
                expect(begin(s, 0, train, path, more), code, "model.init_from", why)
        expect(begin(s, BOB, train, fifo, "--paused"), 77, "model.init_from")


SLURM = 'launcher: {} max_restarts: 0 slurm {{ {} }}'


def others_pass_to_slurm_what_the_settings_name():
    with Service(allow_sbatch_arg="--nice --mem=0", allow_env="NCCL_DEBUG NCCL_IB_*") as s:
        mine = s.tokens("alice/t.npy", ALICE, 0o644)

        def dry(uid, slurm):
            path = s.write("run.txtpb", SPEC.format(train=mine, more="", launch=SLURM.format("SBATCH", slurm)))
            return s.ctl(uid, "submit", path, "--dry-run")  # with -q it would print nothing

        wrong = {'env: "LD_PRELOAD=/x/evil.so"': "launch.slurm.env[0]: 'LD_PRELOAD'", 'env: "PATH=/x"': "only for bitd's own user",
                 'env: "NCCL_P2P_LEVEL=NVL"': "allow_env", 'srun_arg: "--nice=1"': "allow_srun_arg", 'sbatch_arg: "--mem=1"': "allow_sbatch_arg"}
        for slurm, why in wrong.items():
            expect(dry(BOB, slurm), 64, why)
            expect(s.submit(BOB, mine, "--paused", launch=SLURM.format("SBATCH", slurm)), 64, why)
        expect(dry(BOB, " ".join(wrong)), 64, *wrong.values())  # all of it at once
        everybodys = {'srun_arg: "--prolog=/x"': "--prolog runs a program", 'srun_arg: "--task-prolog=/x"': "--task-prolog runs",
                      'srun_arg: "--uid=0"': "--uid changes the user", 'srun_arg: "-o/home/victim/.bashrc"': "short option",
                      'srun_arg: "--outp=/x"': "for --output", 'srun_arg: "--expor=ALL"': "for --export", 'sbatch_arg: "--wra=rm"': "for --wrap",
                      'sbatch_arg: "-D/x"': "short option", 'sbatch_arg: "--get-user-env"': "--get-user-env runs"}
        for uid in (BOB, 0):
            expect(dry(uid, " ".join(everybodys)), 64, *everybodys.values(), "run.txtpb:")
        good = 'sbatch_arg: "--nice=7" sbatch_arg: "--mem=0" env: "NCCL_DEBUG=INFO" env: "NCCL_IB_HCA=mlx5"'
        assert "--nice=7 --mem=0" in expect(dry(BOB, good), 0)
        expect(dry(0, 'srun_arg: "--nice=1" env: "LD_LIBRARY_PATH=/opt/lib"'), 0)
    p = subprocess.run([BITD, "--state", "/nowhere", "--set", "allow_env=LD_PRELOAD"], capture_output=True, text=True)
    assert p.returncode != 0 and "allow_env: LD_PRELOAD" in p.stderr, (p.returncode, p.stderr)


def what_reaches_srun_is_what_was_allowed():
    job = {"SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "n1"}
    with tempfile.TemporaryDirectory() as tools:
        os.chmod(tools, 0o755)
        with open(os.path.join(tools, "srun"), "w") as f:
            f.write('#!/bin/sh\nenv\nexit 3\n')  # into the log of the launch
        os.chmod(f.name, 0o755)
        with Service(environment=job, slurm=tools, allow_env="NCCL_DEBUG") as s:
            mine = s.tokens("alice/t.npy", ALICE, 0o644)

            def environment(uid, pair):
                run = expect(s.submit(uid, mine, launch=SLURM.format("SRUN", f'env: "{pair}"')), 0)
                assert s.ctl(0, "wait", run)[0] != 0
                with open(os.path.join(s.state, "runs", run, "logs", "worker-1.log")) as f:
                    return f.read().splitlines()

            assert "NCCL_DEBUG=INFO" in environment(BOB, "NCCL_DEBUG=INFO")
            assert "LD_LIBRARY_PATH=/opt/lib" in environment(0, "LD_LIBRARY_PATH=/opt/lib")
            expect(s.submit(BOB, mine, launch=SLURM.format("SRUN", 'env: "LD_LIBRARY_PATH=/opt/lib"')), 64, "only for bitd's own user")


def a_run_is_launched_by_the_settings_that_hold_then():
    with Service(allow_env="NCCL_DEBUG") as s:
        mine = s.tokens("alice/t.npy", ALICE, 0o644)
        run = expect(s.submit(BOB, mine, "--paused", launch=SLURM.format("SBATCH", 'env: "NCCL_DEBUG=INFO"')), 0)
        s.restart(allow_env="")
        expect(s.ctl(BOB, "resume", run, "--no-wait"), 0)
        code, status = s.ctl(BOB, "wait", run)[0], s.ctl(BOB, "status", run)[1]
        assert code == 64 and "allow_env" in status, (code, status)


def one_user_takes_up_no_others_place():
    with Service() as s:
        run = expect(s.submit(ALICE, s.tokens("alice/t.npy", ALICE, 0o644), "--paused"), 0)
        with acting_as(BOB):
            waits = [hostile.ask(s.socket, hostile.WAIT, run) for _ in range(48)]
        expect(s.ctl(BOB, "wait", run), 75, f"too many waits of uid {BOB}: limit 48 (waits_per_user)")
        with acting_as(BOB):
            streams = [hostile.ask(s.socket, hostile.EVENTS, run, hostile.field(3, 1)) for _ in range(16)]
        for stream in streams:
            stream.recv(1)  # it has begun
        for verb in (["ps"], ["status", run], ["wait", run], ["events", run, "-f"], ["cancel", run]):
            expect(s.ctl(BOB, *verb), 75, f"too many clients of uid {BOB}: limit 64 (clients_per_user)")
        for uid in (ALICE, CAROL, SERVICE, 0):
            expect(s.ctl(uid, "status", run), 0)
        expect(s.ctl(ALICE, "cancel", run), 0)
        for wait in waits:
            wait.recv(1)
        expect(s.ctl(BOB, "ps"), 0)  # clients whose wait is over no longer count


def a_sweep_reads_what_its_submitter_may_read():
    """The check covers every branch, also files named in its assignments and files checked when a branch starts."""
    with Service() as s:
        mine, other = s.tokens("alice/t.npy", ALICE, 0o644), s.tokens("alice/u.npy", ALICE, 0o644)
        private = s.tokens("service/private.npy", SERVICE, 0o600)
        spec = s.write("run.txtpb", SPEC.format(train=mine, more="", launch=""))
        rates = ("--vary", "schedule.peak_lr=1e-3,2e-3")

        def sweep(uid, *args):
            return s.ctl(uid, "sweep", "-q", spec, "--paused", *args)

        id = expect(sweep(BOB, *rates, "--vary", "batch.instances=4,8"), 0)
        for verb in ("resume", "cancel"):
            expect(s.ctl(ALICE, verb, id), 77, f"uid {ALICE} may not change {id}: it is uid {BOB}'s")
        expect(s.ctl(ALICE, "ps", "--sweeps"), 0)
        expect(s.ctl(CAROL, "cancel", id), 0)
        expect(s.ctl(ALICE, "rm", id), 77, f"uid {ALICE} may not change {id}: it is uid {BOB}'s")
        expect(sweep(BOB, *rates, "--set", f"data.train={private}"), 77, f"uid {BOB} may not read {private}: Permission denied")
        expect(sweep(BOB, "--vary", f"data.train={private}", *rates), 77, f"uid {BOB} may not read {private}: Permission denied")
        expect(sweep(BOB, "--vary", f"data.train={other}", *rates), 0)
        expect(sweep(BOB, "--vary", f"data.train={mine},{private}"), 77, "has other data", "make a sweep of each")
        expect(sweep(BOB, "--vary", f"data.train={mine},{other}"), 77, "has other data", "make a sweep of each")
        expect(sweep(0, "--vary", f"data.train={mine},{other}"), 0)
        id = expect(sweep(BOB, *rates), 0)
        os.unlink(mine)
        os.symlink(private, mine)
        expect(s.ctl(BOB, "resume", id), 0)
        code, _, said = s.ctl(BOB, "wait", id)
        assert code == 100 and said.count("another file") == 2, (code, said)


def a_bitd_of_root_takes_only_roots_runs():
    with Service(uid=0) as s:
        mine = s.tokens("alice/t.npy", ALICE, 0o644)
        expect(s.submit(ALICE, mine), 77, "this bitd is root's", "start one of your own")
        expect(s.submit(0, mine, "--paused"), 0)


def open_for(path):
    try:
        os.close(os.open(path, os.O_RDONLY))
    except PermissionError:
        return "refused"
    return "opened"


def nobody_reads_the_memory_of_bitd():
    """bitd is not dumpable, so the kernel refuses even its own user; that user's other processes are open to him."""
    with Service() as s, subprocess.Popen(["cat"], stdin=subprocess.PIPE, user=SERVICE, group=SERVICE) as other:
        of_another = call_as(SERVICE, open_for, f"/proc/{other.pid}/mem")
        of_bitd = call_as(SERVICE, open_for, f"/proc/{s.process.pid}/mem")
        other.stdin.close()
        assert (of_another, of_bitd) == ("opened", "refused"), f"{of_another}, {of_bitd}"


main([a_name_means_ones_own_run, a_run_is_its_owners_and_the_admins, a_shared_run_is_the_groups_to_stop, what_one_may_not_read_is_not_read_for_him,
      a_path_that_comes_to_name_another_file_ends_the_run, who_proves_something_else_proves_nothing,
      what_bitd_starts_holds_no_descriptor_of_it, who_proves_with_what_closes_slowly_waits_for_himself_alone,
      what_lies_beside_a_file_needs_the_same_right, every_shard_is_shown,
      a_model_begins_from_what_its_submitter_may_read, what_is_evaluated_is_what_its_submitter_may_read,
      a_run_begins_from_anothers_if_it_is_shared, what_is_no_weights_is_said_at_once, others_pass_to_slurm_what_the_settings_name,
      what_reaches_srun_is_what_was_allowed, a_run_is_launched_by_the_settings_that_hold_then, one_user_takes_up_no_others_place,
      a_sweep_reads_what_its_submitter_may_read, nobody_reads_the_memory_of_bitd, a_bitd_of_root_takes_only_roots_runs])
