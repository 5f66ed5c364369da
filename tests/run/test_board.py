"""STATE/tensorboard: a link to each run's curves, as long as the run exists."""
import os
import shutil

import fixture


def names(d):
    return sorted(os.listdir(os.path.join(d.state, "tensorboard")))


def each_run_has_a_name_that_leads_to_its_folder():
    with fixture.Daemon() as d:
        first, second = (d.submit(d.spec(name="sweep-2k", steps=6, at_step=3)) for _ in range(2))
        d.finish(first)
        d.finish(second)
        assert names(d) == ["sweep-2k-r1", "sweep-2k-r2"], names(d)
        files = os.listdir(os.path.join(d.state, "tensorboard", "sweep-2k-r2"))
        assert sum("tfevents" in f for f in files) == 2, files
        assert os.readlink(os.path.join(d.state, "tensorboard", "sweep-2k-r1")) == "../runs/r1"


def the_name_goes_with_the_run():
    with fixture.Daemon() as d:
        for name in ("here", "there"):
            d.finish(d.submit(d.spec(name=name, steps=6, at_step=3)))
        d.ctl("rm", "here", check=True)
        assert names(d) == ["there-r2"], names(d)


def a_bitd_of_now_names_the_runs_of_one_before_it():
    """bitd adds links for runs of an earlier bitd and removes those of folders that a user removed; other files stay untouched."""
    with fixture.Daemon() as d:
        for name in ("old", "gone"):
            d.finish(d.submit(d.spec(name=name, steps=6, at_step=3)))
        d.process.terminate()
        d.process.wait()
        board = os.path.join(d.state, "tensorboard")
        os.remove(os.path.join(board, "old-r1"))
        os.symlink("/nowhere", os.path.join(board, "somebody's"))
        shutil.rmtree(os.path.join(d.state, "runs", "r2"))
        d.start()
        assert names(d) == ["old-r1", "somebody's"], names(d)


def without_names_runs_train_as_ever():
    with fixture.Daemon() as d:
        with open(os.path.join(d.state, "tensorboard"), "w"):
            pass
        d.finish(d.submit(d.spec(steps=6, at_step=3)))
        d.ctl("rm", "r1", check=True)


fixture.main([each_run_has_a_name_that_leads_to_its_folder, the_name_goes_with_the_run,
              a_bitd_of_now_names_the_runs_of_one_before_it, without_names_runs_train_as_ever])
