"""`bitworker bench` as one line of JSON: the sum of its split, however long the step, and the communication between ranks,
which a dry run's model has to count alike."""
import json
import os
import subprocess
import tempfile

import fixture

WORKER = os.path.join(fixture.build_root(), "worker", "bitworker")
SMALL = ["model.layers=2", "model.width=32", "model.heads=1", "model.mlp_hidden=32", "model.vocab=64", "model.vocab_padded=64", "model.context=16",
         "launch.backend=CPU", "launch.threads=1"]


def bench(*args):
    command = [WORKER, "bench", "--model", "olmo_20m", "--micro-batch", "1", "--steps", "1", "--json",
               *[word for field in SMALL for word in ("--set", field)], *args]
    p = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert p.returncode == 0, p.stderr
    return json.loads(p.stdout.splitlines()[-1])


def the_split_of_a_long_step_has_all_of_it():
    """A step of more than 65536 operators. Operators that are not traced would count as waiting, two thirds of the time here."""
    line = bench("--micro-steps", "4000")
    assert line["split_ms"]["wait"] < line["traced_ms"] / 2 and line["split_ms"]["optimizer"] > 0, line["split_ms"]
    assert abs(sum(line["split_ms"].values()) - line["traced_ms"]) <= 0.01, line


def ranks_say_how_many_collectives_a_step_has():
    alone, two = bench(), bench("--ranks", "2")
    assert alone["collectives"] == 0 and alone["reduced_bytes"] == 0, alone
    assert two["collectives"] > 0 and two["reduced_bytes"] > 0 and two["gathered_bytes"] > 0, two


def modelled_calls(folder, ranks, fields):
    """Collectives of a step in each phase, by the dry run of the same model on GPUs elsewhere."""
    tokens, spec = os.path.join(folder, "tokens.npy"), os.path.join(folder, "run.txtpb")
    with open(tokens, "wb") as f:
        f.write(bytes(1 << 16))
    with open(spec, "w") as f:
        f.write(f'name: "t" model {{ preset: "olmo_20m" }} data {{ train: "{tokens}" }} batch {{ instances: {ranks} }} schedule {{ steps: 9 warmup_steps: 2 }}'
                f" phases {{ switch {{ at_step: 4 }} }} launch {{ backend: CUDA launcher: SRUN ranks: {ranks} }}")
    bitctl = os.path.join(fixture.build_root(), "ctl", "bitctl")
    p = subprocess.run([bitctl, "check", "--json", spec, *[word for field in fields for word in ("--set", field)]],
                       capture_output=True, text=True, env=os.environ | {"BITD_SOCKET": "/nowhere/bitd.sock"})
    assert p.returncode == 0, p.stderr + p.stdout
    return {m["precision"]: sum(c["calls"] for c in m["collective"]) for m in json.loads(p.stdout)["scaling"]}


def a_dry_run_models_as_many_collectives():
    """Without and with a gap, which 3 ranks leave of 8 and 10 blocks, with a head of its own, and in groups. Means: medians are counted otherwise on processors."""
    shape = ["model.layers=2", "model.width=128", "model.heads=2", "model.mlp_hidden=256", "model.vocab=1024", "model.vocab_padded=1024",
             "model.context=16", "quantizer.weight_measure=MEAN"]
    with tempfile.TemporaryDirectory() as folder:
        for ranks, tied, group in ((2, "true", 0), (3, "true", 0), (2, "false", 0), (3, "false", 0), (2, "true", 1), (4, "true", 2)):
            fields = [*shape, f"model.tied={tied}", f"launch.shard_ranks={group}"]
            calls = modelled_calls(folder, ranks, fields)
            for phase in ("16bit", "ternary"):
                words = [word for field in fields for word in ("--set", field)]
                did = bench("--ranks", str(ranks), "--phase", phase, *words)["collectives"]
                assert did == calls[phase], (ranks, tied, group, phase, did, calls)


def ranks_are_bound_as_bitds_are():
    """bench starts mpirun with --bind-to none: by default mpirun would bind a rank, with NCCL's threads, to one core."""
    with tempfile.TemporaryDirectory() as folder:
        told = os.path.join(folder, "told")
        with open(os.path.join(folder, "mpirun"), "w") as f:
            f.write(f"#!/bin/sh\nprintf '%s\\n' \"$@\" >{told}\n")
        os.chmod(f.name, 0o755)
        subprocess.run([WORKER, "bench", "--ranks", "2"], env=os.environ | {"PATH": folder + ":" + os.environ["PATH"]}, check=True, timeout=60)
        with open(told) as f:
            words = f.read().split()
    assert "--bind-to none" in " ".join(words), words
    assert words[words.index("-n") + 1] == "2" and words[-1] == "bench", words


if __name__ == "__main__":
    fixture.main([the_split_of_a_long_step_has_all_of_it, ranks_say_how_many_collectives_a_step_has, a_dry_run_models_as_many_collectives,
                  ranks_are_bound_as_bitds_are])
