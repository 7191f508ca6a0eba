"""Images that stay on the disk, for folders that memory cannot hold."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from lecturekit.data.errors import DataError, need
from lecturekit.data.views import View

GREY, COLOUR = ("1", "L", "LA", "La"), ("P", "PA", "RGB", "RGBA", "RGBa", "CMYK", "YCbCr", "HSV", "LAB")


@dataclass(frozen=True, eq=False, repr=False)
class FileSplit:
    """Images that stay on the disk: what `Split` is for images in memory. Read in ``workers`` processes."""

    files: list[Path]
    y: Tensor | None  # (N,) int64
    event_shape: tuple[int, int, int]
    view: View
    workers: int = 2
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def __len__(self) -> int:
        return len(self.files)

    def __repr__(self) -> str:
        return f"FileSplit({len(self)} x {self.event_shape}, view={self.view.name!r}, for {self.device})"

    def to(self, device) -> "FileSplit":
        """The same split, whose batches will be on ``device``."""
        return replace(self, y=None if self.y is None else self.y.to(device), device=torch.device(device))

    def batch(self, index: Tensor) -> tuple[Tensor, Tensor | None]:
        """(view of the images, labels) for int64 (B,) indices, read here and now."""
        return self._seen(_collate([Pixels(self.files, self.event_shape)[i] for i in index.tolist()]))

    def batches(self, indices: Iterable[Tensor]) -> Iterator[tuple[Tensor, Tensor | None]]:
        """A batch for each of the index tensors that ``indices`` gives, without end if it has none; read ahead."""
        loader = DataLoader(
            Pixels(self.files, self.event_shape),
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
        _, x = _collate([Pixels(self.files, self.event_shape)[i] for i in range(len(self))])
        return self.view(x, torch.Generator().manual_seed(seed)).to(self.device), self.y

    def digest(self) -> str:
        """A digest of names and sizes of the files, in order, and of the view; not of their content."""
        facts = [[file.name, file.stat().st_size] for file in self.files]
        return hashlib.sha256(repr((facts, self.event_shape, self.view)).encode()).hexdigest()


@dataclass(frozen=True)
class Pixels:
    """(i, image i as uint8 (C, H, W)): what the workers read. DataError names a file that cannot be read."""

    files: list[Path]
    size: tuple[int, int, int]

    def __len__(self):
        return len(self.files)

    def __getitem__(self, i):
        try:
            return i, torch.from_numpy(read(self.files[i], self.size).copy())
        except Exception as error:  # a broken file makes decoders raise almost anything
            raise DataError(f"cannot read {self.files[i]} ({error})") from error


def _collate(items):
    index, images = zip(*items, strict=True)
    return torch.tensor(index), torch.stack(images)


def read(file: Path, size: tuple[int, int, int] | None) -> np.ndarray:
    """An image file as uint8 (C, H, W), scaled and cropped to ``size`` if there is one."""
    need("PIL", "a folder of images")
    from PIL import Image, ImageOps

    with Image.open(file) as image:
        image = ImageOps.exif_transpose(image)
        if image.mode not in GREY + COLOUR:
            raise ValueError(f"pixels of mode {image.mode} have more than 8 bits; convert it first")
        grey = image.mode in GREY if size is None else size[0] == 1
        image = image.convert("L" if grey else "RGB")
        if size is not None:
            image = ImageOps.fit(image, (size[2], size[1]), Image.Resampling.LANCZOS)
        x = np.asarray(image)
    return x[None] if grey else x.transpose(2, 0, 1)
