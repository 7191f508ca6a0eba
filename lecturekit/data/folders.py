"""Your own folder of images."""

import os
import warnings
from pathlib import Path

import numpy as np

from lecturekit.data.errors import DataError, need
from lecturekit.data.split import Dataset, divided, tenths
from lecturekit.data.views import View

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
GREY, COLOUR = ("1", "L"), ("LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "CMYK", "YCbCr", "HSV", "LAB")


def folder(
    path: str | os.PathLike,
    size: tuple[int, ...] | None = None,
    view: str = "unit",
    *,
    levels: int | None = None,
    valid: int | None = None,
    skip_unreadable: bool = False,
) -> Dataset:
    """All images under a folder, in a fixed shuffled split: a tenth for valid, a tenth for test.

    If every image lies in a sub-folder, the first sub-folders' names are the classes, each split by tenths;
    else there are no labels. Alpha is dropped, and a photograph is turned as its camera says.

    size: (C, H, W), C = 1 or 3: images are scaled to fill it and cropped at the edges. Without it all must
        have the same height and width, and are grey if all of them are.
    valid: how many images to set aside instead of a tenth.
    skip_unreadable: leave out files that cannot be read, with one warning that counts them.

    Raises DataError for a folder that is absent or empty, for an unreadable image (by name) and for images of
    different sizes without a ``size``; ValueError for an impossible ``size``.
    """
    view, path = View(view, levels), Path(path).expanduser()
    if size is not None and not (len(size) == 3 and size[0] in (1, 3) and min(size) > 0):
        raise ValueError(f"size={size!r}: give (C, H, W) with C = 1 or 3, such as (3, 64, 64)")
    if not path.is_dir():
        raise DataError(f"no folder {path}")
    files = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    if not files:
        raise DataError(f"{path} holds no images ({' '.join(SUFFIXES)})")

    images, kept, bad = [], [], []
    for file in files:
        try:
            images.append(_pixels(file, size))
            kept.append(file)
        except ModuleNotFoundError:
            raise
        except Exception as error:  # a broken file makes decoders raise almost anything
            if not skip_unreadable:
                raise DataError(f"cannot read {file} ({error}); skip_unreadable=True leaves it out") from error
            bad.append(file)
    if bad:
        warnings.warn(
            f"{path}: {len(bad)} of {len(files)} images cannot be read and are left out, first {bad[0]}",
            stacklevel=2,
        )
    if not images:
        raise DataError(f"{path}: not one of {len(files)} images can be read")

    for image, file in zip(images, kept):
        if image.shape[1:] != images[0].shape[1:]:
            (h, w), (h0, w0) = image.shape[1:], images[0].shape[1:]
            raise DataError(f"{file} is {h} x {w}, but {kept[0]} is {h0} x {w0}: give size=(C, H, W)")
    channels = max(len(image) for image in images)
    x = np.stack([np.broadcast_to(image, (channels, *image.shape[1:])) for image in images])

    folders = [file.relative_to(path).parts[0] for file in kept if file.parent != path]
    labelled = len(folders) == len(kept)
    classes, y = np.unique(folders, return_inverse=True) if labelled else (None, np.zeros(len(x), int))
    pool, test, tenth = tenths(y)
    pool, test = ((x[part], y[part] if labelled else None) for part in (pool, test))
    classes = tuple(map(str, classes)) if labelled else None
    return divided(path.name, pool, test, tenth if valid is None else valid, view, classes=classes)


def _pixels(file, size):
    """An image file as uint8 (C, H, W)."""
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
