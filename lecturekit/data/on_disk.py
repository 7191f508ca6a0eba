"""Images that stay on the disk, for folders that memory cannot hold."""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.utils.data import DataLoader

from lecturekit.data.errors import DataError, need
from lecturekit.data.views import View

GREY, COLOUR = ("1", "L", "LA", "La"), ("P", "PA", "RGB", "RGBA", "RGBa", "CMYK", "YCbCr", "HSV", "LAB")


@dataclass(frozen=True, eq=False, repr=False)
class FileSplit:
    """Images that stay on the disk: what `Split` is for images in memory. Read in ``workers`` processes.

    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as path:
    ...     Image.new("L", (6, 4), color=255).save(f"{path}/white.png")
    ...     split = FileSplit([Path(path, "white.png")], None, (1, 2, 2), View("unit"))
    ...     split.batch(torch.tensor([0]))[0]
    tensor([[[[1., 1.],
              [1., 1.]]]])
    """

    files: list[Path]
    y: Tensor | None  # (N,) int64
    event_shape: tuple[int, int, int]
    view: View
    workers: int = 2
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    factors: dict[str, Tensor] = field(default_factory=dict)  # name -> (N,)
    reading: dict = field(default_factory=dict)  # how `read` takes the images, other than to their size

    def __len__(self) -> int:
        return len(self.files)

    def __repr__(self) -> str:
        return f"FileSplit({len(self)} x {self.event_shape}, view={self.view.name!r}, for {self.device})"

    def to(self, device) -> "FileSplit":
        """The same split, whose batches will be on ``device``."""
        return replace(
            self,
            y=None if self.y is None else self.y.to(device),
            factors={name: v.to(device) for name, v in self.factors.items()},
            device=torch.device(device),
        )

    def __getitem__(self, part) -> "FileSplit":
        """A part, as of a `Split`."""
        if not isinstance(part, slice | Tensor):
            raise TypeError(f"a part is a slice or a tensor of indices, not {part!r}; one item: [i:i + 1]")
        index = torch.arange(len(self))[part.cpu() if isinstance(part, Tensor) else part]
        return replace(
            self,
            files=[self.files[i] for i in index.tolist()],
            y=None if self.y is None else self.y[part],
            factors={name: v[part] for name, v in self.factors.items()},
        )

    def batch(self, index: Tensor) -> tuple[Tensor, Tensor | None]:
        """(view of the images, labels) for int64 (B,) indices, read here and now."""
        images = self._images()
        return self._seen(_collate([images[i] for i in index.tolist()]))

    def batches(self, indices: Iterable[Tensor]) -> Iterator[tuple[Tensor, Tensor | None]]:
        """A batch for each of the index tensors that ``indices`` gives, without end if it has none; read ahead."""
        loader = DataLoader(
            self._images(),
            batch_sampler=(index.tolist() for index in indices),
            collate_fn=_collate,
            num_workers=self.workers,
            pin_memory=self.device.type == "cuda",
            generator=torch.Generator(),  # else it would take a seed from the training's own random numbers
        )
        for some in loader:
            yield self._seen(some)

    def _seen(self, some):
        # As bytes to the device, and through the view there; the noise of a view is drawn here, in the order of
        # the batches, whatever the workers do.
        index, x = (t.to(self.device, non_blocking=True) for t in some)
        return self.view(x), None if self.y is None else self.y.index_select(0, index)

    def tensors(self, seed: int = 0) -> tuple[Tensor, Tensor | None]:
        """(view of all images, y), in memory; a seed means one draw on every device."""
        return self.view(self.pixels(), torch.Generator().manual_seed(seed)).to(self.device), self.y

    def pixels(self) -> UInt8[Tensor, "item channel height width"]:
        """All images, in memory."""
        images, x = self._images(), torch.empty((len(self), *self.event_shape), dtype=torch.uint8)

        def fill(i):
            x[i] = images[i][1]

        # threads are enough: the decoders let go of Python's lock
        with ThreadPoolExecutor(max(1, self.workers)) as pool:
            for _ in pool.map(fill, range(len(self))):
                pass
        return x

    def _images(self):
        return Pixels(self.files, self.event_shape, self.reading)

    def digest(self) -> str:
        """A digest of names and sizes of the files, in order, and of the view; not of their content."""
        facts = [[file.name, file.stat().st_size] for file in self.files]
        how = (self.event_shape, self.view, *self.reading.items())
        return hashlib.sha256(repr((facts, *how)).encode()).hexdigest()


@dataclass(frozen=True)
class Pixels:
    """(i, image i as uint8 (C, H, W)): what the workers read. DataError names a file that cannot be read."""

    files: list[Path]
    size: tuple[int, int, int]
    reading: dict

    def __len__(self):
        return len(self.files)

    def __getitem__(self, i):
        try:
            return i, torch.from_numpy(read(self.files[i], self.size, **self.reading).copy())
        except ModuleNotFoundError:
            raise
        except Exception as error:  # a broken file makes decoders raise almost anything
            raise DataError(f"cannot read {self.files[i]} ({error})") from error


def _collate(items):
    index, images = zip(*items, strict=True)
    return torch.tensor(index), torch.stack(images)


def checked(size) -> tuple[int, int, int]:
    """``size`` as a tuple (C, H, W); ValueError if images cannot have it.

    >>> checked([3, 64, 64])
    (3, 64, 64)
    """
    if not (len(size) == 3 and size[0] in (1, 3) and min(size) > 0):
        raise ValueError(f"size={size!r}: give (C, H, W) with C = 1 or 3, such as (3, 64, 64)")
    return tuple(size)


def read(
    file: Path, size: tuple[int, int, int] | None, *, crop: int | None = None, negative: bool = False
) -> UInt8[np.ndarray, "channel height width"]:
    """An image file, scaled to fill ``size`` and cropped at the edges, if there is one.

    crop: the side of a square that is first cut out of the middle, for images of one known size.
    negative: black becomes white.
    """
    need("PIL", "a folder of images")
    from PIL import Image, ImageOps

    with Image.open(file) as image:
        image = ImageOps.exif_transpose(image)
        if image.mode not in GREY + COLOUR:
            raise ValueError(f"pixels of mode {image.mode} have more than 8 bits; convert it first")
        grey = image.mode in GREY if size is None else size[0] == 1
        image = image.convert("L" if grey else "RGB")
        if crop is not None:
            left, top = (image.width - crop) // 2, (image.height - crop) // 2
            image = image.crop((left, top, left + crop, top + crop))
        if size is not None:
            image = ImageOps.fit(image, (size[2], size[1]), Image.Resampling.LANCZOS)
        x = np.asarray(image)
    x = 255 - x if negative else x
    return x[None] if grey else x.transpose(2, 0, 1)
