"""Kill -9 at random moments, resume, compare: the final weights must be the same to the bit.

    python benchmarks/kill.py [--kills 20] [--epochs 200]

A VAE on mnist-5k is trained once undisturbed and once by a process that is killed again and again, at random moments, while
it saves a checkpoint at every tenth round; how many kills left a half-written one behind is counted. The result goes to
benchmarks/results/kill.json.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from record import made, save

from lecturekit import data, fit
from lecturekit.variational import VAE


def train(epochs, folder=None):
    torch.manual_seed(0)
    model = VAE()
    digits = data.load("mnist-5k", view="binary")
    history = fit(
        model, digits.train, epochs=epochs, checkpoint=folder, resume=folder is not None, save_every=0, progress=False
    )
    return model, history


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--kills", type=int, default=20)
    arguments.add_argument("--epochs", type=int, default=200)
    arguments.add_argument("--victim", type=Path, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.victim:
        train(options.epochs, options.victim)
        return

    plain, history = train(options.epochs)
    kills = partial = finished = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "checkpoints")
        command = [sys.executable, __file__, "--epochs", str(options.epochs), "--victim", str(folder)]
        while kills < options.kills and not finished:
            before, victim = newest(folder), subprocess.Popen(command)
            while newest(folder) == before and victim.poll() is None:  # it has to get somewhere, or we never end
                time.sleep(0.005)
            time.sleep(random.uniform(0, 1.5))
            finished = victim.poll() is not None
            victim.kill()
            victim.wait()
            kills += not finished
            partial += (folder / "unfinished").exists()
            print(f"kill {kills}: {newest(folder)}, half-written ones so far {partial}", flush=True)
        resumed, again = train(options.epochs, folder)
    same = all(torch.equal(a, b) for a, b in zip(plain.parameters(), resumed.parameters(), strict=True))
    result = {
        "kills": kills,
        "left_a_partial_checkpoint": partial,
        "bit_identical_weights": same,
        "identical_history": dict(history) == dict(again),
        "undisturbed_seconds": round(history.seconds, 1),
    }
    print(result)
    save("kill", result | made())
    raise SystemExit(0 if same else 1)


def newest(folder):
    return max((p.name for p in folder.glob("round-*")), default=None)


if __name__ == "__main__":
    main()
