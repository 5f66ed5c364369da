"""--priority and --after as users give and see them; tests/daemon/test_queue tests which run begins when."""
import json

import fixture


def told_by_every_verb():
    with fixture.Daemon() as d:
        first = d.submit(d.spec(), "--paused")
        second = d.submit(d.spec(name="second"), "--after", first, "--after", "ok:" + first, "--priority", "7")
        status = d.status(second)
        assert status["priority"] == 7 and status["after"] == [first, "ok:" + first], status
        assert status["reason"] == f"waits for {first} (paused), {first} to complete (paused)", status
        assert status["queue_position"] is None and d.status(first)["priority"] is None
        page = d.ctl("status", second, check=True)[1]
        assert "waits for r1 (paused)" in page and "priority      7" in page, page
        row = [line for line in d.ctl("ps", check=True)[1].splitlines() if line.startswith(second)]
        assert row and "after r1 and 1" in row[0], row
        events = d.ctl("events", second, check=True)[1]
        assert "priority 7, to begin after r1, ok:r1" in events, events
        d.ctl("cancel", first, check=True)
        assert d.ctl("wait", second)[0] == 103, "it was to begin once r1 has completed"
        assert "after r1 had completed, but r1 is cancelled" in d.status(second)["reason"]


def changed_later():
    with fixture.Daemon() as d:
        first, second = d.submit(d.spec(), "--paused"), d.submit(d.spec(name="second"), "--paused")
        out = d.ctl("set", second, "priority=7", check=True)[1]
        assert "priority 7: it counts when the run is queued again" in out, out
        answer = json.loads(d.ctl("set", second, "priority=-8", "--json", check=True)[1])
        assert answer["run"] == second and d.status(second)["priority"] == -8, answer
        assert "priority -8 in the queue, by uid" in d.ctl("events", second, check=True)[1]
        record = json.loads(d.ctl("events", second, "--json", check=True)[1].splitlines()[-1])
        assert record["priority"]["priority"] == -8 and record["seq"] == answer["event"], record
        d.ctl("set", second, "priority=0", check=True)
        assert d.status(second)["priority"] is None
        for args, code, said in ((["priority=x"], 2, "a number from -1000 to 1000, not 'x'"), (["priority="], 2, "not ''"),
                                 (["priority=1001"], 2, "1001"), (["priority=1", "--at", "9"], 2, "give it alone"),
                                 (["schedule.peak_lr=1", "priority=1"], 2, "give it alone")):
            got, _, err = d.ctl("set", first, *args)
            assert got == code and said in err, (args, got, err)
        d.ctl("cancel", first, check=True)
        code, _, err = d.ctl("set", first, "priority=1")
        assert code == 1 and "is cancelled, and in no queue" in err, (code, err)


def mistakes():
    with fixture.Daemon() as d:
        run = d.submit(d.spec(), "--paused")
        for args, code, said in ((["--priority", "x"], 2, "a number from -1000 to 1000, not 'x'"), (["--priority", "1001"], 2, "1001"),
                                 (["--after", "ok:"], 2, "--after takes a run"), (["--after", "r7"], 102, "there is no run 'r7'"),
                                 (["--after", "r1"] * 33, 2, "32 times at most")):
            got, _, err = d.ctl("submit", d.spec(), *args)
            assert got == code and said in err, (args, got, err)
        d.ctl("cancel", run, check=True)
        code, _, err = d.ctl("submit", d.spec(), "--after", "ok:" + run)
        assert code == 1 and "will not complete unless it is resumed" in err, (code, err)
        assert d.ctl("ps", "-a", "-q", check=True)[1].split() == [run], "nothing was submitted"


fixture.main([told_by_every_verb, changed_later, mistakes])
