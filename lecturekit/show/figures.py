"""Image grids, reconstructions, latent planes and interpolations, training curves.

Every function takes tensors, callables or a History and returns a matplotlib Figure. Backgrounds are transparent and ink is
a middle grey, so that one picture serves a light and a dark page, until `plt.rcParams.update(show.style("print"))` asks for
black on white; colours are Okabe and Ito's, which colour-blind readers can tell apart, without the two that vanish on one of
the backgrounds.
"""

import base64
import html
import io
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from itertools import cycle

import numpy as np
import torch
from cycler import cycler
from matplotlib import pyplot as plt
from matplotlib import rc_context, rcParams, rcParamsDefault
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from lecturekit import checks

GREY = "#7d7d7d"  # contrast above 4 : 1 on white and on the dark pages' grey
COLOURS = {
    "blue": "#0080c8",
    "orange": "#e08600",
    "green": "#009e73",
    "red": "#d55e00",
    "pink": "#cc79a7",
    "sky": "#56b4e9",
}
# One for each of ten classes, in every figure. Found by search: as far apart as ten can be for normal and for red-green blind
# eyes, all legible on white and on dark; digits of like shape, such as 4 and 9, got the most different ones.
CLASSES = (
    "#e85bac",
    "#6abdf3",
    "#e4a1a0",
    "#316f5c",
    "#a71ca9",
    "#90c222",
    "#ca0a20",
    "#3050ff",
    "#5b89ff",
    "#9a9353",
)

# What a term is called above its curves; any other is shown as it was logged.
TITLES = {
    r"elbo": "ELBO (nats)",
    r"bound": "bound (nats)",
    r"kl": "KL (nats)",
    r"kl_(\d+)": r"KL of layer \1 (nats)",
    r"reconstruction": "reconstruction (nats)",
    r"nll": "\N{MINUS SIGN}log likelihood (nats)",
    r"log_likelihood": "log likelihood (nats)",
    r"bits_per_dim": "bits per dimension",
}


def style(medium: str = "page") -> dict:
    """Matplotlib settings: `plt.rcParams.update(show.style())`.

    medium: "page", see-through and with grey ink, for pages that may be light or dark; "print", black on white with 200 dpi,
        for slides and paper. All figures of this package follow what was chosen last.

    >>> style()["axes.facecolor"], style("print")["text.color"]
    ('none', '#000000')
    """
    checks.one_of(("page", "print"), medium=medium)
    # written so that neither equals matplotlib's own default: `settings` tells by that what was asked for
    ink, paper, dpi = (GREY, "none", 110) if medium == "page" else ("#000000", "#ffffff", 200)
    inked = ("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color")
    return dict.fromkeys(inked, ink) | {
        "figure.facecolor": paper,
        "axes.facecolor": "none",
        "savefig.facecolor": paper,
        "legend.frameon": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": ink,
        "grid.alpha": 0.2,
        "axes.prop_cycle": cycler(color=list(COLOURS.values())),
        "figure.constrained_layout.use": True,
        "figure.dpi": dpi,
        "font.size": 10,
        "axes.titlesize": 10.5,
        "axes.formatter.useoffset": False,
    }


def settings() -> dict:
    """The settings by which this package draws: `style()`, but for what the caller has set otherwise.

    >>> with rc_context(style("print")):
    ...     settings()["figure.facecolor"], ink()
    ('#ffffff', '#000000')
    """
    return {key: rcParams[key] if rcParams[key] != rcParamsDefault[key] else value for key, value in style().items()}


def ink() -> str:
    """The colour of text and lines just now; chapters read it as `show.INK`.

    >>> ink()
    '#7d7d7d'
    """
    return settings()["text.color"]


def _described(alt: str, *figures: Figure) -> None:
    if not all(isinstance(figure, Figure) for figure in figures):
        raise TypeError("what is shown must be figures, such as show.grid(images) makes")
    if not isinstance(alt, str) or not alt.strip():
        raise TypeError(f"alt must say what there is to see, for readers who cannot see it, not {alt!r}")


def put(figure: Figure, alt: str) -> None:
    """Show a figure in a notebook with a description for readers who cannot see it, and close it."""
    from IPython.display import display

    _described(alt, figure)
    display(figure, metadata={"image/png": {"alt": alt}})
    plt.close(figure)


def animate(frames: Iterable[Figure], alt: str, *, title: str = "Animation", seconds: float = 0.5) -> None:
    """Show figures of one size one after the other, closing them: an animation that plays on a page without a kernel.

    title: the line above it, which folds it away. seconds: how long a frame stays; the last one stays six times as long.
    It begins anew for ever; a reader whose system asks for less motion sees the last frame alone.
    """
    from IPython.display import display

    pictures, seconds = [], checks.number(above=0, seconds=seconds)
    for figure in frames:
        _described(alt, figure)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        pictures.append(Image.fromarray(np.array(canvas.buffer_rgba())))
        plt.close(figure)
    if len({picture.size for picture in pictures}) != 1:
        raise ValueError(f"an animation needs frames, all of one size, not {[picture.size for picture in pictures]}")
    moving, still = io.BytesIO(), io.BytesIO()
    times = [round(1000 * seconds)] * (len(pictures) - 1) + [round(6000 * seconds)]
    pictures[0].save(
        moving, "webp", save_all=True, append_images=pictures[1:], duration=times, loop=0, lossless=True, method=4
    )
    pictures[-1].save(still, "png")
    moving, still = (base64.b64encode(file.getvalue()).decode() for file in (moving, still))
    page = (
        f"<details open><summary>{html.escape(title)}</summary><picture>"
        f'<source media="(prefers-reduced-motion: no-preference)" srcset="data:image/webp;base64,{moving}">'
        f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{still}"></picture></details>'
    )
    display({"text/html": page, "text/plain": alt}, raw=True)


def _unit(images: Tensor, limits: tuple[float, float], name: str = "images") -> Tensor:
    """(N, C, H, W) with C of 1 or 3 -> (N, 3, H, W) from 0, black, to 1; a warning where much of it is cut off."""
    if isinstance(images, torch.distributions.Distribution):
        raise TypeError(f"{name} must be a tensor, not a distribution: show its mean, model.decode(z).mean")
    if checks.tensor(**{name: images}).ndim != 4 or images.shape[1] not in (1, 3) or images.numel() == 0:
        raise ValueError(f"{name} must be (N, C, H, W) with C of 1 or 3 and N of at least 1, not {tuple(images.shape)}")
    if not isinstance(limits, tuple | list) or len(limits) != 2 or limits[0] == limits[1]:
        raise ValueError(f"limits must be two different numbers, what is shown black and what white, not {limits!r}")
    low, high = checks.number(**{"limits[0]": limits[0], "limits[1]": limits[1]})
    images = images.detach().cpu().float()
    if not images.isfinite().all():
        raise ValueError(f"{name} hold numbers that are not finite, of which there is no picture")
    unit = (images - low) / (high - low)
    if ((unit - 0.5).abs() > 0.6).count_nonzero() > 0.02 * unit.numel():
        least, most = images.min().item(), images.max().item()
        warnings.warn(
            f"{name} run from {least:.4g} to {most:.4g}, and what lies outside limits=({low:g}, {high:g}) is cut off; "
            f"to see it, limits=({least:.4g}, {most:.4g})",
            stacklevel=3,
        )
    return unit.clamp(0, 1).expand(-1, 3, -1, -1)


def _decoded(decode: Callable[[Tensor], Tensor], z: Tensor, limits: tuple[float, float]) -> Tensor:
    """decode(z), one image for each, as `_unit` gives it back."""
    if not callable(decode):
        raise TypeError(f"decode must be a function of z that gives images, not {decode!r:.60}")
    try:
        with torch.no_grad():
            images = decode(z)
    except RuntimeError as error:
        raise ValueError(f"decode cannot take z of shape {tuple(z.shape)}: {error}") from error
    unit = _unit(images, limits, "decode(z)")
    if len(unit) != len(z):
        raise ValueError(f"decode must give an image for each of {len(z)} points z, not {len(unit)} images")
    return unit


def _tiles(images: Tensor, columns: int, gap: int = 1) -> np.ndarray:
    """(N, 3, H, W) from 0 to 1 -> one RGBA image, `columns` images wide, with see-through gaps."""
    n, _, h, w = images.shape
    rows = -(-n // columns)
    sheet = np.zeros((rows * (h + gap) - gap, columns * (w + gap) - gap, 4))
    for i, image in enumerate(images.permute(0, 2, 3, 1).numpy()):
        top, left = i // columns * (h + gap), i % columns * (w + gap)
        sheet[top : top + h, left : left + w] = np.concatenate([image, np.ones((h, w, 1))], axis=-1)
    return sheet


def _bare(sheet: np.ndarray, width: float, title: str | None, extent=None) -> tuple[Figure, plt.Axes]:
    width = checks.number(above=0, width=width)
    with rc_context(settings()):
        height = width * sheet.shape[0] / sheet.shape[1]
        figure, axis = plt.subplots(figsize=(width, height + (0.3 if title else 0)))
        axis.imshow(sheet, interpolation="nearest", extent=extent)
        axis.set_xticks([])
        axis.set_yticks([])
        axis.grid(False)
        axis.spines[:].set_visible(False)
        axis.set_title(title or "")
        # pyplot forgets it here: a notebook would show it twice, and a script would keep it in memory for ever
        plt.close(figure)
    return figure, axis


def grid(
    images: Tensor,
    columns: int | None = None,
    *,
    title: str | None = None,
    width: float = 7.0,
    limits: tuple[float, float] = (0, 1),
) -> Figure:
    """Images (N, C, H, W) in rows of `columns` (default: about square). limits: the values shown as black and white.

    >>> figure = grid(torch.rand(6, 1, 8, 8), columns=3, width=3.0)
    >>> figure.axes[0].images[0].get_array().shape  # 2 rows of 3 images, with gaps of a pixel
    (17, 26, 4)
    """
    unit = _unit(images, limits)
    columns = max(1, round(len(unit) ** 0.5)) if columns is None else checks.whole(columns=columns)
    return _bare(_tiles(unit, columns), width, title)[0]


def pairs(
    x: Tensor,
    reconstruction: Tensor,
    *,
    labels: tuple[str, str] = ("data", "model"),
    title: str | None = None,
    width: float = 7.0,
    limits: tuple[float, float] = (0, 1),
) -> Figure:
    """Images x (N, C, H, W) in one row and what a model made of them, of the same shape, below.

    >>> x = torch.rand(4, 1, 8, 8)
    >>> [label.get_text() for label in pairs(x, 1 - x).axes[0].get_yticklabels()]
    ['data', 'model']
    """
    upper = _unit(x, limits, "x")
    if getattr(reconstruction, "shape", x.shape) != x.shape:
        raise ValueError(f"need as many images of one shape: {tuple(x.shape)} and {tuple(reconstruction.shape)}")
    lower = _unit(reconstruction, limits, "reconstruction")
    if isinstance(labels, str) or len(labels) != 2:
        raise ValueError(f"labels must be those of the two rows, not {labels!r}")
    figure, axis = _bare(_tiles(torch.cat([upper, lower]), len(x)), width, title)
    h = x.shape[2]
    axis.set_yticks([h / 2, h + 1 + h / 2], labels)
    axis.tick_params(length=0)
    return figure


def manifold(
    decode: Callable[[Tensor], Tensor],
    *,
    limit: float = 3.0,
    side: int = 20,
    title: str | None = None,
    width: float = 7.0,
    limits: tuple[float, float] = (0, 1),
) -> Figure:
    """The plane of a model with two latents: images decode(z) on an even grid of z over [-limit, limit]^2.

    decode: (M, 2), float32 on the CPU, -> images (M, C, H, W). The first latent runs to the right, the second upwards, as in a plot.

    >>> figure = manifold(lambda z: torch.sigmoid(z.sum(1)).view(-1, 1, 1, 1).expand(-1, 1, 4, 4), side=5)
    >>> figure.axes[0].images[0].get_array().shape
    (20, 20, 4)
    """
    limit, side = checks.number(above=0, limit=limit), checks.whole(2, side=side)
    line = torch.linspace(-limit, limit, side)
    z = torch.stack(torch.meshgrid(line, line.flip(0), indexing="xy"), dim=-1).reshape(-1, 2)
    half = limit * side / (side - 1)  # the outermost images are centred on the limit
    sheet = _tiles(_decoded(decode, z, limits), side, gap=0)
    figure, axis = _bare(sheet, width, title, extent=(-half, half, -half, half))
    ticks = np.linspace(-limit, limit, 7)
    axis.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axis.set_yticks(ticks, [f"{t:g}" for t in ticks])
    axis.set_xlabel("$z_1$")
    axis.set_ylabel("$z_2$", rotation=0)
    return figure


def interpolation(
    decode: Callable[[Tensor], Tensor],
    start: Tensor,
    end: Tensor,
    *,
    steps: int = 12,
    title: str | None = None,
    width: float = 7.0,
    limits: tuple[float, float] = (0, 1),
) -> Figure:
    """Straight lines in latent space, one row each: start and end are (R, latent), decode as in `manifold`.

    >>> draw = lambda z: z.view(-1, 1, 1, 1).expand(-1, 1, 4, 4)
    >>> figure = interpolation(draw, torch.zeros(2, 1), torch.ones(2, 1), steps=5)
    >>> figure.axes[0].images[0].get_array().shape  # 2 lines of 5 images
    (9, 24, 4)
    """
    start, end = checks.tensor(start=start, end=end)
    if start.shape != end.shape or start.ndim != 2 or not len(start) or not (start + end).is_floating_point():
        raise ValueError(f"start and end must both be (R, latent), not {tuple(start.shape)} and {tuple(end.shape)}")
    steps = checks.whole(2, steps=steps)
    t = torch.linspace(0, 1, steps, dtype=start.dtype, device=start.device)[:, None]
    images = torch.cat([_decoded(decode, a + t * (b - a), limits) for a, b in zip(start, end, strict=True)])
    return _bare(_tiles(images, steps), width, title)[0]


def curves(history: Mapping[str, list[float]], *names: str, width: float = 7.0) -> Figure:
    """Training curves of a History: a panel per term, a colour per player; thin lines are turns, thick ones their mean
    over an epoch, in its middle; values of valid/ stand where they were measured.

    >>> from lecturekit import History
    >>> history = History()
    >>> for name in ("generator/loss", "discriminator/loss", "discriminator/real"):
    ...     history.add(name, epochs=[0.0, 0.5], values=[2.0, 1.0])
    >>> [axis.get_title() for axis in curves(history).axes]
    ['loss', 'real']
    """
    if not hasattr(history, "epochs"):
        raise TypeError(f"history must be what fit returned, a History, not a {type(history).__name__}")
    names, width = names or tuple(history), checks.number(above=0, width=width)
    checks.one_of(tuple(history), **{f"term {i + 1} of the history": name for i, name in enumerate(names)})
    if not names or not all(len(history[name]) for name in names):
        raise ValueError("nothing was logged, so there is nothing to draw")
    panels: dict[str, list[str]] = {}
    for name in names:
        panels.setdefault(name.rpartition("/")[2], []).append(name)
    columns = 2 if len(panels) == 4 else min(3, len(panels))
    rows = -(-len(panels) // columns)
    with rc_context(settings()):
        figure, axes = plt.subplots(rows, columns, figsize=(width, 2.2 * rows), squeeze=False)
        for axis in axes.flat[len(panels) :]:
            axis.set_visible(False)
        for axis, (term, group) in zip(axes.flat, panels.items(), strict=False):
            limits = []
            for name, colour in zip(group, cycle(COLOURS.values()), strict=False):
                epochs, values = np.array(history.epochs(name)), np.array(history[name])
                epoch = np.floor(epochs + 1e-9)  # in which the batch of a turn was drawn
                began, turns = np.unique(epoch, return_counts=True)
                if not name.startswith("valid/") and turns.max() > 1:
                    # what was left to play of the last round is no epoch of its own
                    if len(began) > 1 and turns[-1] <= turns[-2] / 2:
                        epoch, began = epoch.clip(max=began[-2]), began[:-1]
                    axis.plot(epochs, values, color=colour, alpha=0.25, linewidth=0.6)
                    # a few turns far outside, mostly the first, would flatten the rest
                    finite = values[np.isfinite(values)]
                    limits += np.percentile(finite, (2, 98)).tolist() if len(finite) else []
                    epochs, values = began + 0.5, np.array([values[epoch == e].mean() for e in began])
                marker = "." if len(values) == 1 else None
                axis.plot(epochs, values, marker=marker, color=colour, linewidth=1.6, label=name.rpartition("/")[0])
                # of a training that went wrong one wants to see the rest
                limits += values[np.isfinite(values)].tolist()
            low, high = (min(limits), max(limits)) if limits else (0, 0)
            if low < high:
                axis.set_ylim(low - 0.1 * (high - low), high + 0.1 * (high - low))
            titles = (match.expand(title) for t, title in TITLES.items() if (match := re.fullmatch(t, term)))
            axis.set_title(next(titles, term))
            axis.set_xlabel("epoch")
            axis.legend()
        plt.close(figure)
    return figure
