"""What a training of several threads loses to other work on the machine, by how its threads wait for each other.

python benchmarks/threads.py [--rounds 5] [--busy 3]

A VAE is trained on mnist-5k, two epochs of 4 000 digits, in a fresh process with as many threads as there are cores: by
itself, and beside `busy` processes that keep a core each busy. OpenMP's threads spin while they wait for each other, which
takes the cores from others; how long, GNU's OpenMP reads when torch is imported. Medians of shuffled rounds of one run.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import time

from record import made, save

TRAINING = """
import torch
from lecturekit import data, fit
from lecturekit.variational import VAE
digits, model = data.load("mnist-5k", view="binary").train, VAE()
fit(model, digits, epochs=0.1, progress=False)
print(fit(model, digits, epochs=2, progress=False).seconds)
"""
WAYS = {
    "as torch starts": {},
    "GOMP_SPINCOUNT=30000, as the course starts": {"GOMP_SPINCOUNT": "30000"},
    "OMP_WAIT_POLICY=PASSIVE": {"OMP_WAIT_POLICY": "PASSIVE"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
BUSY = "while True: pass"


def seconds(way: dict, busy: int) -> float:
    """How long one training takes."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))} | way
    others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(busy)]
    try:
        time.sleep(0.5)
        done = subprocess.run([sys.executable, "-c", TRAINING], env=env, capture_output=True, text=True, check=True)
    finally:
        for other in others:
            other.kill()
            other.wait()
    return float(done.stdout)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--busy", type=int, default=3)
    asked = arguments.parse_args()
    taken = {(name, busy): [] for name in WAYS for busy in (0, asked.busy)}
    for _ in range(asked.rounds):
        for name, busy in random.sample(list(taken), len(taken)):
            taken[name, busy].append(seconds(WAYS[name], busy))
    rows = {
        name: {
            "alone_seconds": round(statistics.median(taken[name, 0]), 2),
            "busy_seconds": round(statistics.median(taken[name, asked.busy]), 2),
        }
        for name in WAYS
    }
    for name, row in rows.items():
        print(
            f"{name:42} alone {row['alone_seconds']:6.2f} s   beside {asked.busy} busy processes {row['busy_seconds']:6.2f} s"
        )
    save("threads", made() | {"busy": asked.busy, "rounds": asked.rounds, "cores": os.cpu_count(), "rows": rows})


if __name__ == "__main__":
    main()
