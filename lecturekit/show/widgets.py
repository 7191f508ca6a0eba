"""Figures that answer: move two densities, explore a latent plane, watch a training and stop it.

Each is an image under a few controls, made with ipywidgets, which are imported when one is made. In JupyterLab the controls
work, by mouse and by arrow keys; a page without a kernel shows the image as it stood last.
"""

import gc
import html
import io
import math
import threading
import time
from _thread import interrupt_main
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from lecturekit import checks
from lecturekit.show.figures import CLASSES, COLOURS, _decoded, _tiles, _unit, curves, ink, settings

SHARP = 2  # pixels of an image per pixel of the page, for screens that have them


def _pixels(figure: Figure) -> np.ndarray:
    """(height, width, RGBA), uint8."""
    figure.set_dpi(100 * SHARP)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())


class Panel:
    """Controls over an image: a widget where there is a kernel; elsewhere the image, described.

    draw: () -> a figure, or an image, uint8 (height, width, RGBA), and what it shows in words. Asked again at every move of a
        control, under the settings of `style`.
    """

    def __init__(self, controls: Mapping[str, Any], draw: Callable[[], tuple[Figure | np.ndarray, str]]):
        import ipywidgets

        if not isinstance(controls, Mapping) or not all(isinstance(c, ipywidgets.Widget) for c in controls.values()):
            raise TypeError(f"controls must be ipywidgets by name, not {controls!r:.60}")
        self.controls, self.draw = dict(controls), draw
        self.image = ipywidgets.Image(format="png", layout={"max_width": "100%", "height": "auto"})
        row = ipywidgets.HBox(list(self.controls.values()), layout={"flex_flow": "row wrap", "max_width": "48em"})
        self.words = ipywidgets.HTML()  # beneath, as text: ipywidgets' Image knows no alt
        self.box = ipywidgets.VBox([row, self.image, self.words])
        self.redraw()
        for control in self.controls.values():
            if hasattr(control, "value"):
                control.observe(self.redraw, "value")

    def redraw(self, change: Any = None) -> None:
        """Draw anew, as the controls stand."""
        with rc_context(settings()):
            found = self.draw()
            kinds = (Figure | np.ndarray, str)
            if not isinstance(found, tuple) or len(found) != 2 or not all(map(isinstance, found, kinds)):
                raise TypeError(f"draw must return a figure and what it shows in words, not {found!r:.60}")
            picture, words = found
            pixels = _pixels(picture) if isinstance(picture, Figure) else picture
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "png", compress_level=1)  # the default takes several times as long
        self.image.value, self.words.value = file.getvalue(), html.escape(words)
        self.image.layout.width = f"{pixels.shape[1] // SHARP}px"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        width = int(self.image.layout.width.removesuffix("px"))
        described = {"alt": html.unescape(self.words.value), "width": width}
        return {**self.box._repr_mimebundle_(), "image/png": bytes(self.image.value)}, {"image/png": described}


def _slider(low: float, high: float, value: float) -> Any:
    import ipywidgets

    value = min(max(value, low), high)
    return ipywidgets.FloatSlider(value=value, min=low, max=high, step=0.1, readout_format=".1f")


def _named(controls: dict[str, Any]) -> dict[str, Any]:
    """Each described by its name, all of one width, so that they stand in columns."""
    for name, control in controls.items():
        control.description = control.tooltip = name
        control.style.description_width, control.layout.width = "6em", "22em"
    return controls


def divergences(
    measures: Mapping[str, Callable[[Tensor, Tensor, Tensor], Float[Tensor, ""]]], *, shape: str = "Gaussian"
) -> Panel:
    """Move two densities on the line, p and q, and watch how far apart several measures say they are.

    measures: by name, (p, q, points) -> the distance of the masses p and q, each (n,) with sum 1, on the same points (n,).
    shape: "Gaussian" (width: standard deviation) or "box" (width: half of it), which has an end. p may fall in two.
    """
    import ipywidgets

    points = torch.linspace(-14, 14, 561, dtype=torch.float64)  # float64, wide and fine: no Gaussian here underflows
    step = (points[1] - points[0]).item()
    shapes = {
        "Gaussian": lambda x: (-x.square() / 2).exp(),
        "box": lambda x: (x.abs() < 1 + 1e-9).double(),
    }
    checks.one_of(shapes, shape=shape)
    if not isinstance(measures, Mapping) or not measures or not all(map(callable, measures.values())):
        raise TypeError(f"measures must be functions of (p, q, points) by name, and some, not {measures!r:.60}")
    controls = _named(
        {
            "shape": ipywidgets.Dropdown(options=list(shapes), value=shape),
            "p split by": _slider(0, 5, 0),
            "centre of p": _slider(-3, 3, -1),
            "centre of q": _slider(-3, 3, 1),
            "width of p": _slider(0.5, 2, 1),
            "width of q": _slider(0.5, 2, 0.7),
        }
    )

    def masses(which: str, apart: float = 0.0) -> Tensor:
        centre, width = (controls[f"{what} of {which}"].value for what in ("centre", "width"))
        bump = shapes[controls["shape"].value]
        density = sum(bump((points - centre - side * apart / 2) / width) for side in (-1, 1))
        return density / density.sum()

    longest = 3.0
    with rc_context(settings()):
        figure = Figure(figsize=(7, 2.6))
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        lines = {
            "p": left.plot(points, points, color=COLOURS["blue"], label="p")[0],
            "q": left.plot(points, points, "--", color=COLOURS["orange"], label="q")[0],
        }
        left.set(xlim=(-7, 7), ylim=(0, 1.05), xlabel="x", ylabel="density")
        left.legend()
        bars = right.barh(list(measures), [longest] * len(measures), height=0.5, color=COLOURS["green"])
        numbers = [right.text(longest, i, "", va="center") for i in range(len(measures))]
        right.set(xlim=(0, longest * 1.4), xticks=range(4))
        right.invert_yaxis()
        right.grid(visible=False, axis="y")
        figure.draw_without_rendering()  # places the axes, once
        figure.set_layout_engine("none")

    def draw() -> tuple[np.ndarray, str]:
        p, q = masses("p", controls["p split by"].value), masses("q")
        for name, mass in (("p", p), ("q", q)):
            lines[name].set_ydata(mass / step)
        told = []
        for (name, measure), bar, number in zip(measures.items(), bars, numbers, strict=True):
            value = float(measure(p, q, points))
            told.append(f"{name} {'infinite' if math.isinf(value) else f'{value:.3f}'}")
            bar.set_width(min(value, longest))  # a longer one ends at the edge; its number and an arrow tell
            number.set_x(bar.get_width() + 0.08)
            number.set_text("∞" if math.isinf(value) else f"{value:.3f}" + (" →" if value > longest else ""))
        return _pixels(figure), f"Two densities of shape {controls['shape'].value}. " + ", ".join(told)

    return Panel(controls, draw)


def plane(
    decode: Callable[[Tensor], Tensor],
    codes: Float[Tensor, "n latent"] | None = None,
    labels: Int[Tensor, " n"] | None = None,
    *,
    latents: int = 2,
    limit: float = 3.0,
    limits: tuple[float, float] = (0, 1),
    name: str = "z",
) -> Panel:
    """Explore a latent space: two latents on sliders, where that is on a map, and what the decoder draws there.

    decode: (1, latent), float32 on the CPU, -> an image (1, C, H, W). codes: of data, for the map, on which `labels` stand
    in place of dots; it starts at the first. With more than two latents one chooses which two move, and the others
    stay. latents: how many, where no codes say it. limit: how far the sliders go. limits: values shown as black and white.
    name: what the latents are called, before their number.
    """
    import ipywidgets

    if codes is not None:
        if checks.tensor(codes=codes).ndim != 2 or not len(codes) or not codes.isfinite().all():
            raise ValueError(f"codes must be (N, latent), at least one and finite, not {tuple(codes.shape)}")
        latents = codes.shape[1]
    if checks.whole(0, latents=latents) < 2:
        raise ValueError(f"a plane has two latents at least, not {latents}; for one, show.interpolation draws the line")
    limit = checks.number(above=0, limit=limit)
    wanted = () if codes is None else codes.shape[:1]
    if labels is not None and (checks.tensor(labels=labels).shape != wanted or labels.is_floating_point()):
        raise ValueError("labels belong to codes: whole numbers, as many of the one as of the other")
    start = torch.zeros(1, latents) if codes is None else codes[:1].detach().cpu().float()
    z, points = start.clone(), np.zeros((0, latents)) if codes is None else codes.detach().cpu().numpy()
    kinds = (
        {"o": (slice(None), COLOURS["blue"])}
        if labels is None
        else {f"${k}$": (labels.cpu().numpy() == k, CLASSES[k % 10]) for k in labels.unique().tolist()}
    )

    with rc_context(settings()):
        figure = Figure(figsize=(3, 3))
        axis = figure.subplots()
        for radius in (1, 2, 3):  # standard deviations of the prior
            angle = np.linspace(0, 2 * math.pi, 100)
            axis.plot(radius * np.cos(angle), radius * np.sin(angle), ":", color=ink(), linewidth=1)
        size = 6 if labels is None else 24
        clouds = [
            axis.scatter([], [], s=size, marker=kind, color=colour, linewidth=0.2)
            for kind, (_, colour) in kinds.items()
        ]
        axis.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")

    # Each of the two directions moves one latent, by its slider; with two latents there is nothing to choose.
    options = [(f"{name}{i + 1}", i) for i in range(latents)]
    which = [ipywidgets.Dropdown(options=options, value=k) for k in range(2)]
    sliders = [_slider(-limit, limit, z[0, k].item()) for k in range(2)]
    _named({f"{name}{k + 1}": slider for k, slider in enumerate(sliders)})
    _named(dict(zip(("to the right", "upwards"), which, strict=True)))

    def choose(k: int, old: int) -> None:
        i = which[k].value
        if i == which[1 - k].value:
            which[1 - k].value = old
        sliders[k].description = sliders[k].tooltip = f"{name}{i + 1}"
        sliders[k].value = z[0, i].item()

    def move(k: int) -> None:
        z[0, which[k].value] = sliders[k].value

    for k in range(2):
        which[k].observe(lambda change, k=k: choose(k, change.old), "value")
        sliders[k].observe(lambda change, k=k: move(k), "value")
        move(k)

    drawn: dict[tuple[int, int], np.ndarray] = {}

    def background(pair: tuple[int, int]) -> np.ndarray:
        if pair not in drawn:  # a figure takes matplotlib longer than a hand on a slider waits
            for cloud, (some, _) in zip(clouds, kinds.values(), strict=True):
                cloud.set_offsets(points[some][:, pair])
            axis.set(xlabel=f"${name}_{{{pair[0] + 1}}}$", ylabel=f"${name}_{{{pair[1] + 1}}}$")
            drawn.clear()
            drawn[pair] = _pixels(figure)
        return drawn[pair].copy()

    def draw() -> tuple[np.ndarray, str]:
        pair = which[0].value, which[1].value
        sheet, here = background(pair), z[0, list(pair)].tolist()
        side = len(sheet)
        x, y = axis.transData.transform(here)
        rows, columns = np.ogrid[:side, :side]
        distance = np.hypot(columns - x, rows - (side - 1 - y)) / SHARP
        sheet[distance < 7] = 255
        sheet[distance < 5.5] = [*bytes.fromhex(COLOURS["red"][1:]), 255]
        picture = Image.fromarray((_tiles(_decoded(decode, z.clone(), limits), 1) * 255).round().astype(np.uint8))
        picture = picture.resize((side * picture.width // picture.height, side), Image.Resampling.NEAREST)
        at = ", ".join(f"{name}{i + 1} = {value:.1f}" for i, value in zip(pair, here, strict=True))
        words = f"A point on the latent plane, {at}, and the picture that is decoded there."
        gap = np.zeros((side, 16, 4), np.uint8)
        return np.concatenate([sheet, gap, np.asarray(picture)], axis=1), words

    if latents == 2:
        return Panel({f"{name}1": sliders[0], f"{name}2": sliders[1]}, draw)
    first, second = zip(which, sliders, strict=True)
    names = ("to the right", "slider to the right", "upwards", "slider upwards")
    return Panel(dict(zip(names, (*first, *second), strict=True)), draw)


def paint(
    draw: Callable[[Tensor, Tensor], tuple[Figure, str]], image: Int[Tensor, "height width"], *, rows: int
) -> Panel:
    """Paint the upper rows of a small image, pixel by pixel, and watch what a model makes of them.

    draw: (image, known), both (1, H, W), whole numbers 0 or 1 and bool, -> a figure and what it shows in words; asked again
    after every stroke. image: painted at first; below the first `rows` rows, which a slider moves, nothing is known.
    """
    import ipywidgets

    if checks.tensor(image=image).ndim != 2 or not image.numel() or not ((image == 0) | (image == 1)).all():
        raise ValueError(f"image must be (height, width), of 0 and 1, not {tuple(image.shape)}")
    height, width = image.shape
    rows = checks.whole(0, height, rows=rows)
    side = {"width": "20px", "height": "20px", "padding": "0", "margin": "0"}
    dots = [
        ipywidgets.ToggleButton(value=bool(on), tooltip=f"row {i // width + 1}, column {i % width + 1}", layout=side)
        for i, on in enumerate(image.flatten())
    ]
    canvas = ipywidgets.GridBox(dots, layout={"grid_template_columns": f"repeat({width}, 21px)", "grid_gap": "1px 0"})
    known = ipywidgets.IntSlider(value=rows, min=0, max=height, description="rows given", continuous_update=False)
    again, clear = (ipywidgets.Button(description=name) for name in ("Draw again", "Clear"))
    controls = {"canvas": canvas, "rows": known, "again": again, "clear": clear}

    def show_known(change: Any = None) -> None:
        for i, dot in enumerate(dots):
            dot.disabled = i // width >= known.value
            dot.button_style = "primary" if dot.value and not dot.disabled else ""

    def asked() -> tuple[Figure, str]:
        given = (torch.arange(height) < known.value)[:, None].expand(height, width)
        on = torch.tensor([dot.value for dot in dots]).view(height, width) & given
        return draw(on.long()[None], given[None])

    show_known()
    known.observe(show_known, "value")  # before the panel's own, which draws
    panel = Panel(controls, asked)

    def stroke(change: Any) -> None:
        show_known()
        if not wiping:
            panel.redraw()

    wiping: list[bool] = []

    def wipe(button: Any) -> None:
        wiping.append(True)  # one drawing, not one for each pixel
        for dot in dots:
            dot.value = False
        wiping.clear()
        panel.redraw()

    for dot in dots:
        dot.observe(stroke, "value")
    again.on_click(panel.redraw)
    clear.on_click(wipe)
    return panel


def clamp(marginals: Callable[[dict[str, int]], Iterable[float]], names: Sequence[str]) -> Panel:
    """Fix some binary units and watch how probable the others become.

    marginals: {name of a unit: 0 or 1} -> P(unit is on | those), one for each of `names`.
    """
    import ipywidgets

    words = not isinstance(names, str) and all(isinstance(name, str) for name in names)
    if not words or not names or len(set(names)) < len(names):
        raise ValueError(f"names must be those of the units, each once, not {names!r}")
    choices = [("not known", None), ("off", 0), ("on", 1)]
    controls = _named({name: ipywidgets.Dropdown(options=choices, value=None) for name in names})

    def draw() -> tuple[Figure, str]:
        known = {name: control.value for name, control in controls.items() if control.value is not None}
        found = list(map(float, marginals(known)))
        if len(found) != len(names) or not all(-1e-4 < value < 1.0001 for value in found):
            raise ValueError(f"marginals must give a probability for each of {len(names)} names, not {found}")
        values = dict(zip(names, found, strict=True))
        figure = Figure(figsize=(6, 0.4 + 0.35 * len(names)))
        axis = figure.subplots()
        axis.barh(names, values.values(), height=0.6, color=[ink() if n in known else COLOURS["blue"] for n in names])
        for i, (name, value) in enumerate(values.items()):
            axis.text(value + 0.015, i, "known" if name in known else f"{value:.3f}", va="center")
        axis.set(xlim=(0, 1.15), xticks=[0, 0.5, 1], xlabel="probability of being on")
        axis.invert_yaxis()
        axis.grid(visible=False, axis="y")
        fixed = ", ".join(f"{name} {('off', 'on')[value]}" for name, value in known.items())
        told = ", ".join(f"{name} {value:.3f}" for name, value in values.items())
        return figure, f"Known: {fixed or 'nothing'}. Probability of being on: {told}."

    return Panel(controls, draw)


def real_or_fake(
    real: Tensor,
    fake: Tensor,
    *,
    published: Mapping[str, float] | None = None,
    limits: tuple[float, float] = (0, 1),
    seed: int = 0,
) -> Panel:
    """Real or fake? Images one after another, as many real as generated, in an order of chance; a score of your answers.

    real, fake: (N, C, H, W) and (M, C, H, W); the smaller number of each is shown. published: rates of generated images
        taken for real, by name, to stand beside yours. limits: the values shown as black and white. seed: of the choice and
        the order.

    The score: of the generated ones, how many you took for real, and of the real ones, how many for generated, each with
    Wilson's 95 % interval. An image may be shown for a limited time, as briefly as 50 ms.
    """
    import ipywidgets

    real, fake = checks.tensor(real=real, fake=fake)
    if real.shape[1:] != fake.shape[1:] or not real.numel() or not fake.numel():
        raise ValueError(
            f"need some real and some generated images of one shape, not {tuple(real.shape)} and {tuple(fake.shape)}"
        )
    for name, rate in (published or {}).items():
        checks.number(0, 1, **{f"the published rate {name!r}": rate})
    n, random = min(len(real), len(fake)), torch.Generator().manual_seed(checks.whole(0, 2**63 - 1, seed=seed))
    pools = _unit(real, limits, "real"), _unit(fake, limits, "fake")
    chosen = [pool[torch.randperm(len(pool), generator=random)[:n]] for pool in pools]
    pictures, order = torch.cat(chosen), torch.randperm(2 * n, generator=random).tolist()
    taken: dict[str, list[bool]] = {"real": [], "generated": []}  # of each kind: was it taken for the other?
    names = {"generated": "generated,\ntaken for real", "real": "real,\ntaken for generated"}

    with rc_context(settings()):
        figure = Figure(figsize=(4.8, 2.4))
        axis = figure.subplots()
        bars = axis.barh(list(names.values()), [1.0, 1.0], height=0.4, alpha=0.3, color=COLOURS["blue"])
        (points,) = axis.plot([], [], "o", color=ink())
        marks = zip(
            (published or {}).items(), cycle(("orange", "green", "red")), cycle(("--", ":", "-.")), strict=False
        )
        for (name, rate), colour, line in marks:
            axis.plot([rate, rate], [-0.4, 0.4], line, color=COLOURS[colour], label=f"{name}: {rate:.0%}")
        axis.set(xlim=(0, 1), ylim=(1.5, -0.5), xlabel="share, with its 95 % interval")
        axis.set_xticks([0, 0.5, 1], ["0", "50 %", "100 %"])
        axis.grid(visible=False, axis="y")
        if published:
            figure.legend(loc="outside upper left", fontsize="small")
        figure.draw_without_rendering()
        figure.set_layout_engine("none")

    def score() -> np.ndarray:
        found = [_wilson(sum(taken[kind]), len(taken[kind])) for kind in names]
        for bar, kind, (low, high) in zip(bars, names, found, strict=True):
            bar.set_x(low)
            bar.set_width(high - low if taken[kind] else 0)
        seen = [(sum(t) / len(t), i) for i, t in enumerate(taken[kind] for kind in names) if t]
        points.set_data([x for x, _ in seen], [y for _, y in seen])
        return _pixels(figure)

    buttons = [ipywidgets.Button(description=kind, tooltip=f"the image is {kind}") for kind in taken]
    limit = ipywidgets.Dropdown(
        options={"without limit": None} | {f"for {t} ms": t for t in (2000, 1000, 500, 200, 100, 50)},
        description="shown",
    )
    board, showing, last = score(), 0, ""

    def draw() -> tuple[np.ndarray, str]:
        turn, side = sum(map(len, taken.values())), len(board)
        sheet = np.full((side, side, 4), [128, 128, 128, 255], np.uint8)
        if turn < 2 * n and not hidden:
            tile = Image.fromarray((_tiles(pictures[order[turn]][None], 1) * 255).round().astype(np.uint8))
            scale = min(side / tile.width, side / tile.height)
            tile = tile.resize((int(tile.width * scale), int(tile.height * scale)), Image.Resampling.NEAREST)
            sheet[:] = 0
            sheet[: tile.height, : tile.width] = np.asarray(tile)
        asked = f"Image {turn + 1} of {2 * n}: real or generated?" if turn < 2 * n else "That was the last image."
        made, true = (f"{sum(taken[kind])} of {len(taken[kind])}" for kind in ("generated", "real"))
        words = f"{last}{asked} So far {made} generated ones taken for real and {true} real ones taken for generated."
        return np.concatenate([sheet, np.zeros((side, 32, 4), np.uint8), board], axis=1), words

    hidden = False
    panel = Panel({"real": buttons[0], "generated": buttons[1], "shown": limit}, draw)

    def begin(change: Any = None) -> None:
        nonlocal hidden, showing
        hidden, showing = False, showing + 1
        panel.redraw()
        if limit.value is not None:
            timer = threading.Timer(limit.value / 1000, hide, [showing])
            timer.daemon = True
            timer.start()

    def hide(which: int) -> None:
        nonlocal hidden
        if which == showing:  # else there is another picture by now
            hidden = True
            panel.redraw()

    def answer(button: Any) -> None:
        nonlocal board, last
        turn = sum(map(len, taken.values()))
        kind = "real" if order[turn] < n else "generated"
        taken[kind].append(button.description != kind)
        board, last = score(), f"The last one was {kind}. "
        for each in buttons:
            each.disabled = turn + 1 == 2 * n
        begin()

    limit.observe(begin, "value")
    for button in buttons:
        button.on_click(answer)
    return panel


def _wilson(k: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's 95 % interval for a rate of which k of n were seen: it stays within 0 and 1, and n may be 0."""
    middle = (k + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * math.sqrt(k * (n - k) / max(n, 1) + z * z / 4)
    return max(0.0, middle - half), min(1.0, middle + half)


class Live:
    """The curves of a training while it runs, and a button that stops it: a callback of `fit`, within a `with`.

        with show.Live("model/kl", "valid/elbo") as live:
            history = fit(model, digits.train, epochs=80, callbacks=[live], checkpoint=folder, resume=True)

    Stop is Ctrl-C: `fit` ends after the present round, returns its history, and the next cells find a model to look at.
    With checkpoint= and resume=True, running the cell again goes on where it stopped, as if nothing had happened. Where the
    button does not answer while a cell runs (JupyterLab before 4.4, ipykernel before 7), the kernel's interrupt button does
    the same. What stays in the notebook is an image of the last curves.

    names: terms of the History, all by default. every: seconds from one drawing to the next, at least.
    """

    def __init__(self, *names: str, every: float = 2.0):
        if not all(isinstance(name, str) for name in names):
            raise TypeError(f"names must be terms of the History, such as 'model/loss', not {names!r}")
        self.names, self.every = names, every if every == math.inf else checks.number(0, every=every)
        self.history: Mapping[str, list[float]] = {}
        self.drawn, self.running = -math.inf, False

    def __enter__(self):
        import ipywidgets
        from IPython.display import display

        self.button = ipywidgets.Button(description="Stop", icon="stop")
        self.button.on_click(self.stop)
        # ipykernel 7.4 answers a control in the thread that wrote to it last: the main one, which will be busy. Without this
        # note of its, a click goes where JupyterLab sends it: to a thread for widgets.
        vars(self.button.comm).pop("_reply_subshell_id", None)
        self.panel = Panel({"Stop": self.button}, self._draw)
        self.handle = display(self.panel, display_id=True)  # None where there is no notebook
        self.running = True
        return self

    def __call__(self, model: Any, history: Mapping[str, list[float]]) -> None:
        if not self.running:
            raise RuntimeError(
                "a live view lives within its `with`: with show.Live() as live: fit(..., callbacks=[live])"
            )
        self.history = history
        if time.perf_counter() - self.drawn >= self.every:
            self.panel.redraw()
            gc.collect(1)  # a figure is tens of megabytes in cycles, and a training makes many
            self.drawn = time.perf_counter()

    def stop(self, button: Any = None) -> None:
        """End the training that runs in the main thread, from whatever thread; once, for a second Ctrl-C would not wait."""
        if self.running and not self.button.disabled:
            self.button.disabled = True
            interrupt_main()

    def __exit__(self, *error: object) -> None:
        self.running, self.button.disabled = False, True
        self.button.description = "Ended"
        self.panel.redraw()
        if self.handle is not None:
            self.handle.update(self.panel)

    def _draw(self) -> tuple[Figure, str]:
        if not self.history:
            figure = Figure(figsize=(7, 2.2))
            figure.text(0.5, 0.5, "The curves begin with the end of the first epoch.", ha="center")
            return figure, "No epoch is over yet."
        last = ", ".join(f"{name} {self.history[name][-1]:.4g}" for name in self.names or self.history)
        return curves(self.history, *self.names), f"Training curves; the last values: {last}"
