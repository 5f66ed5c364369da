"""Changes that users make to an existing run: in its status, after a restart of bitd, and in diff."""
import json

import fixture


def diff(d, a, b):
    code, out, err = d.ctl("diff", a, b, "--json")
    assert code in (0, 1), (code, err)
    said = json.loads(out)
    return {s["setting"]: (s["a"], s["b"]) for s in said["settings"]}, said


def what_was_changed(status):
    return [(c["setting"], c["was"], c["is"]) for c in status["change"]]


def a_moved_switch_and_another_optimizer():
    with fixture.Daemon(hold=(4,)) as d:
        as_submitted = d.submit(d.spec(name="a", steps=20, at_step=10, optimizer="RESET"))
        d.let_on()
        d.finish(as_submitted)
        changed = d.submit(d.spec(name="b", steps=20, at_step=10, optimizer="RESET"))
        d.wait(changed, "--for", "step=3")
        d.ctl("switch", changed, "--at", "12", "--keep-optimizer", check=True)
        status = d.status(changed)
        want = [("phases.switch.at_step", "10", "12"), ("phases.switch.optimizer", "RESET", "KEEP")]
        assert what_was_changed(status) == want and status["change_count"] == 2, status["change"]
        planned = [e for e in d.events(changed) if "switch_planned" in e][0]
        for c in status["change"]:
            assert c["step"] == 3 and c["uid"] is not None and (c["event"], c["time"]) == (planned["seq"], planned["time"]), c
        page = d.ctl("status", changed, check=True)[1]
        assert "changed       phases.switch.optimizer RESET -> KEEP after step 3, by uid " in page, page
        d.kill()
        d.start()
        assert d.status(changed)["change"] == status["change"], "as before bitd was killed"
        d.let_on()
        d.finish(changed)
        settings, said = diff(d, as_submitted, changed)
        assert settings["phases.switch.at_step"] == ("10", "12") and settings["phases.switch.optimizer"] == ("RESET", "KEEP"), settings
        assert set(settings) == {"name", "phases.switch.at_step", "phases.switch.optimizer"}, settings
        assert said["a_change"] == [] and said["b_change"] == status["change"] and said["first"]["step"] == 11, said
        text = d.ctl("diff", as_submitted, changed)[1]
        assert f"phases.switch.at_step        10 | 12  ({changed}: 10 until step 3)" in text, text
        cancelled = d.submit(d.spec(name="c", steps=20, at_step=10))
        d.wait(cancelled, "--for", "step=3")
        d.ctl("switch", cancelled, "--cancel", check=True)
        d.let_on()
        d.finish(cancelled)
        settings, _ = diff(d, as_submitted, cancelled)
        assert settings["phases.switch.at_step"] == ("10", "-"), settings


def other_ranks_after_a_pause():
    with fixture.Daemon(hold=(6,)) as d:
        run = d.submit(d.spec(steps=12, at_step=6, ranks=2))
        d.wait(run, "--for", "step=5")
        d.ctl("pause", run, "--no-wait", check=True)
        with d.held_no_more():
            d.wait(run, "--for", "state=paused")
            at = d.status(run)["step"]
            d.ctl("resume", run, "--ranks", "1", check=True)
            d.finish(run)
        status = d.status(run)
        assert what_was_changed(status) == [("launch.ranks", "2", "1")] and status["change"][0]["step"] == at, status["change"]
        settings, said = diff(d, f"{run}#1", f"{run}#2")
        assert settings == {"launch.ranks": ("2", "1")}, "each attempt with the ranks that it had"
        assert said["a_change"] == [] and len(said["b_change"]) == 1, said
        code, _, err = d.ctl("diff", f"{run}#9", run)
        assert code == 1 and err == f"bitctl: {run} has no attempt 9: there were 2\n", (code, err)
        settings, _ = diff(d, run, run)
        assert settings == {"launch.ranks": ("1", "1")}, "they were others under way"


def more_steps_of_a_completed_run():
    with fixture.Daemon() as d:
        run = d.submit(d.spec(steps=12, at_step=6))
        d.finish(run)
        d.ctl("resume", run, "--steps", "16", check=True)
        d.finish(run)
        found = what_was_changed(d.status(run))
        assert ("schedule.steps", "12", "16") in found, found
        settings, _ = diff(d, run, d_twin(d))
        assert settings["schedule.steps"] == ("16", "12"), settings


def d_twin(d):
    twin = d.submit(d.spec(name="twin", steps=12, at_step=6))
    d.finish(twin)
    return twin


fixture.main([a_moved_switch_and_another_optimizer, other_ranks_after_a_pause, more_steps_of_a_completed_run])
