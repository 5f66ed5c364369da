"""Ratios between rows of several items: bitd over PyTorch, several GPUs over one. Reported last, for whatever was measured."""
import json

from bench import NAMES

MUST = {"16bit": 1.0, "ternary": 1.2}  # least tokens/s of bitd over the peer's, each at its best micro-batch
LINEAR = 0.98                          # least tokens/s a GPU of several, over those of one GPU


def earlier(paths):
    """Rows of other calls' results.jsonl; the caller must know that they are of the same build and machine."""
    rows = []
    for path in paths:
        with open(path) as f:
            rows += [row for row in map(json.loads, f) if "bench" in row or "peer" in row]
    return rows


def all_of_it(report, rows, small):
    bench = [row for row in rows if "bench" in row]
    peer = [row["peer"] for row in rows if "peer" in row]
    if not small:
        single(report, bench, peer)
    options(report, bench)
    several(report, bench, small)
    several_peers(report, bench, peer, small)


def speed(line):
    return line.get("tokens_per_s_per_rank") or line["tokens_per_s"]


def best(lines):
    return max(lines, key=speed)


def plain(bench, ranks=1):
    return [row["bench"] for row in bench if not row["options"] and row["bench"]["ranks"] == ranks]


# ---- one GPU


def single(report, bench, peer):
    for phase in NAMES:
        ours = [line for line in plain(bench) if line["phase"] == phase]
        theirs = [line for line in peer if line["phase"] == phase and line["ranks"] == 1 and line["residual"] == "fp32"]
        over(report, f"{NAMES[phase]} over PyTorch's best", ours, theirs, MUST[phase])
    ours = [row["bench"] for row in bench if row["options"] == ["model.residual=BF16"]]
    theirs = [line for line in peer if line["residual"] == "bf16" and line["ranks"] == 1]
    over(report, "16-bit with a bf16 residual stream over PyTorch's best", ours, theirs, MUST["16bit"])
    by_phase = {phase: [line for line in plain(bench) if line["phase"] == phase] for phase in NAMES}
    if all(by_phase.values()):
        report.at_least("ternary over own 16-bit", speed(best(by_phase["ternary"])) / speed(best(by_phase["16bit"])), 1.0)


def over(report, what, ours, theirs, must):
    if ours and theirs:
        tried = "/".join(str(m) for m in sorted({line["micro_batch"] for line in theirs}))
        report.at_least(f"{what} of micro-batch {tried}", speed(best(ours)) / speed(best(theirs)), must)


def options(report, bench):
    """Compare each option with the same configuration without it."""
    for row in bench:
        line = row["bench"]
        if not row["options"]:
            continue
        without = [r["bench"] for r in bench if not r["options"] and r["asked_micro"] == row["asked_micro"] and r["bench"]["phase"] == line["phase"]
                   and r["bench"]["micro_steps"] == line["micro_steps"] and r["bench"]["ranks"] == line["ranks"]]
        if without:
            report.add(f"{NAMES[line['phase']]}, micro-batch {row['asked_micro']}, {', '.join(row['options'])}", "ok",
                       f"{speed(line) / speed(without[0]):.3f} of the speed without; optimizer {line['split_ms']['optimizer']:.1f} ms, "
                       f"{without[0]['split_ms']['optimizer']:.1f} without")


# ---- several


def of_one(bench, line):
    """(tokens/s of one GPU with as many micro-batches a step, how this was obtained), or None."""
    ones = [one for one in plain(bench) if (one["phase"], one["micro_batch"]) == (line["phase"], line["micro_batch"])]
    for one in ones:
        if one["micro_steps"] == line["micro_steps"]:
            return speed(one), "measured"
    if not ones:
        return None
    one = max(ones, key=lambda line: line["micro_steps"])
    update = one["split_ms"]["optimizer"]  # once a step, whatever its number of micro-batches
    step_ms = update + (one["step_ms"] - update) * line["micro_steps"] / one["micro_steps"]
    return speed(one) * one["step_ms"] * line["micro_steps"] / one["micro_steps"] / step_ms, f"from its step of {one['micro_steps']} micro-batches"


def several(report, bench, small):
    for line in [row["bench"] for row in bench if row["bench"]["ranks"] > 1 and not row["options"]]:
        what = f"{NAMES[line['phase']]}, {line['ranks']} GPUs, {line['micro_steps']} micro-batches a step"
        report.add(f"{what}: moved by each", "ok", f"reduced {line['reduced_bytes'] / 1e6:.1f} MB, gathered {line['gathered_bytes'] / 1e6:.1f} MB in "
                   f"{line['collectives']} calls of {line['fabric']}; exposed {line['split_ms']['communication']:.2f} ms of {line['step_ms']:.1f}")
        one = of_one(bench, line)
        if one and small:
            report.skip(f"{what}: over one GPU's", f"{speed(line) / one[0]:.2f}, on processors that all of them share; one's {one[1]}")
        elif one:
            report.at_least(f"{what}: over one GPU's", speed(line) / one[0], LINEAR, known=one[1])


def several_peers(report, bench, peer, small):
    for line in [line for line in peer if line["ranks"] > 1]:
        ours = [own for own in plain(bench, line["ranks"]) if own["phase"] == line["phase"] and own["micro_steps"] == line["micro_steps"]
                and own["micro_batch"] == line["micro_batch"]]
        what = f"{NAMES[line['phase']]}, {line['ranks']} GPUs, over PyTorch {line['sharing']}"
        if ours and small:
            report.skip(what, "not two models of one size")
        elif ours:
            report.at_least(what, speed(ours[0]) / speed(line), MUST[line["phase"]])
