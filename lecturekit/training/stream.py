"""Where batches come from: endless rows of permutations whose position is one integer."""

import hashlib
import inspect
import warnings
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecturekit import checks
from lecturekit.model import Batch, GenerativeModel, evaluating
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
        if checks.tensor(x=x).ndim == 0 or (y is not None and checks.tensor(y=y).ndim == 0):
            raise ValueError("x and y must have a dimension for the items, and one of them is a single number")
        if y is not None and len(x) != len(y):
            raise ValueError(f"{len(x)} items but {len(y)} labels")
        self.x, self.y = x.detach(), y

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
    elif isinstance(data, tuple) and len(data) == 2:
        data = TensorData(*data)
    if not all(hasattr(data, name) for name in ("batch", "to", "__len__")) or isinstance(data, type):
        hint = "; give one of its splits: .train" if hasattr(data, "train") else ""
        hint = "; torch.from_numpy(x) makes a tensor of it" if isinstance(data, np.ndarray) else hint
        raise TypeError(f"cannot train on a {type(data).__name__}: a split of lecturekit.data, x or (x, y){hint}")
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
        self.batch_size, self.seed = checks.whole(batch_size=batch_size), checks.whole(0, 2**63 - 1, seed=seed)
        self.given, self.ranks = as_data(data), ranks or Ranks()
        if self.batch_size > 1000 * len(self.given):
            raise ValueError(f"batch_size={batch_size} is far more than the data have ({len(self.given)} items)")
        self.share = self.ranks.share(self.batch_size)
        self.data = self.given.to(device)
        self.key, self.device, self.position = key, device, 0
        self.checks, self.dtype = None, None
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
            batch = self._seen(next(self._reader))
            if self.checks is not None and self.position < len(self.data):
                with evaluating(self.checks[0]):
                    self._ask(batch, self._mine(self.position))
        else:
            batch = self._seen(self.data.batch(self._mine(self.position)))
        self.position += self.batch_size
        return batch

    def _seen(self, drawn: tuple[Tensor, Tensor | None]) -> Batch:
        """What a model sees of it: real numbers in the model's dtype, labels as int64."""
        x, y = drawn
        whole = y is not None and not y.is_floating_point() and not y.is_complex()
        return Batch(x if self.dtype is None or x.is_complex() else x.to(self.dtype), y.long() if whole else y)

    def check(self, model: GenerativeModel, name: str | None = None) -> None:
        """Let the model's `check` see all items and, for the first stream, `check_scale` one part after another until one
        passes.

        Pixels in bytes behind a view are right or wrong together: of these, and on a disk, it sees all labels but few items. What
        is on a disk is checked again when it is read, for one epoch.
        """
        self.checks = model, name
        n, x, y = len(self.data), getattr(self.data, "x", None), getattr(self.data, "y", None)
        bytes_seen = hasattr(self.data, "view") and isinstance(x, Tensor) and x.dtype == torch.uint8
        few, scaled, refusal = bytes_seen or hasattr(self.data, "batches"), name is not None, None
        step = self.batch_size if few else max(1, 2**20 // max(1, self.draw(1).x.numel()))
        order = self.indices(0, min(n, step + 1000)) if few else torch.arange(n, device=self.device)
        for index in order.split(step):
            batch = self._seen(self.data.batch(index))
            self._ask(batch, index)
            try:
                scaled = scaled or model.check_scale(batch.x) is None
            except ValueError as error:
                refusal = error
            if few and scaled:
                break
        if not scaled:
            raise refusal
        if few and isinstance(y, Tensor) and y.ndim == 1:  # every label, where it comes first
            index = torch.from_numpy(np.sort(np.unique(y.numpy(force=True), return_index=True)[1])).to(y.device)
            self._ask(self._seen((batch.x[:1].expand(len(index), *batch.x.shape[1:]), y[index])), index)

    def _ask(self, batch: Batch, index: Tensor) -> None:
        """The model's `check`. Where one item is to blame, and not all, the error says which of `index` it is."""
        model, name = self.checks

        def refused(i: int, j: int) -> Exception | None:
            try:
                y = None if batch.y is None else batch.y[i:j]
                model.check(batch.x[i:j], y, *([] if name is None else [name]))
            except (TypeError, ValueError) as error:
                return error

        low, high, where = 0, len(index), "" if name is None else f"stream {name!r}: "
        if (error := refused(low, high)) is None:
            return
        if not (refused(0, 1) and refused(high - 1, high)):
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (low, middle) if refused(low, middle) else (middle, high)
            if alone := refused(low, high):
                error, where = alone, f"{where}item {index[low]}: "
        raise type(error)(f"{where}{error}") from error

    def _mine(self, position: int) -> Tensor:
        return self.indices(position + self.ranks.rank * self.share, self.share)

    def _row(self, position: int) -> Iterator[Tensor]:
        while True:
            yield self._mine(position)
            position += self.batch_size

    def draw(self, n: int) -> Batch:
        """The first n items of the row, at most each item once; moves nothing."""
        return self._seen(self.data.batch(self.indices(0, min(n, len(self.data)))))

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
        if not named or not all(isinstance(name, str) and name for name in named):
            raise ValueError(f'streams have names, as in {{"x": images, "labelled": (few, labels)}}, not {list(named)}')
        sizes = batch_size if isinstance(batch_size, Mapping) else dict.fromkeys(named, batch_size)
        if set(sizes) != set(named):
            raise ValueError(f"the streams are {list(named)}, but batch_size names {list(sizes)}")
        checks.number(above=0, epochs=epochs)
        self.streams: dict[str, Stream] = {}
        for key, (name, part) in enumerate(named.items()):
            try:
                self.streams[name] = Stream(part, sizes[name], seed, key, device, ranks)
            except (TypeError, ValueError) as error:
                raise type(error)(f"stream {name!r}: {error}" if isinstance(data, Mapping) else str(error)) from error
        self.first = next(iter(self.streams.values()))
        self.total, self.device = float(epochs) * len(self.first.data), device
        if (size := self.first.batch_size) > 2 * max(self.total, len(self.first.data)):
            passes = size / len(self.first.data)
            warnings.warn(
                f"a batch of {size} is {passes:g} epochs, and epochs={epochs}: take a smaller one", stacklevel=4
            )

    def check(self, model: GenerativeModel) -> None:
        """From now on batches have the model's dtype. It checks all streams; the first only, if its `check` takes no name."""
        for name, stream in self.streams.items():
            stream.dtype = next((p.dtype for p in model.parameters() if p.is_floating_point()), None)
            if stream is self.first or "stream" in inspect.signature(model.check).parameters:
                stream.check(model, None if stream is self.first else name)

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
