"""Image grids, reconstructions, latent planes and interpolations, training curves.

Every function takes tensors, callables or a History and returns a matplotlib Figure. Backgrounds are transparent and ink is
a middle grey, so that one figure serves a light and a dark page; colours are Okabe and Ito's, which colour-blind readers
can tell apart, without the two that vanish on one of the backgrounds.
"""

import base64
import html
import io
from collections.abc import Callable, Iterable, Mapping
from itertools import cycle

import numpy as np
import torch
from cycler import cycler
from matplotlib import pyplot as plt
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

INK = "#7d7d7d"  # contrast above 4 : 1 on white and on the dark pages' grey
COLOURS = {
    "blue": "#0080c8",
    "orange": "#e08600",
    "green": "#009e73",
    "red": "#d55e00",
    "pink": "#cc79a7",
    "sky": "#56b4e9",
}


def style() -> dict:
    """Matplotlib settings for pages in light and dark: `plt.rcParams.update(show.style())`.

    >>> style()["axes.facecolor"]
    'none'
    """
    ink = ("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color")
    return dict.fromkeys(ink, INK) | {
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
        "legend.frameon": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": INK,
        "grid.alpha": 0.2,
        "axes.prop_cycle": cycler(color=list(COLOURS.values())),
        "figure.constrained_layout.use": True,
        "figure.dpi": 110,
        "font.size": 10,
        "axes.titlesize": 10.5,
        "axes.formatter.useoffset": False,
    }


def put(figure: Figure, alt: str) -> None:
    """Show a figure in a notebook with a description for readers who cannot see it, and close it."""
    from IPython.display import display

    display(figure, metadata={"image/png": {"alt": alt}})
    plt.close(figure)


def animate(frames: Iterable[Figure], alt: str, *, title: str = "Animation", seconds: float = 0.5) -> None:
    """Show figures of one size one after the other, closing them: an animation that plays on a page without a kernel.

    title: the line above it, which folds it away. seconds: how long a frame stays; the last one stays six times as long.
    It begins anew for ever; a reader whose system asks for less motion sees the last frame alone.
    """
    from IPython.display import display

    pictures = []
    for figure in frames:
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


def _tiles(images: Tensor, columns: int, limits: tuple[float, float], gap: int = 1) -> np.ndarray:
    """(N, C, H, W) with C of 1 or 3 -> one RGBA image, `columns` images wide, with see-through gaps."""
    if images.ndim != 4 or images.shape[1] not in (1, 3) or len(images) == 0:
        raise ValueError(f"images must be (N, C, H, W) with C of 1 or 3 and N of at least 1, not {tuple(images.shape)}")
    low, high = limits
    images = ((images.detach().cpu().float() - low) / (high - low)).clamp(0, 1).expand(-1, 3, -1, -1)
    n, _, h, w = images.shape
    rows = -(-n // columns)
    sheet = np.zeros((rows * (h + gap) - gap, columns * (w + gap) - gap, 4))
    for i, image in enumerate(images.permute(0, 2, 3, 1).numpy()):
        top, left = i // columns * (h + gap), i % columns * (w + gap)
        sheet[top : top + h, left : left + w] = np.concatenate([image, np.ones((h, w, 1))], axis=-1)
    return sheet


def _bare(sheet: np.ndarray, width: float, title: str | None, extent=None) -> tuple[Figure, plt.Axes]:
    with rc_context(style()):
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
    columns = columns or max(1, round(len(images) ** 0.5))
    return _bare(_tiles(images, columns, limits), width, title)[0]


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
    if x.shape != reconstruction.shape:
        raise ValueError(f"need as many images of one shape: {tuple(x.shape)} and {tuple(reconstruction.shape)}")
    sheet = _tiles(torch.cat([x.float(), reconstruction.float()]), len(x), limits)
    figure, axis = _bare(sheet, width, title)
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
    line = torch.linspace(-limit, limit, side)
    z = torch.stack(torch.meshgrid(line, line.flip(0), indexing="xy"), dim=-1).reshape(-1, 2)
    half = limit * side / (side - 1)  # the outermost images are centred on the limit
    with torch.no_grad():
        sheet = _tiles(decode(z), side, limits, gap=0)
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
    if start.shape != end.shape or start.ndim != 2:
        raise ValueError(f"start and end must both be (R, latent), not {tuple(start.shape)} and {tuple(end.shape)}")
    t = torch.linspace(0, 1, steps, dtype=start.dtype, device=start.device)[:, None]
    with torch.no_grad():
        images = torch.cat([decode(a + t * (b - a)) for a, b in zip(start, end, strict=True)])
    return _bare(_tiles(images, steps, limits), width, title)[0]


def curves(history: Mapping[str, list[float]], *names: str, width: float = 7.0) -> Figure:
    """Training curves of a History: a panel per term, a colour per player; thin lines are turns, thick ones their mean
    over an epoch.

    >>> from lecturekit import History
    >>> history = History()
    >>> for name in ("generator/loss", "discriminator/loss", "discriminator/real"):
    ...     history.add(name, epochs=[0.0, 0.5], values=[2.0, 1.0])
    >>> [axis.get_title() for axis in curves(history).axes]
    ['loss', 'real']
    """
    names = names or tuple(history)
    if not names:
        raise ValueError("nothing was logged, so there is nothing to draw")
    panels: dict[str, list[str]] = {}
    for name in names:
        panels.setdefault(name.rpartition("/")[2], []).append(name)
    columns = 2 if len(panels) == 4 else min(3, len(panels))
    rows = -(-len(panels) // columns)
    with rc_context(style()):
        figure, axes = plt.subplots(rows, columns, figsize=(width, 2.2 * rows), squeeze=False)
        for axis in axes.flat[len(panels) :]:
            axis.set_visible(False)
        for axis, (term, group) in zip(axes.flat, panels.items(), strict=False):
            shown = []
            for name, colour in zip(group, cycle(COLOURS.values()), strict=False):
                epochs, values = np.array(history.epochs(name)), np.array(history[name])
                began = np.floor(epochs + 1e-9)  # in which epoch the batch of a turn was drawn
                if not name.startswith("valid/") and len(np.unique(began)) < len(epochs):
                    axis.plot(epochs, values, color=colour, alpha=0.25, linewidth=0.6)
                    means = {e + 1: values[began == e].mean() for e in np.unique(began)}
                    epochs, values = np.array(list(means)), np.array(list(means.values()))
                axis.plot(epochs, values, color=colour, linewidth=1.6, label=name.rpartition("/")[0])
                shown.append(values)
            shown = np.concatenate(shown)
            finite = shown[np.isfinite(shown)]  # a training that went wrong is when one wants to see it
            low, high = (finite.min(), finite.max()) if len(finite) else (0, 0)
            if low < high:  # what single turns do far outside, mostly in the first moments, would flatten the rest
                axis.set_ylim(low - 0.1 * (high - low), high + 0.1 * (high - low))
            axis.set_title(term)
            axis.set_xlabel("epoch")
            axis.legend()
        plt.close(figure)
    return figure
