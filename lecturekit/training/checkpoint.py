"""Checkpoints: tensors in safetensors, everything else in JSON, nothing ever unpickled.

    FOLDER/round-000000120/facts.json           what the run was (compared on resume) and where it stood
    FOLDER/round-000000120/rank0.safetensors    its tensors, one file per process
    FOLDER/round-000000240/...                  the newest; the one before it is kept too
    FOLDER/history.jsonl                        what was logged: each checkpoint adds a line, and knows how many bytes are its own
    FOLDER/lock                                 held by the run that writes here, for as long as its process lives

A checkpoint is written into a folder with another name, flushed to the disk and renamed as a whole: it is there, complete,
or not there. Killing the process or filling the disk at any moment loses nothing that was saved before. facts.json holds the
sha256 of each file: one that was altered is noticed, and the checkpoint before is taken.
"""

import errno
import json
import os
import re
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from numbers import Integral, Real
from pathlib import Path
from typing import Any, BinaryIO

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from lecturekit.training.history import History
from lecturekit.training.ranks import Ranks

Facts = dict[str, Any]

# Files before format 3 hold their history among the tensors, no sha256, and less of the run's identity; those of format 1,
# which do not say it, differ from 2 in names only.
FORMAT = 3
RENAMED = {  # by the model's class: what stands in names of format 1, and what it is now
    "CycleGAN": {r"\bjudges\b": "discriminators", r"\bjudge-": "discriminator-"},
    "DRAW": {"^Hand$": "LSTM"},
    "LAPGAN": {"^Sketch$": "ConditionalMLP", "^Detail$": "ConditionalConvNet"},
}
ADDRESS = re.compile(" at 0x[0-9a-fA-F]+")  # in the repr of a function: another one in every process
HELD: set[Path] = set()  # by this process: the system's locks are between processes
# What reading a damaged checkpoint may raise.
DAMAGE = (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, SafetensorError)


class CheckpointError(RuntimeError):
    """A checkpoint cannot be written, read, or continued by this run."""


class Folder:
    """A folder of checkpoints of one run.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as path:
    ...     folder = Folder(path, Ranks())
    ...     folder.save(120, {"weight": torch.ones(2)}, {"identity": {"world": 1}}, History())
    ...     folder.newest().name
    ...     tensors, facts, history = folder.load()
    'round-000000120'
    >>> tensors, facts["identity"], len(history)
    ({'weight': tensor([1., 1.])}, {'world': 1}, 0)
    """

    def __init__(self, path: str | os.PathLike, ranks: Ranks):
        if not isinstance(path, str | os.PathLike) or not str(path).strip() or "\0" in str(path):
            raise (ValueError if isinstance(path, str) else TypeError)(
                f"checkpoint must be the path of a folder, not {path!r}"
            )
        # in full, once: a callback may change the working directory
        self.given, self.path, self.ranks = path, Path(os.path.realpath(os.path.expanduser(path))), ranks
        self._written, self._lengths, self._sha = 0, {}, sha256()  # of history.jsonl: how much of it is this run's
        self._damaged: list[Path] = []

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within, no other run may write here; CheckpointError if one does, or if nobody can. For rank 0."""
        taken = CheckpointError(f"{self.given} is in use by another run; give each run a folder of its own")
        if self.path in HELD:  # before opening the lock once more: closing it would give it up
            raise taken
        new = self.path / "unfinished"
        with self._writing():
            self.path.mkdir(parents=True, exist_ok=True)
            file = (self.path / "lock").open("ab")
        with file:
            if not _lock(file):
                raise taken
            HELD.add(self.path)
            try:
                with self._writing():  # may we, and is there room for a byte? found out before the training
                    shutil.rmtree(new, ignore_errors=True)
                    new.mkdir()
                    (new / "facts.json").write_bytes(b"x")
                    shutil.rmtree(new)
                yield
            finally:
                HELD.remove(self.path)

    def saved(self) -> list[Path]:
        """The checkpoints' folders, oldest first."""
        try:
            found = [p for p in self.path.iterdir() if re.fullmatch("round-[0-9]+", p.name) and p.is_dir()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise CheckpointError(f"the folder {self.given} cannot be read ({error})") from error
        return sorted(found, key=lambda p: int(p.name[6:]))

    def newest(self) -> Path | None:
        """The last checkpoint's folder, or None."""
        return self.saved()[-1] if self.saved() else None

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, SafetensorError) as error:
            shutil.rmtree(self.path / "unfinished", ignore_errors=True)
            kept = f"the checkpoint {self.newest()} is intact" if self.newest() else "nothing had been saved before"
            raise CheckpointError(
                f"cannot save a checkpoint in {self.given} ({error}); {kept}. Make room there, or permit writing, and resume"
            ) from error

    def save(self, number: int, tensors: dict[str, Tensor], facts: Facts, history: History | None = None) -> None:
        """Write the checkpoint of round `number`; all ranks call this together. CheckpointError leaves older ones alone."""
        new, final = self.path / "unfinished", self.path / f"round-{number:09d}"
        with self._writing():
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
                log, sums = self._log(history or History()), {p.name: _sha256(p) for p in new.iterdir()}
                said = json.dumps({"format": FORMAT, **facts, "history": log, "sha256": sums}, indent=1)
                (new / "facts.json").write_text(said, encoding="utf-8")
                _to_disk(new / "facts.json")
                _to_disk(new)
                shutil.rmtree(final, ignore_errors=True)
                new.rename(final)
                good = [p for p in self.saved() if p not in self._damaged or p == final]
                for old in [p for p in self.saved() if p not in good[-2:]]:
                    old.rename(new)  # at once: what is half deleted must not look like a checkpoint
                    shutil.rmtree(new, ignore_errors=True)
                _to_disk(self.path)
            self.ranks.wait()  # nobody goes on, perhaps to load it, before it is there

    def _log(self, history: History) -> Facts:
        """Append what is new in the history; gives how much of the file is this run's, and its sha256."""
        with (self.path / "history.jsonl").open("ab") as file:
            if file.tell() < self._written:  # somebody else shortened it
                self._written, self._lengths, self._sha = 0, {}, sha256()
            file.truncate(self._written)  # what a killed run had added
            new = history.since(self._lengths)
            line = json.dumps(new).encode() + b"\n" if new else b""
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._sha.update(line)
        self._written, self._lengths = self._written + len(line), {name: len(v) for name, v in history.items()}
        return {"bytes": self._written, "sha256": self._sha.hexdigest()}

    def load(
        self,
        suits: Callable[[Facts], None] = lambda facts: None,
        take: Callable[..., Any] = lambda tensors, facts, history: (tensors, facts, history),
    ) -> Any:
        """take(tensors, facts, history) of the newest checkpoint that can be read, or None where there is none.

        suits(facts) is asked first and may refuse it by a CheckpointError. Any other error, of `take` too, means that the
        checkpoint is damaged: a warning says so, and the one before is taken.
        """
        problems = []
        for path in reversed(self.saved()):
            try:
                facts = json.loads((path / "facts.json").read_text(encoding="utf-8"))
                model, version = facts["identity"].get("model"), facts.setdefault("format", 1)
                if version < 3:
                    facts = renamed(facts, model if version == 1 else None)
                elif version > FORMAT:
                    raise CheckpointError(f"{path} is of a newer lecturekit: its format is {version}, not {FORMAT}")
                suits(facts)
                for name, digest in (facts["sha256"] if version >= 3 else {}).items():
                    if _sha256(path / name) != digest:
                        raise ValueError(f"{name} is altered: its sha256 is not the one in facts.json")
                tensors = load_file(path / f"rank{self.ranks.rank}.safetensors")
                tensors = renamed(tensors, model) if version == 1 else tensors
                return take(tensors, facts, self._logged(tensors, facts))
            except CheckpointError:
                raise
            except DAMAGE as error:
                problems.append(f"the checkpoint {path} cannot be read ({type(error).__name__}: {error})")
                warnings.warn(f"{problems[-1]}; trying the one before", stacklevel=2)
                self._damaged.append(path)
        if problems:
            raise CheckpointError(
                f"none of the checkpoints in {self.given} can be read; delete the folder to start anew. "
                + "; ".join(problems)
            )
        return None

    def _logged(self, tensors: dict[str, Tensor], facts: Facts) -> History:
        """The history that belongs to a checkpoint; formats before 3 have it among the tensors."""
        history, file, log = History(), self.path / "history.jsonl", facts.get("history", {"bytes": 0})
        for name in [name for name in tensors if name.startswith("history/")]:
            history.add(name.removeprefix("history/"), *tensors.pop(name).tolist())
        lines = file.read_bytes()[: log["bytes"]] if file.exists() else b""
        self._sha = sha256(lines)
        if log["bytes"] and not file.exists():
            warnings.warn(f"{file} is missing: what had been logged is lost", stacklevel=2)
        elif log["bytes"] and self._sha.hexdigest() != log["sha256"]:
            raise ValueError(f"{file.name} is altered (without it, the run goes on and its history is lost)")
        for line in lines.splitlines():
            for name, columns in json.loads(line).items():
                history.add(name, *columns)
        self._written = len(lines)
        self._lengths = {name: len(values) for name, values in history.items()} if lines else {}
        return history


def renamed(value: Any, model: str | None) -> Any:
    """Facts or tensors of format 1, of a model of this class, under the names that things have now; of format 2 with None.

    >>> renamed({"model/judges.a.bias": torch.zeros(1)}, "CycleGAN")
    {'model/discriminators.a.bias': tensor([0.])}
    """
    if isinstance(value, dict):
        return {renamed(key, model): renamed(part, model) for key, part in value.items()}
    if isinstance(value, list):
        return [renamed(part, model) for part in value]
    if isinstance(value, str):
        for old, new in RENAMED.get(model, {}).items():
            value = re.sub(old, new, value)
        return ADDRESS.sub("", value)
    return value


def compare(saved: Facts, now: Facts, changes: Sequence[str] = (), whole: bool = True) -> None:
    """Raise CheckpointError that names everything in which two descriptions of a run, or of its model, differ.

    changes: what may differ: names as they are printed here, or whole parts of them, such as "lr".
    whole: False if the saved description may lack what the present one has, as those of older formats do.

    >>> compare({"seed": 0, "world": 1}, {"seed": 1, "world": 1}, changes=("seed",))
    >>> compare({"seed": 0, "world": 1}, {"seed": 1, "world": 1})
    Traceback (most recent call last):
        ...
    lecturekit.training.checkpoint.CheckpointError: this checkpoint is of another run: seed was 0 and is 1. What \
is meant to differ, name: changes=("seed",)
    """
    found = dict(_differences(saved, now, "", whole))
    found = {n: how for n, how in found.items() if not any(f".{part}." in f".{n}." for part in changes)}
    if found:
        raise CheckpointError(
            f"this checkpoint is of another run: {'; '.join(f'{name} {how}' for name, how in found.items())}. What is "
            f'meant to differ, name: changes=("{next(iter(found))}",)'
        )


def _differences(saved: Any, now: Any, name: str, whole: bool) -> Iterator[tuple[str, str]]:
    if all(isinstance(v, list) and v and isinstance(v[0], dict) for v in (saved, now)) and len(saved) == len(now):
        saved, now = ({str(i): part for i, part in enumerate(v)} for v in (saved, now))
    if isinstance(saved, dict) and isinstance(now, dict):
        for key in [*saved, *(k for k in now if k not in saved and whole)]:
            there = f"{name}.{key}" if name else key
            if key not in saved or key not in now:
                yield there, f"is only in the {'checkpoint' if key in saved else 'present run'}"
            else:
                yield from _differences(saved[key], now[key], there, whole)
    elif saved != now and json.dumps(saved) != json.dumps(now):  # nan is nan
        yield name, f"was {saved!r} and is {now!r}"


def _to_disk(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk itself."""
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open folders
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sha256(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def _lock(file: BinaryIO) -> bool:
    """Lock a file for this process until it is closed; False if another one has it."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:  # other errors: this file system knows no locks
        return error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
    return True


def plain(value: Any) -> Any:
    """A value as JSON gives it back: tuples become lists, NumPy's numbers Python's, and what JSON has no word for its
    repr, without the address that some have.

    >>> plain({"event_shape": (1, 28, 28), "rule": print, 7: torch.ones(2).numpy()[0]})
    {'event_shape': [1, 28, 28], 'rule': '<built-in function print>', '7': 1.0}
    """
    value = value.item() if getattr(value, "ndim", None) == 0 else value
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [plain(part) for part in value]
    if isinstance(value, bool | str | None):
        return value
    if isinstance(value, Integral | Real):
        return int(value) if isinstance(value, Integral) else float(value)
    return ADDRESS.sub("", repr(value))
