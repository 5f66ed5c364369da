"""Bad input: a clear error that names the file, offset or field, a specific exit code, and nothing lost or half-written."""
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import time

import fixture


def expect(d, code, pattern, *args):
    got, out, err = d.ctl(*args)
    assert got == code, f"bitctl {' '.join(args)} ended with {got}, not {code}: {err}{out}"
    assert re.search(pattern, err), f"bitctl {' '.join(args)} said {err!r}, which lacks {pattern!r}"
    return err


def a_spec_with_several_mistakes():
    with fixture.Daemon() as d:
        path = os.path.join(d.dir, "bad.txtpb")
        with open(path, "w") as f:
            f.write('model { preset: "olmo_2b" heads: three }\nbatch { instanses: 8 }\nschedule { steps: 10 peak_lr: -1 }\n')
        err = expect(d, 64, r"instances", "submit", path)
        assert re.search(r"bad\.txtpb:1:\d+", err) and re.search(r"bad\.txtpb:2:\d+", err), f"line and column of each: {err}"
        assert not d.ids()


def an_unknown_preset():
    with fixture.Daemon() as d:
        expect(d, 64, r"olmo_1b", "submit", d.spec(), "--set", "model.preset=olmo_1c")


def cross_field_rules():
    with fixture.Daemon() as d:
        expect(d, 64, r"ranks", "submit", d.spec(ranks=3))
        expect(d, 64, r"at_step", "submit", d.spec(steps=10, at_step=11))


def what_this_build_cannot_do_is_refused():
    with fixture.Daemon() as d:
        expect(d, 64, r"SLURM_JOB_ID", "submit", d.spec(), "--set", "launch.launcher=SRUN")
        expect(d, 64, r"CUDA", "submit", d.spec(), "--set", "launch.backend=CUDA")
        assert not d.ids()


def token_files():
    with fixture.Daemon() as d:
        missing = os.path.join(d.dir, "missing.npy")
        expect(d, 65, r"missing\.npy", "submit", d.spec(), "--set", f"data.train={missing}")
        odd = os.path.join(d.dir, "odd.npy")
        with open(odd, "wb") as f:
            f.write(b"\0" * 4097)
        expect(d, 65, r"odd\.npy.*4097|4097.*odd\.npy", "submit", d.spec(), "--set", f"data.train={odd}")
        small = os.path.join(d.dir, "small.npy")
        fixture.write_tokens(small, 64 * 7, 256, 3)
        expect(d, 65, r"7 instances", "submit", d.spec(), "--set", f"data.train={small}")
        assert not d.ids(), "nothing was submitted"


def an_id_beyond_the_vocabulary():
    with fixture.Daemon() as d:
        path = os.path.join(d.dir, "train.npy")
        with open(path, "r+b") as f:
            f.seek(2 * 64 * 1000 + 10)
            f.write(struct.pack("<H", 999))
        # Every instance is read within one epoch, so the bad one is read, too.
        run = d.submit(d.spec(steps=250, at_step=0))
        code = d.wait(run)
        reason = d.status(run)["reason"]
        assert code == 65, f"ended with {code}: {reason}"
        assert "train.npy" in reason and "999" in reason and "128010" in reason, f"file, id and byte offset: {reason}"


def a_file_truncated_under_the_run():
    with fixture.Daemon(hold=(6,)) as d:
        run = d.submit(d.spec(steps=250, at_step=100, every=20))
        d.wait(run, "--for", "step=5")
        os.truncate(os.path.join(d.dir, "train.npy"), 64 * 2 * 100)
        with d.held_no_more():  # if the run has already failed it reaches no further step
            code = d.wait(run)
            reason = d.status(run)["reason"]
            assert code == 65 and "train.npy" in reason, f"ended with {code}: {reason}"


def a_model_that_does_not_fit():
    with fixture.Daemon() as d:
        code, _, err = d.ctl("submit", d.spec(), "--set", "launch.memory_gib=0.0001")
        assert code != 0 and re.search(r"GiB|MiB|KiB", err), f"the numbers are told: {code} {err}"


def a_socket_in_use_and_a_second_daemon():
    with fixture.Daemon() as d:
        p = subprocess.run([d.bitd, "--state", d.state, "--socket", d.socket + "2"], capture_output=True, text=True, timeout=120)
        assert p.returncode == 75 and d.state in p.stderr, f"a second daemon on the folder: {p.returncode} {p.stderr}"
        p = subprocess.run([d.bitd, "--state", d.state + "2", "--socket", d.socket], capture_output=True, text=True, timeout=120)
        assert p.returncode == 75 and d.socket in p.stderr, f"a second daemon on the socket: {p.returncode} {p.stderr}"
        assert d.ctl("ps")[0] == 0, "the first one is unharmed"


def no_daemon():
    with fixture.Daemon() as d:
        d.kill()
        expect(d, 69, r"no bitd", "ps")
        d.start()


def unknown_run_and_verbs():
    with fixture.Daemon() as d:
        expect(d, 102, r"r99", "status", "r99")
        expect(d, 2, r"usage", "status")
        expect(d, 2, r"usage", "switch", "r1", "--at", "soon")
        assert d.ctl("nonsense")[0] == 2


def garbage_from_clients():
    with fixture.Daemon() as d:
        run = d.submit(d.spec(steps=60, at_step=30))
        for data in (os.urandom(4096), b"BIT1" + b"\xff" * 24, b"BIT1", b"\0" * 28, b"GET / HTTP/1.1\r\n\r\n"):
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(d.socket)
                s.sendall(data)
                if data != b"BIT1":  # half a header: the daemon waits for the rest
                    s.settimeout(120)
                    try:
                        assert s.recv(4096) is not None
                    except ConnectionResetError:
                        pass
        assert d.ctl("ps")[0] == 0
        d.finish(run)


def a_disk_that_fills():
    if os.geteuid() != 0:
        fixture.skip("mounting a small disk needs root")
    with fixture.Daemon(hold=(4,)) as d:
        small = os.path.join(d.dir, "small")
        os.mkdir(small)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", small], capture_output=True).returncode != 0:
            print("       (no mount allowed here: left out)")
            return
        try:
            d.stop()
            d.state = os.path.join(small, "state")
            d.start()
            run = d.submit(d.spec(steps=60, at_step=30, every=5))
            d.wait(run, "--for", "step=3")
            with open(os.path.join(small, "ballast"), "wb") as f:
                try:
                    while True:
                        f.write(b"\0" * 65536)
                except OSError:
                    pass
            d.let_on()
            deadline = time.monotonic() + 300
            while time.monotonic() < deadline:
                failed = [e for e in d.events(run) if "checkpoint" in e and e["checkpoint"]["error"]] if d.ctl("ps")[0] == 0 else []
                if failed or d.status(run)["state"] == "blocked":
                    break
                time.sleep(0.1)
            else:
                raise AssertionError("neither a failed checkpoint nor a blocked run was told")
            os.unlink(os.path.join(small, "ballast"))
            assert d.finish(run)["state"] == "completed", "space returned, and the run went on by itself"
            assert d.ctl("ckpt", "verify", run)[0] == 0
        finally:
            d.stop()
            subprocess.run(["umount", "-l", small])


def damaged_weights_to_begin_from_end_the_run_at_once():
    with fixture.Daemon() as d:
        first = d.submit(d.spec(name="first", steps=10, at_step=5, every=10))
        d.finish(first)
        kept = json.loads(d.ctl("ckpt", "ls", first, "--json", check=True)[1].splitlines()[-1])["path"]
        copy = os.path.join(d.dir, "copy")
        shutil.copytree(kept, copy)
        with open(os.path.join(copy, "model.safetensors"), "r+b") as f:  # a byte of the data: the header stays valid
            f.seek(-1000, 2)
            byte = f.read(1)[0]
            f.seek(-1000, 2)
            f.write(bytes([byte ^ 1]))
        run = d.submit(d.spec(name="second", steps=10, at_step=5), "--set", f"model.init_from={copy}")
        assert d.wait(run) == 65, d.status(run)
        status = d.status(run)
        assert "model.init_from" in status["reason"] and "checksum" in status["reason"] and "documents" not in status["reason"], status["reason"]
        assert len([e for e in d.events(run) if "launched" in e]) == 1, "it would be the same the next time"


def what_f16_cannot_hold_is_named():
    with fixture.Daemon() as d:
        shapes = {"transformer.wte.weight": (256, 64), "transformer.ff_out.weight": (256, 64)}
        for i in range(2):
            shapes |= {f"transformer.blocks.{i}.{name}.weight": shape for name, shape in
                       (("att_proj", (192, 64)), ("attn_out", (64, 64)), ("ff_proj", (256, 64)), ("ff_out", (64, 128)))}
        header, at = {}, 0
        for name, (rows, cols) in shapes.items():
            header[name] = {"dtype": "F16", "shape": [rows, cols], "data_offsets": [at, at + 2 * rows * cols]}
            at += 2 * rows * cols
        text, data = json.dumps(header).encode(), bytearray(at)
        end = header["transformer.blocks.1.ff_out.weight"]["data_offsets"][1]
        for half, words in ((0x7C00, "is infinite"), (0x7E00, "is NaN")):
            data[end - 2:end] = struct.pack("<H", half)
            path = os.path.join(d.dir, f"half-{half}.safetensors")
            with open(path, "wb") as f:
                f.write(struct.pack("<Q", len(text)) + text + data)
            run = d.submit(d.spec(name="half", steps=10, at_step=5), "--set", f"model.init_from={path}")
            code, reason = d.wait(run), d.status(run)["reason"]
            offset = 8 + len(text) + end - 2
            assert code == 104 and f"tensor 'transformer.blocks.1.ff_out.weight' {words} at offset {offset}" in reason, (code, reason)
            assert ("F16 ends at 65504" in reason) == (half == 0x7C00), reason
            assert len([e for e in d.events(run) if "launched" in e]) == 1, "it would be the same the next time"


def files_that_hold_no_tokens():
    with fixture.Daemon() as d:
        ids = list(range(100, 200)) * 64
        numpy = b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '<u2', 'fortran_order': False, 'shape': (6400,), }".ljust(117) + b"\n"
        for name, data, pattern in (
                ("mine.jsonl", b'{"id": "a", "text": "A sentence of a document."}\n' * 100, r"mine\.jsonl' holds text.*bitctl tokenize"),
                ("saved.npy", numpy + struct.pack("<6400H", *ids), r"saved\.npy' is a file of numpy\.save"),
                ("packed.npy", b"\x1f\x8b\x08" + bytes(4093), r"packed\.npy' is compressed"),
                ("wide.npy", struct.pack("<6400I", *ids), r"wide\.npy' looks like ids of 32 bits.*UINT32")):
            path = os.path.join(d.dir, name)
            with open(path, "wb") as f:
                f.write(data)
            expect(d, 65, pattern, "submit", d.spec(), "--dry-run", "--set", f"data.train={path}")
            code, _, err = d.ctl("data", "verify", path)
            assert code == 65 and re.search(pattern, err), f"data verify of {name} ended with {code}: {err}"
        expect(d, 65, r"train\.npy' looks like ids of 16 bits.*UINT16", "submit", d.spec(), "--set", "data.dtype=UINT32")
        assert not d.ids()


def a_dry_run_warns():
    with fixture.Daemon() as d:
        _, out, _ = d.ctl("submit", "--dry-run", d.spec(steps=2000, every=1), "--set", "launch.threads=1000", "--set",
                          "checkpoint.keep_last=1000000", check=True)
        for pattern in (r"warning: data: no dataset\.json beside \S+/train\.npy", r"warning: schedule\.steps: .* trained on 8\.0 times",
                        r"warning: launch\.threads: 2 ranks of 1000 threads on \d+ core"):
            assert re.search(pattern, out), f"the dry run lacks {pattern!r}: {out}"
        many = str(2 * os.cpu_count())
        _, out, _ = d.ctl("submit", "--dry-run", d.spec(), "--set", f"launch.ranks={many}", "--set", "launch.threads=0", "--set",
                          f"batch.instances={many}", "--set", "batch.micro_instances=1", "--set", "launch.memory_gib=1", check=True)
        assert re.search(rf"warning: launch\.ranks: {many} ranks on \d+ core", out), out
        _, out, _ = d.ctl("submit", "--dry-run", d.spec(steps=1000000, every=1), "--set", "checkpoint.keep_last=1000000", "--set",
                          "model.vocab=200000", "--set", "model.vocab_padded=200064", "--set", "data.dtype=UINT16", check=True)
        assert re.search(r"warning: checkpoint: up to \d+ checkpoints of [\d.]+ MiB are [\d.]+ GiB, and [\d.]+ GiB are free in", out), out
        _, out, _ = d.ctl("submit", "--dry-run", "--json", d.spec(), check=True)
        assert "data" in [w["field"] for w in json.loads(out)["warning"]], out


def a_specification_through_a_pipe():
    with fixture.Daemon() as d:
        with open(d.spec()) as f:
            text = f.read()
        for name in ("-", "/dev/stdin"):
            p = subprocess.run([d.bitctl, "submit", "--socket", d.socket, "--dry-run", "--json", name], input=text, capture_output=True,
                               text=True, cwd=d.dir)
            assert p.returncode == 0, p.stderr + p.stdout
            assert json.loads(p.stdout)["spec"]["data"]["train"] == [os.path.join(d.dir, "train.npy")]
        p = subprocess.run([d.bitctl, "submit", "--socket", d.socket, "-q", "-"], input=text.replace('name: "t"', ""), capture_output=True,
                           text=True, cwd=d.dir)
        assert d.status(p.stdout.strip())["name"] == "run", p.stderr
        expect(d, 1, r"specification 'none\.txtpb': No such file or directory$", "submit", "none.txtpb")
        p = subprocess.run([d.bitctl, "submit", "--socket", d.socket, "-"], input="model { layers: x }", capture_output=True, text=True)
        assert p.returncode == 64 and "/dev/stdin:1:17" in p.stderr, p.stderr


def files_that_are_no_specification():
    with fixture.Daemon() as d:
        text = open(d.spec()).read()
        with open(os.path.join(d.dir, "wide.txtpb"), "wb") as f:
            f.write(text.encode("utf-16"))
        with open(os.path.join(d.dir, "zeros.txtpb"), "wb") as f:
            f.write(text.encode() + bytes(8))
        for args, code, said in (
                (("wide.txtpb",), 64, "wide.txtpb: this is UTF-16 text: save it as UTF-8\n"),
                (("zeros.txtpb",), 64, f"zeros.txtpb: this is not text: byte {len(text)} is 0x00\n"),
                (("train.npy",), 64, "train.npy: this is not a specification: it is not text, and not a binary RunSpec either\n"),
                ((d.dir,), 1, "is a folder: name the file of the specification"),
                (("t.txtpb", "--set", "data.train=valid.npy", "--set", "batch.instances=16"), 65,
                 "data.train: 8 instances of 64 tokens in 1 file are too few: one batch needs 16\n")):
            for verb in ("submit", "check"):
                got, out, err = bare(d, verb, *args, *(("--socket", d.socket) if verb == "submit" else ()))
                assert got == code and said in err and len(err.splitlines()) <= 2, (verb, args, got, out, err)


def a_step_that_is_no_number():
    with fixture.Daemon() as d:
        for verb in (("eval", "t@-3"), ("eval", "t@"), ("eval", "t@4k"), ("export", "t@x", "--to", "hf", "-o", "out")):
            code, out, err = d.ctl(*verb)
            assert code == 2 and f"'{verb[1][2:]}' is no step" in err, (verb, code, out, err)
        code, out, err = d.ctl("wait", "t", "--for", "step=x")
        assert code == 2 and "did you mean" not in err, err


def a_suspended_bitd_is_named():
    """bitd in the foreground, and Ctrl-Z: bitctl says why it gets no answer, and goes on once it gets one."""
    with fixture.Daemon() as d:
        for verb in ("ps", "wait"):
            run = d.submit(d.spec(name=verb, steps=6, at_step=5), "--paused")
            d.process.send_signal(signal.SIGSTOP)
            p = subprocess.Popen([d.bitctl, verb, "--socket", d.socket, *([run] if verb == "wait" else [])], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
            line = p.stderr.readline()
            d.process.send_signal(signal.SIGCONT)
            assert f"bitd (process {d.process.pid}) is stopped" in line and f"kill -CONT {d.process.pid}" in line, line
            d.ctl("cancel", run, check=True)
            out, err = p.communicate(timeout=120)
            assert p.returncode == (103 if verb == "wait" else 0) and err == "", (p.returncode, out, err)


def bitd_names_what_it_cannot_use():
    with fixture.Daemon() as d:
        def bitd(*args):
            p = subprocess.run([d.bitd, "--state", os.path.join(d.dir, "other"), *args], capture_output=True, text=True, timeout=60)
            return p.returncode, p.stderr

        config = os.path.join(d.dir, "other.conf")
        for text, code, said in ((b"slotz = 2\n", 78, "other.conf:1: there is no setting 'slotz'; did you mean 'slots'?"),
                                 (b"\xef\xbb\xbfslots = 0\r\n", 78, "other.conf:1: slots = 0: a number from 1 to")):
            with open(config, "wb") as f:
                f.write(text)
            got, err = bitd("--config", config)
            assert got == code and said in err, (text, got, err)
        for args, code, said in ((("--config", d.dir), 78, f"{d.dir}: Is a directory"), (("--sate", "x"), 2, "there is no --sate; did you mean --state?"),
                                 (("--zebra",), 2, "there is no --zebra; bitd --help lists the options"), (("--slots",), 2, "--slots needs a value"),
                                 (("--requeue=1",), 2, "--requeue takes no value"), (("-x",), 2, "there is no -x; bitd --help lists the options")):
            got, err = bitd(*args)
            assert got == code and said in err and len(err.splitlines()) == 1, (args, got, err)


def a_damaged_journal_is_named():
    with fixture.Daemon() as d:
        runs = [d.submit(d.spec(name=name, steps=6, at_step=5)) for name in ("a", "b")]
        for run in runs:
            d.finish(run)
        d.kill()
        journal = [os.path.join(d.state, "runs", run, "journal") for run in runs]
        with open(journal[0], "r+b") as f:
            f.seek(300)
            f.write(b"garbage")
        with open(journal[1], "wb"):
            pass
        d.start()
        code, out, err = d.ctl("events", runs[0])
        assert code == 65 and journal[0] in err and "record" in err, (code, err)
        code, out, err = d.ctl("status", runs[1])
        assert code == 0 and "1970" not in out and journal[1] in out, out


def a_damaged_specification_is_named():
    """The run is listed until it is removed or its file is put back; what needs its specification is refused, and names the file."""
    with fixture.Daemon() as d:
        runs = [d.submit(d.spec(name=name, steps=6, at_step=5)) for name in ("a", "b", "c")]
        for run in runs:
            d.finish(run)
        files = [os.path.join(d.state, "runs", run, "spec.pb") for run in runs]
        d.kill()
        with open(files[0], "rb") as f:
            was = f.read()
        with open(files[0], "wb") as f:
            f.write(b"garbage")
        os.truncate(files[1], 0)
        os.unlink(files[2])
        d.start()
        assert d.ctl("ps", "-q", check=True)[1].split() == runs
        page = d.ctl("ps", check=True)[1]
        for run, file in zip(runs, files):
            assert re.sub(r"\s", "", file) in re.sub(r"\s", "", page), (run, page)
            status = d.status(run)
            assert status["state"] == "failed" and file in status["reason"] and f"bitctl rm {run}" in status["reason"], status
            for code, words in ((65, ("show", run)), (65, ("resume", run)), (65, ("set", run, "peak_lr=1e-3")), (65, ("fork", run, "--from", "6")),
                                (1, ("doctor", run))):
                got, out, err = d.ctl(*words)
                assert got == code and file in out + err, (words, got, out, err)
            assert "spec.txtpb" in d.ctl("doctor", run)[1]
            assert "completed" in d.ctl("events", run, "--json")[1].lower()
            assert d.ctl("export", run, "--to", "hf", "-o", os.path.join(d.dir, f"model-{run}"))[0] == 0
        assert d.ctl("rm", runs[1], check=True)[0] == 0 and not os.path.exists(os.path.dirname(files[1]))
        d.kill()
        with open(files[0], "wb") as f:
            f.write(was)
        d.start()
        assert d.status(runs[0])["state"] == "completed" and d.ctl("ps", "-q", check=True)[1].split() == runs[2:]


def the_nearest_name_is_suggested():
    """Wherever a user types one name of a known list. Each line: what is typed, what is suggested."""
    with fixture.Daemon(hold=(6,)) as d:
        spec = d.spec(name="keep", every=2)
        run = d.submit(spec)
        d.ctl("wait", run, "--for", "step=5", check=True)
        wrong = []
        for typed, meant in (
                ("sub", "`bitctl submit`"), ("help subm", "`bitctl help submit`"), ("help specc", "`bitctl help spec`"),
                ("help preset", "`bitctl help presets`"), ("help spec prese", "preset"), ("help spec schedule.peek_lr", "schedule.peak_lr"),
                ("help presets contnual", "continual"), ("events RUN --folow", "--follow"), ("status kepe", "'keep'"),
                ("set RUN prio=3", "priority"), ("set RUN weight=0", "weight_decay"), ("set RUN decy=9", "decay"), ("set RUN wieght_decay=0", "weight_decay"),
                ("set RUN peak_lr=3", "schedule.peak_lr"), ("set RUN schedule.peek_lr=3", "peak_lr"), ("set RUN guard.spike=SKIPSTEP", "SKIP_STEP"),
                ("submit -n SPEC --set schedle.steps=9", "schedule"), ("submit -n SPEC --set schedule.shape=LINER", "LINEAR"),
                ("submit -n SPEC --set schedule.preset=b158_700", "b158_700m"), ("submit -n SPEC --set guard.preset=wach", "watch"),
                ("check SPEC --set phases.switch.ramp=TAHN", "TANH"), ("fork RUN --from 4 --set schedule.peek_lr=1", "peak_lr"),
                ("sweep -n SPEC --vary schedule.peek_lr=1,2", "peak_lr"), ("sweep -n SPEC --vary phases.switch.optimizer=KEEP,REST", "RESET"),
                ("ps --where stat=paused", "state"), ("ps --where sate=paused", "state"), ("ps --where tags=a", "tag"), ("ps --where state=pausd", "paused"),
                ("ps --where schedule.peek_lr=3", "peak_lr"), ("wait RUN --for stat=paused", "state"), ("wait RUN --for state=pausd", "paused"),
                ("wait RUN --for phase=ternry", "ternary"), ("wait RUN --for chekpoint=3", "checkpoint"), ("plot RUN --x setp", "step"),
                ("plot RUN --y los", "loss"), ("table RUN --by trainloss", "train loss"), ("table RUN --trunk kepe", "keep"), ("ckpt lss RUN", "ls"), ("ckpt verfiy RUN", "verify"),
                ("data inof train.npy", "info"), ("export RUN --to gguff -o out", "gguf"), ("export RUN --to gguf --type tq20 -o out", "tq2_0"),
                ("eval RUN --precision tenary", "ternary")):
            args = [{"RUN": run, "SPEC": spec}.get(word, word) for word in typed.split()]
            code, out, err = d.ctl(*args) if args[0] not in ("help", "sub", "data", "check") else bare(d, *args)
            if code not in (1, 2, 64, 102) or f"did you mean {meant}?" not in err:
                wrong.append((typed, code, out, err))
        assert wrong == [], "\n".join(map(str, wrong))
        for typed, page in (("submit -n SPEC --set zebra=1", "`bitctl help spec`"), ("submit -n SPEC --set schedule.zebra=1", "`bitctl help spec schedule`")):
            code, out, err = d.ctl(*[spec if word == "SPEC" else word for word in typed.split()])
            assert code == 64 and page in err, (typed, err)
        with d.held_no_more():
            d.ctl("cancel", run, check=True)


def bare(d, *args):
    p = subprocess.run([d.bitctl, *args], capture_output=True, text=True, cwd=d.dir)
    return p.returncode, p.stdout, p.stderr


fixture.main([bitd_names_what_it_cannot_use, a_damaged_journal_is_named, a_damaged_specification_is_named, files_that_are_no_specification, a_step_that_is_no_number, a_suspended_bitd_is_named, the_nearest_name_is_suggested, a_specification_through_a_pipe, files_that_hold_no_tokens, a_dry_run_warns,
              a_spec_with_several_mistakes, an_unknown_preset, cross_field_rules,
              what_this_build_cannot_do_is_refused, token_files, an_id_beyond_the_vocabulary,
              a_file_truncated_under_the_run, a_model_that_does_not_fit, a_socket_in_use_and_a_second_daemon, no_daemon,
              unknown_run_and_verbs, garbage_from_clients, a_disk_that_fills, damaged_weights_to_begin_from_end_the_run_at_once,
              what_f16_cannot_hold_is_named])
