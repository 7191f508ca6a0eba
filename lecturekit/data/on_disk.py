"""Images that stay on the disk, for folders that memory cannot hold."""

import hashlib
import multiprocessing
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from numbers import Integral
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.utils.data import DataLoader

from lecturekit.checks import tensor, whole
from lecturekit.data.errors import DataError, need
from lecturekit.data.views import PIXELS, View

GREY, COLOUR = ("1", "L", "LA", "La"), ("P", "PA", "RGB", "RGBA", "RGBa", "CMYK", "YCbCr", "HSV", "LAB")
ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")


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

    def __post_init__(self):
        consistent(self, len(self.files), torch.uint8)
        checked(self.event_shape)
        whole(0, workers=self.workers)

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
        index = torch.arange(len(self))[part.cpu() if isinstance(part_of(part), Tensor) else part]
        return replace(
            self,
            files=[self.files[i] for i in index.tolist()],
            y=None if self.y is None else self.y[part],
            factors={name: v[part] for name, v in self.factors.items()},
        )

    def batch(self, index: Tensor) -> tuple[Tensor, Tensor | None]:
        """(view of the images, labels) for int64 (B,) indices, read here and now."""
        images = self._images()
        return self._seen(_collate([images[i] for i in tensor(index=index).tolist()]))

    def batches(self, indices: Iterable[Tensor]) -> Iterator[tuple[Tensor, Tensor | None]]:
        """A batch for each of the index tensors that ``indices`` gives, without end if it has none; read ahead."""
        if self.workers and multiprocessing.get_start_method() != "fork":
            _guarded()
        loader = DataLoader(
            self._images(),
            batch_sampler=(index.tolist() for index in indices),
            collate_fn=_collate,
            num_workers=self.workers,
            pin_memory=self.device.type == "cuda",
            generator=torch.Generator(),  # else it would take a seed from the training's own random numbers
        )
        reader = iter(loader)
        while True:
            try:
                some = next(reader, None)
            except (RuntimeError, OSError, EOFError) as error:  # of torch, and of pipes
                some = DataError(f"the processes that read images failed ({error}); fewer workers= take less memory")
            if isinstance(some, Exception):
                del reader  # and its processes, at once; the end of any would be the next error
                raise some
            if some is None:
                return
            yield self._seen(some)

    def _seen(self, some):
        # As bytes to the device, and through the view there; the noise of a view is drawn here, in the order of
        # the batches, whatever the workers do.
        index, x = (t.to(self.device, non_blocking=True) for t in some)
        return self.view(x), None if self.y is None else self.y.index_select(0, index)

    def tensors(self, seed: int = 0) -> tuple[Tensor, Tensor | None]:
        """(view of all images, y), in memory; a seed means one draw on every device."""
        generator = torch.Generator().manual_seed(whole(0, 2**64 - 1, seed=seed))
        return self.view(self.pixels(), generator).to(self.device), self.y

    def pixels(self) -> UInt8[Tensor, "item channel height width"]:
        """All images, in memory."""
        images, x = self._images(), torch.from_numpy(room(len(self), self.event_shape))

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
        if not 0 <= i < len(self):
            raise IndexError(f"index {i} is not one of {len(self)} images")
        try:
            return i, torch.from_numpy(read(self.files[i], self.size, **self.reading).copy())
        except ModuleNotFoundError:
            raise
        except Exception as error:  # a broken file makes decoders raise almost anything
            raise DataError(f"cannot read {self.files[i]} ({error})") from error

    def __getitems__(self, index):
        """All of a batch, or their error as it is, which workers would wrap in their own traceback if it was raised."""
        try:
            return [self[i] for i in index]
        except (DataError, ModuleNotFoundError) as error:
            return error


def _collate(items):
    if isinstance(items, Exception):
        return items
    index, images = zip(*items, strict=True)
    return torch.tensor(index), torch.stack(images)


def _guarded():
    """RuntimeError if new processes, which are no copies of this one, would do all that the main script does."""
    script = Path(getattr(sys.modules["__main__"], "__file__", None) or "")
    unguarded = script.is_file() and "__name__" not in script.read_text(errors="replace")
    if unguarded or getattr(multiprocessing.current_process(), "_inheriting", False):
        raise RuntimeError(
            f"the processes of workers= run {script} from its top: put what it does into a function, and at its end\n\n"
            '    if __name__ == "__main__":\n        main()\n\nor read without processes: workers=0'
        )


def consistent(split, n: int, dtype: torch.dtype) -> None:
    """TypeError or ValueError unless a split's view is one of ``dtype``, and labels and factors one for each of n items.

    >>> consistent(FileSplit([], None, (1, 8, 8), View("unit")), 0, torch.uint8)
    """
    if isinstance(split.view, View) and (split.view.name in PIXELS) != (dtype == torch.uint8):
        raise TypeError(f"view={split.view.name!r} does not see {dtype}: points have 'identity', uint8 the others")
    for name, t in {"y": split.y, **split.factors}.items():
        if t is not None and tensor(**{name: t}).shape[:1] != (n,):
            raise ValueError(f"{n} items need {n} entries of {name}, not shape {tuple(t.shape)}")
    if split.y is not None and (split.y.ndim != 1 or split.y.is_floating_point()):
        raise ValueError(f"labels y are whole numbers (N,), not {split.y.dtype} of shape {tuple(split.y.shape)}")


def part_of(part):
    """What may stand in the brackets of a split; TypeError for anything else.

    >>> part_of(slice(3))
    slice(None, 3, None)
    """
    if not isinstance(part, slice | Tensor) or (isinstance(part, Tensor) and part.ndim != 1):
        raise TypeError(f"a part is a slice or a tensor of indices (B,), not {part!r}; one item: [i:i + 1]")
    return part


def room(n: int, shape: tuple[int, ...]) -> np.ndarray:
    """A uint8 array for n images, not filled.

    >>> room(2, (3, 8, 8)).shape
    (2, 3, 8, 8)
    """
    try:
        return np.empty((n, *shape), np.uint8)
    except (MemoryError, ValueError) as error:  # which say how many bytes, or that no number of bytes would do
        raise DataError(f"no memory for {n} images of shape {shape} ({error}): ask for a smaller size") from error


def checked(size) -> tuple[int, int, int]:
    """``size`` as a tuple (C, H, W); ValueError if images cannot have it.

    >>> checked([3, 64, 64])
    (3, 64, 64)
    """
    found = tuple(size) if isinstance(size, Iterable) else ()
    if len(found) != 3 or found[0] not in (1, 3) or not all(isinstance(n, Integral) and n > 0 for n in found):
        raise ValueError(f"size={size!r}: give (C, H, W), whole numbers with C = 1 or 3, such as (3, 64, 64)")
    return tuple(map(int, found))


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
        image = opaque(ImageOps.exif_transpose(image), None if size is None else size[0] == 1)
        if crop is not None:
            left, top = (image.width - crop) // 2, (image.height - crop) // 2
            image = image.crop((left, top, left + crop, top + crop))
        if size is not None:
            image = ImageOps.fit(image, (size[2], size[1]), Image.Resampling.LANCZOS)
        x = np.asarray(image)
    x = 255 - x if negative else x
    return x[None] if x.ndim == 2 else x.transpose(2, 0, 1)


def opaque(image, grey: bool | None = None):
    """A Pillow image as one of mode L or RGB, on white where it is transparent; by default grey if its pixels are.

    >>> from PIL import Image
    >>> opaque(Image.new("RGBA", (1, 1), (255, 0, 0, 0))).getpixel((0, 0))  # the hidden red stays hidden
    (255, 255, 255)
    """
    from PIL import Image

    mode = image.mode
    if mode not in GREY + COLOUR:
        raise ValueError(f"pixels of mode {mode} have more than 8 bits; convert it first")
    if mode in ALPHA or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    if grey is None:
        rgb = np.asarray(image.convert("RGB")) if mode in ("P", "PA") else None  # a palette may be one of greys
        grey = mode in GREY if rgb is None else bool((rgb == rgb[..., :1]).all())
    return image.convert("L" if grey else "RGB")
