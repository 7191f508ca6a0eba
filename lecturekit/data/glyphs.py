"""Digits drawn from fonts, with factors that are known: the ground truth for disentangling, and for reading back.

Five factors, drawn independently and uniformly; nothing else moves a pixel:

    class      0 .. 9, the digit
    font       0 .. 7, an index of FONTS
    rotation   degrees, anticlockwise
    scale      height of the font's digit, 1 for 20 of the 28 pixels, before its strokes are made thin or thick
    thickness  mean width of the strokes in pixels, the same in every font and at every scale

The outline of each digit becomes a signed distance field once. An image is that field seen through the rotation and
the scale; where the distance is below an offset, there is ink, and the offset decides how thick the strokes are.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from lecturekit import checks

# all come with matplotlib; upright or slanted, sans, serif or typewriter, of regular weight: boldness is a factor
FONTS = (
    "DejaVuSans",
    "DejaVuSans-Oblique",
    "DejaVuSerif",
    "STIXGeneral",
    "STIXGeneralItalic",
    "cmr10",
    "cmti10",
    "cmtt10",
)
RANGES = {"rotation": (-30.0, 30.0), "scale": (0.7, 1.0), "thickness": (1.5, 3.0)}
FACTORS = ("class", "font", *RANGES)
SIDE, HEIGHT = 28, 20  # pixels: of an image, and of a digit at scale 1
CELLS, HALF = 96, 0.75  # a field has 96 x 96 cells and reaches from -0.75 to 0.75, in heights of the digit


def draw(n: int, seed: int = 0) -> dict[str, Tensor]:
    """The factors of n glyphs, each (n,): class and font int64, the others float32.

    >>> factors = draw(1000)
    >>> list(factors), bool((factors["scale"] <= 1).all())
    (['class', 'font', 'rotation', 'scale', 'thickness'], True)
    """
    n, generator = checks.whole(0, n=n), torch.Generator().manual_seed(checks.whole(0, 2**63 - 1, seed=seed))
    factors = {
        "class": torch.randint(10, (n,), generator=generator),
        "font": torch.randint(len(FONTS), (n,), generator=generator),
    }
    for name, (low, high) in RANGES.items():
        factors[name] = low + (high - low) * torch.rand(n, generator=generator)
    return factors


def render(factors: Mapping[str, Tensor | float]) -> UInt8[Tensor, "n 1 28 28"]:
    """The glyphs with these factors, white on black, on the CPU.

    factors: all five, each a number or (n,): numbers hold for all glyphs. Rotation, scale and thickness may leave
        their ranges, at the risk of digits that are cut off or filled.

    Raises ValueError for a missing or unknown factor, and for a class or font that does not exist.

    >>> sevens = render({"class": 7, "font": 0, "rotation": 0.0, "scale": 1.0, "thickness": torch.tensor([1.5, 3.0])})
    >>> thin, thick = sevens.sum((1, 2, 3))
    >>> sevens.shape, bool(thin < thick)
    (torch.Size([2, 1, 28, 28]), True)
    """
    given = list(factors) if isinstance(factors, Mapping) else [type(factors).__name__]
    if set(given) != set(FACTORS):
        raise ValueError(f"glyphs have the factors {', '.join(FACTORS)}, not {', '.join(map(str, given))}")
    values = [
        v if isinstance(v := factors[name], Tensor) else torch.tensor(checks.number(**{name: v})) for name in FACTORS
    ]
    if max(v.ndim for v in values) > 1 or len({len(v) for v in values if v.ndim and len(v) != 1}) > 1:
        raise ValueError(f"factors are numbers or (n,), of one n, not of shapes {[tuple(v.shape) for v in values]}")
    values = [v.detach().cpu() for v in values]
    digit, font, rotation, scale, thickness = torch.broadcast_tensors(*(v[None] if v.ndim == 0 else v for v in values))
    for name, v, count in ("class", digit, 10), ("font", font, len(FONTS)):
        if v.dtype == torch.bool or v.is_floating_point() or (len(v) and not 0 <= v.min() <= v.max() < count):
            raise ValueError(f"{name} must be a whole number from 0 to {count - 1}")
    for name, v, low in ("rotation", rotation, -torch.inf), ("scale", scale, 0), ("thickness", thickness, 0):
        if not (v.isfinite() & (v > low)).all():
            raise ValueError(f"{name} must be finite{' and positive' if low == 0 else ''}")

    fields, widths = _fields()
    axis = torch.arange(SIDE) + 0.5 - SIDE / 2
    y, x = torch.meshgrid(-axis, axis, indexing="ij")  # upwards, and to the right
    images = [torch.empty(0, SIDE, SIDE, dtype=torch.uint8)]
    for i in torch.arange(len(digit)).split(1024):  # more at a time would not be faster, and take more memory
        which = digit[i] * len(FONTS) + font[i]
        height, angle = (HEIGHT * scale[i]).float()[:, None, None], rotation[i].float().deg2rad()[:, None, None]
        # where a pixel of the image lies on the upright digit
        at = torch.stack([angle.cos() * x + angle.sin() * y, angle.cos() * y - angle.sin() * x], -1)
        at = at / (HALF * height)[..., None]
        distance = torch.nn.functional.grid_sample(fields[which, None], at, padding_mode="border", align_corners=False)
        offset = (thickness[i].float()[:, None, None] - widths[which, None, None] * height) / 2
        # the share of a pixel that an edge covers falls from 1 to 0 within a pixel around the edge
        ink = (offset - distance[:, 0] * height + 0.5).clamp(0, 1)
        images.append((255 * ink).round().to(torch.uint8))
    return torch.cat(images)[:, None]


@cache
def _fields() -> tuple[Float[Tensor, "glyph y x"], Float[Tensor, " glyph"]]:
    """Distance to the outline, negative inside, and mean width of the strokes, in heights; digit by digit."""
    axis = ((torch.arange(CELLS) + 0.5) / CELLS * 2 - 1) * HALF
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    points = torch.stack([x, y], -1).flatten(0, 1)
    fields, widths = [], []
    for digit in range(10):
        for font in FONTS:
            start, end = _outline(digit, font).unbind(1)
            side = end - start
            length2 = side.square().sum(-1)
            # the nearest point of each side is start + share side
            along = points @ side.T - (start * side).sum(-1)
            share = (along / length2).clamp(0, 1)
            far2 = points.square().sum(-1, keepdim=True) - 2 * points @ start.T + start.square().sum(-1)
            far2 = far2 + share * (share * length2 - 2 * along)
            distance = far2.amin(1).clamp(min=0).sqrt().view(CELLS, CELLS)
            # inside is where the outline winds around: where sides that go up and down do not cancel on a ray
            crosses = (start[:, 1] <= axis[:, None]) != (end[:, 1] <= axis[:, None])
            crossing = start[:, 0] + (axis[:, None] - start[:, 1]) * side[:, 0] / side[:, 1]
            turns = ((crossing[:, None] > axis[:, None]) * (crosses * side[:, 1].sign())[:, None]).sum(-1)
            fields.append(torch.where(turns != 0, -distance, distance))
            # a long strip of width w has an area of w times half its circumference
            area = (start[:, 0] * end[:, 1] - start[:, 1] * end[:, 0]).sum().abs() / 2
            widths.append(2 * area / length2.sqrt().sum())
    return torch.stack(fields), torch.stack(widths)


def _outline(digit: int, font: str) -> Float[Tensor, "sides end xy"]:
    """The sides of a digit's polygons, (sides, 2, 2), centred and of height 1; holes turn the other way round."""
    import matplotlib
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    file = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{font}.ttf")
    path = TextPath((0, 0), str(digit), size=100, prop=FontProperties(fname=file))
    polygons = [torch.tensor(p, dtype=torch.float32) for p in path.to_polygons()]
    sides = torch.cat([torch.stack([p[:-1], p[1:]], 1) for p in polygons])
    sides = sides[(sides[:, 0] != sides[:, 1]).any(-1)]
    low, high = sides.flatten(0, 1).aminmax(dim=0)
    return (sides - (low + high) / 2) / (high - low)[1]
