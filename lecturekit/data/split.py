"""Split and Dataset: tensors in memory, seen through a view."""

from dataclasses import dataclass, field
from numbers import Integral

import numpy as np
import torch
from torch import Tensor

from lecturekit import checks
from lecturekit.data.on_disk import FileSplit, consistent, part_of
from lecturekit.data.toy2d import Density
from lecturekit.data.views import View


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """Items, their labels if there are any, and the view through which a model sees them.

    >>> split = Split(torch.tensor([[0, 255], [51, 102]], dtype=torch.uint8), torch.tensor([3, 7]), View("unit"))
    >>> split.batch(torch.tensor([1]))
    (tensor([[0.2000, 0.4000]]), tensor([7]))
    >>> len(split[:1])
    1
    """

    x: Tensor  # (N, C, H, W) uint8 pixels, or (N, 2) float32 points
    y: Tensor | None  # (N,) int64
    view: View
    factors: dict[str, Tensor] = field(default_factory=dict)  # name -> (N,): what else is known of each item

    def __post_init__(self):
        consistent(self, len(checks.tensor(x=self.x)), self.x.dtype)

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        return f"Split({len(self)} x {self.event_shape}, view={self.view.name!r}, on {self.x.device})"

    def __getitem__(self, part) -> "Split":
        """A part, through the same view; ``part`` is a slice or an int64 tensor of indices."""
        part = part_of(part)
        return self._each(lambda t: t[part])

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(C, H, W) of an image, (2,) of a point."""
        return tuple(self.x.shape[1:])

    def to(self, device) -> "Split":
        """The same split with its tensors on ``device``."""
        return self._each(lambda t: t.to(device))

    def _each(self, f):
        y = None if self.y is None else f(self.y)
        return Split(f(self.x), y, self.view, {name: f(v) for name, v in self.factors.items()})

    def batch(self, index: Tensor) -> tuple[Tensor, Tensor | None]:
        """(view of x[index], y[index]) for int64 (B,) indices on the split's device; does not wait for it."""
        try:  # for bytes on a CPU, index_select takes an eighth of the time of x[index]
            y = None if self.y is None else self.y.index_select(0, index)
            x = self.x.index_select(0, index)
        except (TypeError, IndexError) as error:
            raise type(error)(f"index must be a tensor (B,) of whole numbers below {len(self)} ({error})") from error
        return self.view(x), y

    def tensors(self, seed: int = 0) -> tuple[Tensor, Tensor | None]:
        """(view of x, y), whole. A seed means one draw on every device; the caller's random state is kept."""
        generator = torch.Generator().manual_seed(checks.whole(0, 2**64 - 1, seed=seed))
        return self.view(self.x.cpu(), generator).to(self.x.device), self.y


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set in its splits.

    >>> split = Split(torch.zeros(4, 2), None, View("identity"))
    >>> Dataset("zeros", train=split, valid=None, test=None).event_shape
    (2,)
    """

    name: str
    train: Split | FileSplit
    valid: Split | FileSplit | None  # None: valid=0 was asked for, or a folder of fewer than five images
    test: Split | FileSplit | None  # None: a folder of fewer than five images
    classes: tuple[str, ...] | None = None  # label k means classes[k]
    density: Density | None = None  # toy2d: where the points come from

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(C, H, W) of an image, (2,) of a point."""
        return self.train.event_shape


def divided(name: str, pool: Split | FileSplit, test: Split | FileSplit, valid: int, **others) -> Dataset:
    """A Dataset whose valid part is the last ``valid`` items of ``pool``; ValueError if it has no more than these.

    >>> pool = Split(torch.zeros(10, 2), None, View("identity"))
    >>> data = divided("zeros", pool, pool[:0], valid=3)
    >>> len(data.train), len(data.valid), data.test
    (7, 3, None)
    """
    if not isinstance(valid, Integral) or isinstance(valid, bool) or not 0 <= valid < len(pool):
        raise ValueError(
            f"valid={valid!r}: {name} has {len(pool)} items for train and valid together; valid is a whole number below that"
        )
    train = len(pool) - int(valid)
    return Dataset(name, pool[:train], pool[train:] if valid else None, test if len(test) else None, **others)


def tenths(y, tests: bool = True):
    """A fixed shuffled split of the labels ``y`` (N,): a tenth of every class for valid, a tenth for test if asked.

    Classes of fewer than five items, of which a tenth would be none, are taken together as one. Returns the indices
    of train followed by valid, the indices of test (int64 tensors), and how many are for valid.

    >>> pool, test, valid = tenths(np.repeat([0, 1], 20))
    >>> len(pool), len(test), valid
    (36, 4, 4)
    """
    _, y, counts = np.unique(y, return_inverse=True, return_counts=True)
    y = np.where(counts[y] < 5, -1, y)
    rng = np.random.RandomState(0)  # numpy promises that the stream of this old generator never changes
    parts = [], [], []
    for c in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == c))
        tenth = round(len(members) / 10)
        cuts = [len(members) - (1 + tests) * tenth, len(members) - tests * tenth]
        for part, some in zip(parts, np.split(members, cuts)):
            part.append(some)
    train, valid, test = (rng.permutation(np.concatenate(part)) for part in parts)
    return torch.tensor(np.concatenate([train, valid])), torch.tensor(test), len(valid)
