"""The share of communication in a CPU step: a table for 1, 2, 3, 4 and 8 ranks of one build.

Each run is `bitworker bench` on random tokens, with 48 instances for any number of ranks. The share is the median over the runs; each
measures it in one step that is traced per operator, on rank 0. Waiting for slower ranks counts. The machine should be idle otherwise."""
import argparse
import json
import os
import statistics
import subprocess
import sys

RANKS = (1, 2, 3, 4, 8)
INSTANCES = 48
MICRO_BATCH = 2


def bench(args, ranks, phase):
    worker = os.path.join(args.build, "worker", "bitworker")
    words = ["mpirun", "-n", str(ranks), "--oversubscribe", "--bind-to", "none", worker, "bench", "--json", "--phase", phase,
             "--model", args.model, "--micro-batch", str(MICRO_BATCH), "--micro-steps", str(INSTANCES // ranks // MICRO_BATCH),
             "--steps", str(args.steps), "--set", "launch.backend=cpu", "--set", "launch.threads=1", "--set", "model.context=64"]
    for text in args.set:
        words += ["--set", text]
    env = dict(os.environ, OMPI_MCA_mpi_yield_when_idle="1", OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
               OMP_WAIT_POLICY="passive")
    done = subprocess.run(words, env=env, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)}: exit {done.returncode}\n{done.stderr or done.stdout}")
    return json.loads(done.stdout.splitlines()[-1])


def row(args, ranks, phase):
    runs = [bench(args, ranks, phase) for _ in range(args.runs)]
    share = statistics.median(run["split_ms"]["communication"] / run["traced_ms"] for run in runs)
    step = statistics.median(run["step_ms"] for run in runs)
    return f"{step:9.1f} ms {100 * share:5.1f}%", runs[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", help="a build folder, as build/test")
    parser.add_argument("--model", default="olmo_20m", help="a preset (olmo_20m)")
    parser.add_argument("--runs", type=int, default=3, help="of each row (3)")
    parser.add_argument("--steps", type=int, default=4, help="timed steps of a run (4)")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="of the specification, as bitworker bench has it")
    args = parser.parse_args()
    print("ranks   16-bit step, communication   1.58-bit step, communication   MB reduced, gathered a rank (16-bit, 1.58-bit)")
    for ranks in RANKS:
        sixteen, a = row(args, ranks, "16bit")
        ternary, b = row(args, ranks, "ternary")
        moved = ", ".join(f"{run['reduced_bytes'] * 1e-6:.1f} {run['gathered_bytes'] * 1e-6:.1f}" for run in (a, b))
        print(f"{ranks:5}   {sixteen:>27}   {ternary:>29}   {moved}", flush=True)


if __name__ == "__main__":
    main()
