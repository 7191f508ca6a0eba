"""Where batches come from: endless rows of permutations whose position is one integer."""

import hashlib
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecturekit.model import Batch
from lecturekit.training.ranks import Ranks


def sha256(*parts: Tensor | str | None) -> str:
    """A digest of what tensors hold, after the texts; memory for 16 MB at a time is all that it takes.

    >>> sha256(torch.tensor([97, 98], dtype=torch.uint8)) == sha256("ab")
    True
    """
    digest = hashlib.sha256("".join(part for part in parts if isinstance(part, str)).encode())
    for t in (torch.atleast_1d(part.detach()) for part in parts if isinstance(part, Tensor)):
        for rows in t.split(max(1, (1 << 24) // max(1, t[:1].nbytes))):
            digest.update(rows.cpu().reshape(-1).contiguous().view(torch.uint8).numpy())
    return digest.hexdigest()


class TensorData:
    """Tensors in memory, as a model sees them: x (N, *event_shape), y (N,) or None.

    >>> data = TensorData(torch.arange(6).view(3, 2), torch.tensor([7, 8, 9]))
    >>> data.batch(torch.tensor([2, 0]))
    (tensor([[4, 5],
            [0, 1]]), tensor([9, 7]))
    """

    def __init__(self, x: Tensor, y: Tensor | None = None):
        if y is not None and len(x) != len(y):
            raise ValueError(f"{len(x)} items but {len(y)} labels")
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.x)

    def to(self, device) -> "TensorData":
        """The same data on a device."""
        return TensorData(self.x.to(device), None if self.y is None else self.y.to(device))

    def batch(self, index: Tensor) -> tuple[Tensor, Tensor | None]:
        """(x[index], y[index]) for int64 (B,) indices."""
        return self.x[index], None if self.y is None else self.y[index]


def as_data(data: Any) -> Any:
    """Anything with `len`, `to(device)` and `batch(index) -> (x, y)`; tensors and (x, y) pairs are wrapped.

    >>> len(as_data((torch.zeros(3, 2), torch.arange(3))))
    3
    """
    if isinstance(data, Tensor):
        data = TensorData(data)
    elif isinstance(data, tuple) and len(data) == 2 and all(isinstance(t, Tensor) for t in data):
        data = TensorData(*data)
    if not (hasattr(data, "batch") and hasattr(data, "to") and hasattr(data, "__len__")):
        hint = "; give one of its splits: .train" if hasattr(data, "train") else ""
        raise TypeError(
            f"cannot train on a {type(data).__name__}: a split of lecturekit.data, a tensor or (x, y){hint}"
        )
    if len(data) == 0:
        raise ValueError("cannot train on an empty dataset")
    return data


class Stream:
    """An endless row of permutations of a dataset, each a function of (seed, key, epoch).

    A batch is the next `batch_size` items of that row, wherever one permutation ends and the next begins: all batches
    have one size, every item comes once per epoch, and `position` (items drawn so far) is the whole state.

    >>> stream = Stream(torch.arange(5), batch_size=2, seed=0, key=0, device=torch.device("cpu"))
    >>> row = torch.cat([stream.next().x for _ in range(5)])
    >>> row[:5].sort().values, row[5:].sort().values, stream.position
    (tensor([0, 1, 2, 3, 4]), tensor([0, 1, 2, 3, 4]), 10)
    """

    def __init__(
        self, data: Any, batch_size: int, seed: int, key: int, device: torch.device, ranks: Ranks | None = None
    ):
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ValueError(f"batch_size must be a whole number of at least 1, not {batch_size}")
        if not isinstance(seed, int) or seed < 0:
            raise ValueError(f"seed must be a whole number of at least 0, not {seed}")
        self.ranks = ranks or Ranks()
        self.share = self.ranks.share(batch_size)
        self.given = as_data(data)
        self.data = self.given.to(device)
        self.batch_size, self.seed, self.key, self.device = batch_size, seed, key, device
        self.position = 0
        self._epoch, self._order, self._reader = -1, None, None

    def permutation(self, epoch: int) -> Tensor:
        """The order of an epoch, (N,), on the device. Drawn on the CPU, so that every device sees the same one."""
        if epoch != self._epoch:
            seed = np.random.SeedSequence([self.seed, self.key, epoch]).generate_state(1, np.uint64)[0]
            order = torch.randperm(len(self.data), generator=torch.Generator().manual_seed(int(seed) >> 1))
            self._epoch, self._order = epoch, order.to(self.device)
        return self._order

    def indices(self, position: int, count: int) -> Tensor:
        """Items position, ..., position + count - 1 of the endless row."""
        parts = []
        while count > 0:
            epoch, i = divmod(position, len(self.data))
            parts.append(self.permutation(epoch)[i : i + count])
            position, count = position + len(parts[-1]), count - len(parts[-1])
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def next(self) -> Batch:
        """The next batch; with several processes, this one's share of it."""
        if hasattr(self.data, "batches"):  # read ahead by workers; made now, since `position` may have been restored
            # weakly, or stream and reader would keep each other, and the reader's processes, until the collector comes
            self._reader = self._reader or self.data.batches(Stream._row(weakref.proxy(self), self.position))
            batch = Batch(*next(self._reader))
        else:
            batch = Batch(*self.data.batch(self._mine(self.position)))
        self.position += self.batch_size
        return batch

    def _mine(self, position: int) -> Tensor:
        return self.indices(position + self.ranks.rank * self.share, self.share)

    def _row(self, position: int) -> Iterator[Tensor]:
        while True:
            yield self._mine(position)
            position += self.batch_size

    def draw(self, n: int) -> Batch:
        """The first n items of the row, at most each item once; moves nothing."""
        return Batch(*self.data.batch(self.indices(0, min(n, len(self.data)))))

    def identity(self) -> dict:
        """What decides the row: the size of a batch, and the data, by a digest of their content."""
        if hasattr(self.given, "digest"):
            digest = self.given.digest()
        else:
            if not hasattr(self.given, "x"):
                raise TypeError("data of your own need digest() for a checkpoint: a text that tells their content")
            digest = sha256(self.given.x, getattr(self.given, "y", None), repr(getattr(self.given, "view", None)))
        return {"batch_size": self.batch_size, "items": len(self.data), "sha256": digest}


class Streams:
    """Named streams advanced together; the first one counts the epochs and is `batch.x`, `batch.y`.

    >>> data = {"x": torch.zeros(8, 2), "labelled": torch.zeros(3, 2)}
    >>> streams = Streams(data, batch_size={"x": 4, "labelled": 2}, epochs=1, seed=0, device=torch.device("cpu"))
    >>> batch = streams.next(streams.progress)
    >>> len(batch), len(batch["labelled"]), streams.epoch
    (4, 2, 0.5)
    """

    def __init__(
        self,
        data: Any,
        batch_size: int | Mapping[str, int],
        epochs: float,
        seed: int,
        device: torch.device,
        ranks: Ranks | None = None,
    ):
        named = dict(data) if isinstance(data, Mapping) else {"x": data}
        sizes = batch_size if isinstance(batch_size, Mapping) else dict.fromkeys(named, batch_size)
        if not named or set(sizes) != set(named):
            raise ValueError(f"the streams are {sorted(named)}, but batch_size names {sorted(sizes)}")
        if epochs <= 0:
            raise ValueError(f"epochs must be positive, not {epochs}")
        self.streams = {
            name: Stream(part, sizes[name], seed, key, device, ranks) for key, (name, part) in enumerate(named.items())
        }
        self.first = next(iter(self.streams.values()))
        self.total, self.device = epochs * len(self.first.data), device

    @property
    def epoch(self) -> float:
        """Epochs drawn so far."""
        return self.first.position / len(self.first.data)

    @property
    def progress(self) -> float:
        """The share of the training that is over; 1 or more when it has ended."""
        return self.first.position / self.total

    def next(self, progress: float) -> Batch:
        """The next batch of every stream; `progress` is the batch's."""
        return self._join({name: stream.next() for name, stream in self.streams.items()}, progress)

    def draw(self, n: int) -> Batch:
        """The first n items of every stream, at most each item once; moves nothing."""
        return self._join({name: stream.draw(n) for name, stream in self.streams.items()}, 0.0)

    def _join(self, parts: dict[str, Batch], progress: float) -> Batch:
        first = next(iter(parts.values()))
        # torch.full starts a kernel; torch.tensor(progress, device="cuda") would copy from the host, and wait
        return Batch(first.x, first.y, parts, torch.full((), progress, device=self.device))
