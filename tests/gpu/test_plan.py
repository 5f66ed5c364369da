"""What the plan chooses, leaves out and reserves time for, with a fake clock; and that items are processes whose rows arrive."""
import io
import json
import os
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "run")]
import fixture  # noqa: E402
import items  # noqa: E402
import judge  # noqa: E402
from plan import ALL, Item, Plan, Runner, choose, makespan  # noqa: E402
from report import Report  # noqa: E402


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def item(name, seconds, cards=1, after=(), part="p", home=-1):
    return Item(name, part, seconds, cards, lambda report, host: None, after, home)


def names(found):
    return [i.name for i in found]


def worth_decides_and_what_is_smaller_fills_up():
    found = [item("a", 50), item("b", 60), item("c", 40)]
    assert names(choose(found, 100, 1)) == ["a", "c"]
    assert names(choose(found, 200, 1)) == ["a", "b", "c"]


def cards_work_side_by_side_and_together_after():
    found = [item("a", 50), item("b", 60), item("both", 30, ALL)]
    assert makespan(found, 1) == 140
    assert makespan(found, 2) == 90


def what_is_compared_is_done_on_one_card():
    found = [item("a", 50, home=1), item("b", 60, home=1), item("c", 40)]
    assert makespan(found, 2) == 110 and makespan(found, 1) == 150
    plan = Plan(found, 200, 2, Clock())
    assert plan.next(1, 0)[0].name == "c" and plan.next(1, 0) == (None, False)
    assert [plan.next(1, 1)[0].name for _ in "ab"] == ["a", "b"]


def what_comes_after_another_waits_for_it():
    found = [item("first", 50), item("second", 10, after=("first",))]
    assert makespan(found, 2) == 60
    plan = Plan(found, 100, 2, Clock())
    first, _ = plan.next(1)
    assert first.name == "first" and plan.next(1) == (None, True)
    plan.ended(first, 50)
    assert plan.next(1)[0].name == "second" and plan.next(1) == (None, False)


def one_that_is_never_done_holds_nobody_up():
    plan = Plan([item("second", 10, after=("first",))], 100, 1, Clock())
    assert plan.next(1)[0].name == "second"


def what_helps_others_is_done_only_where_one_of_them_is():
    found = [item("helper", 60), item("plain", 30), item("helped", 50, after=("helper",))]
    assert names(choose(found, 100, 1)) == ["plain", "helped"]
    assert names(choose(found, 140, 1)) == ["helper", "plain", "helped"]
    plan = Plan(found, 100, 1, Clock())
    assert plan.next(1)[0].name == "plain" and plan.next(1)[0].name == "helped" and names(plan.left) == ["helper"]


def time_of_all_cards_is_kept_while_single_ones_work():
    clock = Clock()
    plan = Plan([item("a", 40), item("both", 50, ALL), item("b", 30)], 100, 1, clock)
    assert plan.chosen == {"a", "both"}
    assert plan.next(1)[0].name == "a"
    clock.now = 40
    assert plan.next(1)[0] is None and plan.next(ALL)[0].name == "both"
    clock.now = 65  # it was faster than expected, so there is time for more
    assert plan.next(1, keep=False)[0].name == "b"


def a_part_that_is_slower_than_thought_is_planned_slower():
    clock = Clock()
    found = [item("a", 10), item("b", 10), item("c", 10, part="q")]
    plan = Plan(found, 40, 1, clock)
    plan.ended(plan.next(1)[0], 35)
    clock.now = 26
    assert plan.next(1)[0].name == "c" and names(plan.left) == ["b"]


def rows_of(programs, seconds=60, devices=(None,), **more):
    """Run items that are Python programs. Returns (the report's rows, all lines written)."""
    lines = io.StringIO()
    with tempfile.TemporaryDirectory() as out:
        report = Report(out, seconds, lines, told=False)
        plan = Plan([item(name, 1) for name in programs], seconds, len(devices))
        Runner(report, plan, lambda i, lane, left: [sys.executable, "-c", programs[i.name]], list(devices), **more).run()
    return report.rows, [json.loads(line) for line in lines.getvalue().splitlines()]


class OverAtOnce(threading.Timer):
    """A timer that fires once the item's program has opened the FIFO `seen`."""

    def __init__(self, _, function, args):
        super().__init__(0, lambda: (open(self.seen).close(), function(*args)))

    seen = ""


ROW = "import json, os; print(json.dumps({'what': %r, 'result': 'ok', 'figure': os.environ.get('CUDA_VISIBLE_DEVICES', ''), 'target': ''}), flush=True)"


def rows_of_a_process_arrive_and_are_kept_as_they_come():
    rows, lines = rows_of({"a": ROW % "x" + "; print(5); print('{\"what\": 1}');" + ROW % "y"})
    assert [(r["what"], r["item"]) for r in rows] == [("x", "a"), ("y", "a")]
    assert [line.get("what") for line in lines[:2]] == ["x", "y"] and lines[2]["item"] == "a" and lines[2]["took_s"] >= 0


def a_process_that_breaks_is_its_own_row_and_the_rest_goes_on():
    rows, _ = rows_of({"a": ROW % "x" + "; os.abort()", "b": ROW % "y"})
    assert [(r["what"], r["result"]) for r in rows] == [("x", "ok"), ("a", "FAILED"), ("y", "ok")]


def lanes_see_a_card_each():
    with tempfile.TemporaryDirectory() as folder:
        fifo = os.path.join(folder, "fifo")
        os.mkfifo(fifo)  # opening blocks until both ends are open: neither item can end without the other
        rows, _ = rows_of({"a": f"open({fifo!r}, 'w').close(); " + ROW % "x", "b": f"open({fifo!r}).read(); " + ROW % "y"}, devices=("3", "5"))
    assert sorted(r["figure"] for r in rows) == ["3", "5"]


def what_has_no_time_left_is_said():
    rows, _ = rows_of({"a": ROW % "x"}, seconds=0.5)
    assert rows[0]["result"] == "skipped" and "left out: it takes about 1 s" in rows[0]["figure"]


def one_that_does_not_end_is_cut_and_keeps_its_rows():
    with tempfile.TemporaryDirectory() as folder:
        OverAtOnce.seen = os.path.join(folder, "fifo")
        os.mkfifo(OverAtOnce.seen)
        rows, _ = rows_of({"a": ROW % "x" + f"; open({OverAtOnce.seen!r}, 'w').close(); import threading; threading.Event().wait()"}, timer=OverAtOnce)
    assert [(r["what"], r["result"]) for r in rows] == [("x", "ok"), ("a", "skipped")] and "cut off" in rows[1]["figure"]


def every_item_has_a_name_of_its_own_and_comes_after_one_that_exists():
    for gpus in (0, 1, 2, 4, 8):
        for peer in (True, False):
            found = items.table(items.PARTS, gpus, False, peer)
            known = names(found)
            assert len(set(known)) == len(known)
            assert all(name in known for i in found for name in i.after)
            assert any(name.startswith("many-") for name in known) == (gpus > 1)
    assert [n for n in ("many-8", "many-4", "many-2") if any(i.name.startswith(n) for i in items.table(("many",), 8, False, True))] == ["many-8", "many-4", "many-2"]


def parts_and_beginnings_of_names_can_be_asked_for():
    found, unknown = items.wanted(["options", "many-2-batch", "two"], 2, False, True)
    options = [i.name for i in items.table(("options",), 2, False, True)]
    assert set(options) < set(names(found)) and not unknown
    assert {"many-2-batch-16bit", "many-2-batch-ternary"} <= set(names(found)) and len(set(names(found))) == len(found)
    found, unknown = items.wanted(["many-2-stall", "nothing"], 2, False, True)
    assert names(found) == ["many-2-stall"] and unknown == ["nothing"]


def pytorchs_table_fits_a_call_of_one_card():
    found = [i for i in items.table(("peer",), 1, False, True) if "bf16" not in i.name]
    assert len(found) == 7 and makespan(found, 1) <= 570, makespan(found, 1)


def line(ranks=1, phase="16bit", micro_steps=16, tokens=100.0, **more):
    return {"phase": phase, "ranks": ranks, "micro_batch": 8, "micro_steps": micro_steps, "tokens_per_s_per_rank": tokens, "step_ms": 1000.0,
            "split_ms": {"optimizer": 40.0, "communication": 2.0}, "reduced_bytes": 1, "gathered_bytes": 1, "collectives": 3, "fabric": "nccl", **more}


def judged(*rows):
    with tempfile.TemporaryDirectory() as out:
        report = Report(out, 60, io.StringIO(), told=False)
        judge.all_of_it(report, list(rows), False)
    return {r["what"]: (r["result"], r["figure"]) for r in report.rows}


def several_gpus_are_held_against_one_with_as_many_micro_batches():
    rows = [{"bench": line(), "options": [], "asked_micro": 8}, {"bench": line(ranks=8, tokens=99), "options": [], "asked_micro": 8},
            {"bench": line(ranks=8, micro_steps=32, tokens=97), "options": [], "asked_micro": 8}]
    found = judged(*rows)
    assert found["16-bit, 8 GPUs, 16 micro-batches a step: over one GPU's"] == ("ok", "0.990")
    # One GPU with 32 micro-batches: 40 + 2 x 960 ms for twice the tokens.
    assert found["16-bit, 8 GPUs, 32 micro-batches a step: over one GPU's"] == ("below", f"{97 / (200 / 1.96):.3f}")


def pytorchs_best_is_of_its_own_kind():
    def peer(residual, tokens, ranks=1, sharing=None):
        return {"peer": {"phase": "16bit", "residual": residual, "ranks": ranks, "sharing": sharing, "micro_batch": 8, "micro_steps": 16, "tokens_per_s": tokens}}

    found = judged({"bench": line(), "options": [], "asked_micro": 8},
                   {"bench": line(tokens=104.0), "options": ["model.residual=BF16"], "asked_micro": 8},
                   {"bench": line(ranks=2, tokens=99.0), "options": [], "asked_micro": 8},
                   peer("fp32", 80.0), peer("bf16", 95.0), peer("fp32", 90.0, 2, "fsdp2"))
    assert found["16-bit over PyTorch's best of micro-batch 8"] == ("ok", "1.250")
    assert found["16-bit with a bf16 residual stream over PyTorch's best of micro-batch 8"] == ("ok", f"{104 / 95:.3f}")
    assert found["16-bit, 2 GPUs, over PyTorch fsdp2"] == ("ok", "1.100")
    assert found["16-bit, micro-batch 8, model.residual=BF16"] == ("ok", "1.040 of the speed without; optimizer 40.0 ms, 40.0 without")


if __name__ == "__main__":
    fixture.main([worth_decides_and_what_is_smaller_fills_up,
                  cards_work_side_by_side_and_together_after,
                  what_is_compared_is_done_on_one_card,
                  what_comes_after_another_waits_for_it,
                  one_that_is_never_done_holds_nobody_up,
                  what_helps_others_is_done_only_where_one_of_them_is,
                  time_of_all_cards_is_kept_while_single_ones_work,
                  a_part_that_is_slower_than_thought_is_planned_slower,
                  rows_of_a_process_arrive_and_are_kept_as_they_come,
                  a_process_that_breaks_is_its_own_row_and_the_rest_goes_on,
                  lanes_see_a_card_each,
                  what_has_no_time_left_is_said,
                  one_that_does_not_end_is_cut_and_keeps_its_rows,
                  every_item_has_a_name_of_its_own_and_comes_after_one_that_exists,
                  parts_and_beginnings_of_names_can_be_asked_for,
                  pytorchs_table_fits_a_call_of_one_card,
                  several_gpus_are_held_against_one_with_as_many_micro_batches,
                  pytorchs_best_is_of_its_own_kind])
