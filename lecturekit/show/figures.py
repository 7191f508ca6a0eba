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
    if medium not in ("page", "print"):
        raise ValueError(f'medium must be "page" or "print", not {medium!r}')
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
    over an epoch, in its middle; values of valid/ stand where they were measured.

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
