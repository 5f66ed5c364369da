"""Runs found by tag, state, name and any field of the specification; a run's specification as text."""
import json
import os

import fixture


def listed(d, *args):
    return d.ctl("ps", "-q", *args, check=True)[1].split()


def by_what_they_are():
    with fixture.Daemon() as d:
        keep, reset = (d.submit(d.spec(name=name, optimizer=name), "--paused") for name in ("KEEP", "RESET"))
        d.ctl("tag", keep, "paper", "fig.2", check=True)
        assert "tagged paper, fig.2; the spike is the data" in d.ctl("tag", keep, "--note", "the spike is the data", check=True)[1]
        d.ctl("tag", reset, "paper", check=True)
        assert listed(d, "--where", "tag=paper") == [keep, reset] and listed(d, "--where", "tag=fig.2") == [keep]
        assert listed(d, "--where", "phases.switch.optimizer=reset") == [reset], "as --set spells it"
        assert listed(d, "--where", "schedule.peak_lr=0.003") == [keep, reset] and not listed(d, "--where", "schedule.peak_lr=1")
        assert listed(d, "--where", "name=KEEP", "--where", "tag=paper") == [keep]
        assert listed(d, "--where", "state=paused") == [keep, reset] and not listed(d, "--where", "state=training")
        d.ctl("cancel", keep, check=True)
        assert listed(d, "--where", "tag=paper") == [reset] and listed(d, "-a", "--where", "tag=paper") == [keep, reset]
        assert listed(d, "--where", "state=cancelled") == [keep], "an end is asked for"
        d.ctl("tag", keep, "--remove", "fig.2", "--note", "", check=True)
        d.kill()
        d.start()
        status = d.status(keep)
        assert status["tag"] == ["paper"] and status["note"] is None, status
        assert "tags          paper" in d.ctl("status", keep, check=True)[1]
        assert any("tagged paper tagged fig.2" in line for line in d.ctl("events", keep, check=True)[1].splitlines())


def mistakes():
    with fixture.Daemon() as d:
        run = d.submit(d.spec(), "--paused")
        for args, said in ((["--where", "schedule.peek_lr=1"], "did you mean"), (["--where", "state=done"], "no state of a run"),
                           (["--where", "paper"], "KEY=VALUE")):
            code, _, err = d.ctl("ps", *args)
            assert code == 2 and said in err, (code, err)
        for args, said in (([], "give a TAG"), (["a b"], "is no tag"), (["--", "-x"], "is no tag"),
                           ([f"t{i}" for i in range(33)], "33 tags are more than 32"), (["--note", "x" * 3000], "a note of 3000 bytes")):
            code, _, err = d.ctl("tag", run, *args)
            assert code == 2 and said in err, (args, code, err)
        assert d.status(run)["tag"] == [], "nothing of it"


def the_specification_as_text():
    with fixture.Daemon() as d:
        run = d.submit(d.spec(), "--paused")
        d.ctl("switch", run, "--at", "9", check=True)
        text = d.ctl("show", run, check=True)[1]
        assert text.startswith(f"# {run} as it runs") and "at_step: 9" in text, text
        with open(os.path.join(d.state, "runs", run, "spec.txtpb")) as f:
            assert "at_step: 15" in f.read(), "as it was submitted"
        again = os.path.join(d.dir, "again.txtpb")
        with open(again, "w") as f:
            f.write(text)
        other = d.submit(again, "--paused")
        assert d.ctl("show", other, "-q", check=True)[1] == d.ctl("show", run, "-q", check=True)[1]
        assert json.loads(d.ctl("show", run, "--json", check=True)[1])["phases"]["switch"]["at_step"] == 9
        assert d.ctl("show", "r9")[0] == d.ctl("status", "r9")[0]


fixture.main([by_what_they_are, mistakes, the_specification_as_text])
