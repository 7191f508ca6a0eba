"""What the measurements share: where and when they were made, and the recipe of short trainings."""

import json
import math
import random
import statistics
import subprocess
from datetime import date
from pathlib import Path

import torch
from torch.optim import Adam

from lecturekit import History, Player, fit
from lecturekit.course.measured import beside, load, save
from lecturekit.course.processor import processor


def made() -> dict:
    """The machine, the day and the commit of a measurement that is made now."""
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "machine": torch.cuda.get_device_name() if torch.cuda.is_available() else processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "date": date.today().isoformat(),
        "commit": asked.stdout.strip(),
    }


def add(name: str, row: dict) -> None:
    """Print a row with what is published beside it, and put it behind those of results/name.json."""
    print(json.dumps(row, indent=2), flush=True)
    print(*(f"published: {known.numbers} ({known})" for known in beside(name, row)), sep="\n", flush=True)
    save(name, [*(load(name) or []), row])


def cosine(progress: float) -> float:
    """A learning rate's fall from 1 to 0."""
    return 0.5 * (1 + math.cos(math.pi * progress))


def with_cosine(model, rate: float, **options) -> list[Player]:
    """One player that moves all of `model`: Adam, whose rate falls to 0 along a cosine."""
    adam = lambda parameters: Adam(parameters, lr=rate, fused=True)
    return [Player(name="model", moves=model, loss=model.loss, optimizer=adam, schedule=cosine, **options)]


def finished(history):
    """`history`, unless the training was interrupted."""
    if history.interrupted:
        raise SystemExit("interrupted; no row was saved. With a checkpoint the same command goes on from here")
    return history


def training_arguments(arguments, trial: str = "evaluate on validation images", precision: str = "auto") -> None:
    """What every training may be told."""
    arguments.add_argument("--precision", default=precision, choices=("auto", "float32", "bfloat16"))
    arguments.add_argument("--checkpoint", type=Path, default=None)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--trial", action="store_true", help=f"{trial}; write no result")


def trained(model, items, options, **settings) -> History:
    """`fit` to its end, as the training arguments say; with a checkpoint the same command goes on where it stopped."""
    resumed = {"checkpoint": options.checkpoint, "resume": options.checkpoint is not None}
    return finished(fit(model, items, seed=options.seed, precision=options.precision, **resumed, **settings))


def report(name: str, result: dict, history: History, options) -> None:
    """Add a row to results/name.json with what the training took, or print it if this is a trial."""
    took = {"training_minutes": round(history.seconds / 60, 1), "precision": history.precision, "seed": options.seed}
    print(result | took) if options.trial else add(name, result | took | made())


def in_rounds(variants: dict, rounds: int, after=lambda: None) -> dict[str, list[float]]:
    """Seconds that each variant says it took, in rounds of shuffled order after one to warm up.

    A lone time means nothing on a shared machine: compare medians, and medians of ratios within a round.
    """
    for run in variants.values():
        run()
    times = {name: [] for name in variants}
    for _ in range(rounds):
        for name in random.sample(list(variants), len(variants)):
            times[name].append(variants[name]())
        after()
    return times


def ratio(above: list[float], below: list[float]) -> float:
    """The median of the ratios within a round."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))
