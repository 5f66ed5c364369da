"""Every run that the documents show or deploy/runs has is one that bitd takes: submit --dry-run, beside files of the names it says."""
import glob
import os
import re

import fixture

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def examples():
    """(where it stands, text) of each file of deploy/runs, and of each block of a README that is a run."""
    for path in sorted(glob.glob(os.path.join(ROOT, "deploy", "runs", "*.txtpb"))):
        with open(path) as f:
            yield os.path.relpath(path, ROOT), f.read()
    readmes = [os.path.join(ROOT, "README.md"), *glob.glob(os.path.join(ROOT, "*", "README.md")), *glob.glob(os.path.join(ROOT, "*", "*", "README.md"))]
    for path in sorted(readmes):
        with open(path) as f:
            blocks = re.findall(r"^```[a-z]*\n(.*?)^```", f.read(), re.M | re.S)
        for number, block in enumerate(blocks):
            here = re.search(r"<<(\w+)\n(.*?)^\1$", block, re.M | re.S)
            if here:  # a shell that writes the run down, with its tokens in /tmp
                block = here.group(2).replace('"/tmp/', '"')
            if re.search(r"^(name:|model *\{|data *\{|schedule *\{)", block, re.M):
                yield f"{os.path.relpath(path, ROOT)}, block {number + 1}", block


def make_tokens(folder, text):
    """Zeros: what they are decides nothing here."""
    for name in re.findall(r'"([^"]+\.npy)"', text):
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.truncate(1 << 26)


def every_example_is_taken():
    seen = []
    with fixture.Daemon() as d:
        for place, text in examples():
            folder = os.path.join(d.dir, f"example-{len(seen)}")
            os.mkdir(folder)
            make_tokens(folder, text)
            path = os.path.join(folder, "run.txtpb")
            with open(path, "w") as f:
                f.write(text)
            code, out, err = d.ctl("submit", "--dry-run", path)
            small = code == 64 and err.strip().endswith("does not fit the memory")  # of this machine; the run itself was taken
            assert small or (code == 0 and "# The specification" in out), f"{place} is refused ({code}): {err.strip()}"
            seen.append(place)
        assert any(place.startswith("README.md") for place in seen), f"README.md shows no run: {seen}"
        assert len(seen) > 5 and not d.ids(), seen
        print(f"         {len(seen)} examples")


fixture.main([every_example_is_taken])
