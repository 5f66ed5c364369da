"""bitd's memory with a dataset of a billion tokens open (sparse files) and a run training on it stays under 64 MiB."""
import json
import os

import fixture

TOKENS = 1_000_000_000
FILES = 8


def a_billion_tokens():
    with fixture.Daemon() as d:
        paths = []
        for i in range(FILES):
            path = os.path.join(d.dir, f"big-{i}.npy")
            with open(path, "wb") as f:
                f.truncate(2 * TOKENS // FILES)
            paths.append(path)
        sets = [f"data.train={paths[0]}"] + [f"data.train+={p}" for p in paths[1:]]
        args = [a for s in sets for a in ("--set", s)]
        run = d.submit(d.spec(steps=30, at_step=15), *args, "--set", "eval=", "--set", "model.context=2048", "--set", "batch.instances=2", "--set", "batch.micro_instances=1")
        d.wait(run, "--for", "step=10")
        rss = json.loads(d.ctl("version", "--json", check=True)[1])["bitd"]["rss_bytes"]
        print(f"       bitd holds {rss / 2**20:.1f} MiB with {TOKENS:,} tokens in {FILES} files")
        assert rss < 64 << 20
        d.finish(run)


fixture.main([a_billion_tokens])
