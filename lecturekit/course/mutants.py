"""Formulas made wrong on purpose: each must be noticed by the tests it names.

A mutant is a block, in the language of `wrong.py`, of tests/mutants/<module>.txt: variational.vae.txt for
lecturekit/variational/vae.py.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from fnmatch import fnmatch
from pathlib import Path

from tqdm import tqdm

from lecturekit.course.profiles import ROOT, CourseError
from lecturekit.course.wrong import Wrong, read

TIMEOUT = 600  # seconds; a mutant that hangs is a broken one
# Imported once; each run is a fork of the process that did.
IMPORTED = [
    "pytest",
    "numpy",
    "torch",
    "torch.distributions",
    "scipy.special",
    "beartype",
    "jaxtyping",
    "matplotlib.pyplot",
]
# -x: the first failure is enough. nbval needs longer to load than most mutants to be caught.
PYTEST = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:nbval"]


def target(mutant: Wrong) -> str:
    """The file that a mutant changes, from the root: variational.vae:kl-sign is of lecturekit/variational/vae.py."""
    return f"lecturekit/{mutant.where.partition(':')[0].replace('.', '/')}.py"


def mutated(mutant: Wrong, root: Path = ROOT) -> str:
    """The file's text with the formula made wrong; CourseError where the mutant does not fit it."""
    if mutant.whole:
        raise CourseError(f"{mutant.where}: a mutant is an edit, lines '- old' and '+ new'")
    file = root / target(mutant)
    if not file.is_file():
        raise CourseError(f"{mutant.where}: there is no {target(mutant)}")
    return mutant.applied(file.read_text(encoding="utf-8"))


def every(root: Path = ROOT, pattern: str = "*") -> list[Wrong]:
    """The mutants whose module:name matches a pattern."""
    found = [mutant for file in sorted((root / "tests" / "mutants").glob("*.txt")) for mutant in read(file)]
    if not (chosen := [mutant for mutant in found if fnmatch(mutant.where, pattern)]):
        names = ", ".join(sorted({mutant.where.partition(":")[0] for mutant in found}))
        raise CourseError(f"no mutant matches {pattern!r}; there are those of {names or 'no module'}")
    return chosen


def _verdicts(root: Path, trials: list[tuple[list[str], Wrong | None]]) -> list[tuple[str, str]]:
    """(verdict, output) of pytest for each (tests, mutant), two at a time, each on a copy of the package."""
    if not hasattr(os, "fork"):
        raise CourseError("mutants are tried in forked processes, which this system does not have: use Linux or macOS")
    found: list[tuple[str, str]] = [("does not apply", "")] * len(trials)
    with tempfile.TemporaryDirectory() as folder:
        jobs = []
        for number, (tests, mutant) in enumerate(trials):
            try:
                write = {target(mutant): mutated(mutant, root)} if mutant else {}
            except CourseError as error:
                found[number] = "does not apply", str(error)
                continue
            job = {
                "do": "tests",
                "root": str(root),
                "folder": str(Path(folder, str(number))),
                "write": write,
                "seconds": TIMEOUT,
            }
            jobs.append((number, job | {"arguments": [*PYTEST, *tests]}))
        script = [sys.executable, str(Path(__file__).with_name("forks.py")), "2", *IMPORTED]
        env = os.environ | {"OMP_NUM_THREADS": "1"}  # two run at a time
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(script, env=env, cwd=folder, **pipes) as server:
            server.stdin.write("".join(json.dumps(job) + "\n" for _, job in jobs))
            server.stdin.close()
            for line in tqdm(server.stdout, total=len(jobs), unit=" mutants", disable=len(jobs) < 2 or None):
                result = json.loads(line)
                number, job = jobs[result["job"]]
                output = Path(job["folder"], "output.txt").read_text(errors="replace")
                # pytest: 0 all passed, 1 some failed; anything else means that the tests did not run.
                verdict = {None: "hangs", 0: "SURVIVED", 1: "caught"}.get(result["code"])
                found[number] = verdict or f"broken (pytest exit {result['code']})", output
                shutil.rmtree(job["folder"], ignore_errors=True)
    return found


def mutants(pattern: str = "*", root: Path = ROOT) -> bool:
    """Run the named tests unchanged, then once per mutant, two at a time; True if every mutant was caught."""
    chosen = every(root, pattern)
    named = sorted({test for mutant in chosen for test in mutant.noticed})
    [(verdict, output)] = _verdicts(root, [(named, None)])
    if verdict != "SURVIVED":
        raise CourseError(f"the tests must pass before anything is mutated ({verdict}):\n{output}")
    verdicts = _verdicts(root, [(list(mutant.noticed), mutant) for mutant in chosen])
    width = max(len(mutant.where) for mutant in chosen)
    for mutant, (verdict, output) in zip(chosen, verdicts, strict=True):
        if verdict not in ("caught", "SURVIVED"):
            print(f"{mutant.where}: {verdict}\n{output}")
    for mutant, (verdict, _) in zip(chosen, verdicts, strict=True):
        print(f"{mutant.where:<{width}}  {verdict:<8}  {mutant.what}")
    caught = sum(verdict == "caught" for verdict, _ in verdicts)
    print(f"{caught} of {len(chosen)} mutants caught")
    return caught == len(chosen)
