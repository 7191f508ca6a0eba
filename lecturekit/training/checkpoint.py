"""Checkpoints: tensors in safetensors, everything else in JSON, nothing ever unpickled.

    FOLDER/round-000000120/facts.json           what the run was (compared on resume) and where it stood
    FOLDER/round-000000120/rank0.safetensors    its tensors, one file per process
    FOLDER/round-000000240/...                  the newest; the one before it is kept too

A checkpoint is written into a folder with another name, flushed to the disk and renamed as a whole: it is there, complete,
or not there. Killing the process or filling the disk at any moment loses nothing that was saved before.
"""

import json
import os
import re
import shutil
import warnings
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from lecturekit.training.ranks import Ranks

Facts = dict[str, Any]

FORMAT = 2  # of the files; those of format 1, which do not say it, differ in names only
RENAMED = {  # by the model's class: what stands in names of format 1, and what it is now
    "CycleGAN": {r"\bjudges\b": "discriminators", r"\bjudge-": "discriminator-"},
    "DRAW": {"^Hand$": "LSTM"},
    "LAPGAN": {"^Sketch$": "ConditionalMLP", "^Detail$": "ConditionalConvNet"},
}


class CheckpointError(RuntimeError):
    """A checkpoint cannot be written, read, or continued by this run."""


class Folder:
    """A folder of checkpoints of one run.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as path:
    ...     folder = Folder(path, Ranks())
    ...     folder.save(120, {"weight": torch.ones(2)}, {"identity": {"world": 1}})
    ...     folder.newest().name
    ...     folder.load()
    'round-000000120'
    ({'weight': tensor([1., 1.])}, {'format': 2, 'identity': {'world': 1}})
    """

    def __init__(self, path: str | os.PathLike, ranks: Ranks):
        self.path, self.ranks = Path(path).expanduser(), ranks

    def saved(self) -> list[Path]:
        """Complete checkpoints, oldest first."""
        return sorted(p for p in self.path.glob("round-*") if (p / "facts.json").is_file())

    def newest(self) -> Path | None:
        """The last complete checkpoint, or None."""
        return self.saved()[-1] if self.saved() else None

    def save(self, number: int, tensors: dict[str, Tensor], facts: Facts) -> None:
        """Write the checkpoint of round `number`; all ranks call this together. CheckpointError leaves older ones alone."""
        new, final = self.path / "unfinished", self.path / f"round-{number:09d}"
        try:
            if self.ranks.rank == 0:
                shutil.rmtree(new, ignore_errors=True)
                new.mkdir(parents=True)
            self.ranks.wait()
            # Clones, because safetensors refuses tensors that share memory (tied weights) or have odd strides.
            own = {name: t.detach().cpu().clone().contiguous() for name, t in tensors.items()}
            file = new / f"rank{self.ranks.rank}.safetensors"
            save_file(own, file)
            _to_disk(file)
            self.ranks.wait()
            if self.ranks.rank == 0:
                (new / "facts.json").write_text(json.dumps({"format": FORMAT} | facts, indent=1), encoding="utf-8")
                _to_disk(new / "facts.json")
                _to_disk(new)
                shutil.rmtree(final, ignore_errors=True)
                new.rename(final)
                _to_disk(self.path)
                for old in self.saved()[:-2]:
                    shutil.rmtree(old, ignore_errors=True)
            self.ranks.wait()  # nobody goes on, perhaps to load it, before it is there
        except (OSError, SafetensorError) as error:
            shutil.rmtree(new, ignore_errors=True)
            kept = f"the checkpoint {self.newest()} is intact" if self.newest() else "nothing had been saved before"
            raise CheckpointError(
                f"cannot save a checkpoint in {self.path} ({error}); {kept}. Make room there, and resume"
            ) from error

    def load(self) -> tuple[dict[str, Tensor], Facts] | None:
        """The newest checkpoint that can be read, or None where there is none."""
        for path in reversed(self.saved()):
            try:
                facts = json.loads((path / "facts.json").read_text(encoding="utf-8"))
                if facts["identity"]["world"] != self.ranks.world:  # before looking for this rank's file
                    return {}, facts
                tensors = load_file(path / f"rank{self.ranks.rank}.safetensors")
                return (tensors, facts) if facts.get("format") == FORMAT else renamed(tensors, facts)
            except (OSError, ValueError, KeyError, SafetensorError) as error:
                warnings.warn(f"the checkpoint {path} cannot be read ({error}); trying the one before", stacklevel=2)
        if self.saved():
            raise CheckpointError(
                f"none of the checkpoints in {self.path} can be read; delete the folder to start anew"
            )
        return None


def renamed(tensors: dict[str, Tensor], facts: Facts) -> tuple[dict[str, Tensor], Facts]:
    """A checkpoint of format 1 under the names that things have now.

    >>> tensors, facts = {"model/judges.a.bias": torch.zeros(1)}, {"identity": {"model": "CycleGAN"}}
    >>> renamed(tensors, facts)[0]
    {'model/discriminators.a.bias': tensor([0.])}
    """

    def new(value: Any) -> Any:
        if isinstance(value, dict):
            return {new(key): new(part) for key, part in value.items()}
        if isinstance(value, list):
            return [new(part) for part in value]
        if isinstance(value, str):
            for old, name in RENAMED.get(facts["identity"]["model"], {}).items():
                value = re.sub(old, name, value)
        return value

    return {new(name): t for name, t in tensors.items()}, new(facts)


def compare(saved: Facts, now: Facts) -> None:
    """Raise CheckpointError that names everything in which two descriptions of a run differ.

    >>> compare({"seed": 0, "world": 1}, {"seed": 1, "world": 1})
    Traceback (most recent call last):
        ...
    lecturekit.training.checkpoint.CheckpointError: this checkpoint is of another run: seed was 0 and is 1
    """
    differences = list(_differences(saved, now, ""))
    if differences:
        raise CheckpointError("this checkpoint is of another run: " + "; ".join(differences))


def _differences(saved: Any, now: Any, name: str):
    if isinstance(saved, dict) and isinstance(now, dict):
        for key in [*saved, *(k for k in now if k not in saved)]:
            there = f"{name}.{key}" if name else key
            if key not in saved or key not in now:
                yield f"{there} is only in the {'checkpoint' if key in saved else 'present run'}"
            else:
                yield from _differences(saved[key], now[key], there)
    elif saved != now:
        yield f"{name} was {saved!r} and is {now!r}"


def _to_disk(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk itself."""
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open folders
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def plain(value: Any) -> Any:
    """A value as JSON gives it back: tuples become lists, what JSON has no word for becomes its repr.

    >>> plain({"event_shape": (1, 28, 28)})
    {'event_shape': [1, 28, 28]}
    """
    return json.loads(json.dumps(value, default=repr))
