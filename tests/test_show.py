"""Figures: the right image in the right place, readable ink, clear errors."""

import base64
import io
import re
import warnings

import numpy as np
import pytest
import torch
from matplotlib import colors, pyplot
from matplotlib.figure import Figure
from PIL import Image

from lecturekit import GenerativeModel, History, Player, fit, show


def sheet(figure: Figure):
    return figure.axes[0].images[0].get_array()


def run_history():
    history = History()
    history.add("a/loss", [0.0, 1.0], [1.0, 2.0])
    return history


def numbered(n, h=2, w=3):
    return (torch.arange(n) / n).reshape(n, 1, 1, 1).expand(n, 1, h, w)


def test_grid_puts_images_in_rows_with_see_through_gaps():
    picture = sheet(show.grid(numbered(5), columns=2))
    assert picture.shape == (3 * 3 - 1, 2 * 4 - 1, 4)
    assert picture[0, 0, 0] == 0 and picture[0, 4, 0] == pytest.approx(0.2) and picture[3, 0, 0] == pytest.approx(0.4)
    assert picture[2, 0, 3] == 0 and picture[0, 3, 3] == 0  # gaps
    assert picture[7, 6, 3] == 0  # the place of the missing sixth image


def test_limits_and_colour():
    red = torch.tensor([1.0, -1.0, -1.0]).reshape(1, 3, 1, 1).expand(1, 3, 2, 2)
    assert sheet(show.grid(red, limits=(-1, 1)))[0, 0].tolist() == [1, 0, 0, 1]


def test_pairs_puts_the_model_below_the_data():
    picture = sheet(show.pairs(torch.zeros(3, 1, 2, 2), torch.ones(3, 1, 2, 2)))
    assert picture[0, 0, 0] == 0 and picture[3, 0, 0] == 1


def test_manifold_runs_right_and_up():
    seen = []

    def decode(z):
        seen.append(z)
        return (z[:, 1] / 6 + 0.5).reshape(-1, 1, 1, 1)

    figure = show.manifold(decode, side=5)
    z = seen[0].reshape(5, 5, 2)
    assert z[0, 0].tolist() == [-3, 3] and z[-1, -1].tolist() == [3, -3] and z[0, 1].tolist() == [-1.5, 3]
    picture = sheet(figure)
    assert picture[0, 0, 0] == 1 and picture[-1, 0, 0] == 0
    assert figure.axes[0].get_xlim() == (-3.75, 3.75)


def test_walk_goes_from_start_to_end():
    figure = show.interpolation(lambda z: z[:, :1, None, None], torch.zeros(2, 1), torch.ones(2, 1), steps=3)
    picture = sheet(figure)
    assert picture[0, :, 0].tolist() == [0, 0, 0.5, 0, 1]  # with gaps of one pixel between images of one


def drawn(axis):
    return [(line.get_xdata().tolist(), line.get_ydata().tolist()) for line in axis.lines]


def test_curves_average_turns_over_epochs_and_separate_players():
    history = History()
    # batches of a size that does not divide the epoch; the last validation falls together with the end
    history.add("d/loss", [0.0, 0.6, 1.2, 1.8], [1.0, 3.0, 5.0, 7.0])
    history.add("g/loss", [0.0, 1.2], [0.0, 1.0])
    history.add("valid/elbo", [1.2, 2.4, 2.9], [-3.0, -2.0, -1.0])
    loss, elbo = show.curves(history).axes
    assert [text.get_text() for text in loss.get_legend().get_texts()] == ["d", "g"]
    turns, means, lone = drawn(loss)
    assert turns == ([0.0, 0.6, 1.2, 1.8], [1, 3, 5, 7])
    assert means == ([0.5, 1.5], [2, 6])  # in the middle of each epoch
    assert lone == ([0.0, 1.2], [0, 1])  # one turn in an epoch needs no mean
    assert drawn(elbo) == [([1.2, 2.4, 2.9], [-3, -2, -1])]  # where they were measured


def test_the_last_turn_of_a_training_makes_no_epoch_of_its_own():
    history = History()  # two epochs of two rounds; the second turn of a round is logged when its batch was drawn
    history.add("d/loss", [0.0, 0.5, 0.5, 1.0, 1.0, 1.5, 1.5, 2.0], [1.0, 1.0, 1.0, 5.0, 1.0, 2.0, 3.0, 6.0])
    assert drawn(show.curves(history).axes[0])[1] == ([0.5, 1.5], [1, 3.4])
    history.add("d/loss", [2.0, 2.5], [1.0, 2.0])  # it went on for most of an epoch
    assert drawn(show.curves(history).axes[0])[1] == ([0.5, 1.5, 2.5], [1, 2.75, 3])


def test_a_training_of_fourteen_epochs_is_drawn_to_fourteen():
    class Two(GenerativeModel):
        event_shape = (1,)

        def __init__(self):
            super().__init__()
            self.w = torch.nn.Parameter(torch.zeros(1))

        def loss(self, batch):
            return {"loss": (self.w - batch.x).square().mean()}

        def players(self):
            sgd = lambda parameters: torch.optim.SGD(parameters, lr=0.1)
            return [Player(name="d", moves=self, loss=self.loss, optimizer=sgd, turns=3)]

        def sample(self, n, y=None):
            return self.w.expand(n, 1)

    history = fit(Two(), torch.ones(12, 1), epochs=14, batch_size=3, progress=False)
    assert max(history.epochs("d/loss")) == 14 and history.trained > 14  # the last round is played to its end
    assert drawn(show.curves(history).axes[0])[1][0] == [e + 0.5 for e in range(14)]


def test_a_few_wild_turns_do_not_flatten_the_rest_and_no_mean_is_cut_off():
    history = History()
    values = [1e6] + [1.0 + i % 2 for i in range(999)]  # of 10 epochs
    history.add("a/loss", [i / 100 for i in range(1000)], values)
    history.add("b/loss", [i / 100 for i in range(1000)], [5.0] * 1000)
    low, high = show.curves(history, "a/loss").axes[0].get_ylim()
    first = sum(values[:100]) / 100
    assert low < 1 and first < high < 1.2 * first  # the first mean is wild, and seen
    history = History()
    history.add("a/loss", [i / 100 for i in range(1000)], [0.0, 20.0, *[10.0 + i % 2 for i in range(998)]])
    assert show.curves(history).axes[0].get_ylim() == pytest.approx((9.9, 11.1))


def test_curves_of_a_training_that_went_wrong_can_be_drawn():
    history = History()
    history.add("a/loss", [0.0, 1.0, 2.0], [1.0, 2.0, float("inf")])
    history.add("b/loss", [0.0], [float("nan")])
    history.add("c/loss", [0.0, 0.5, 1.0, 1.5], [1.0, 2.0, 1.0, float("nan")])
    history.add("c/other", [0.5], [3.0])
    loss, other = show.curves(history).axes
    low, high = loss.get_ylim()
    assert low < 1 and 2 < high < 3
    x, y = drawn(loss)[-1]
    assert x == [0.5, 1.5] and y[0] == 1.5 and np.isnan(y[1])
    assert drawn(other) == [([0.5], [3])] and other.lines[0].get_marker() == "."  # a line of one point shows nothing


def test_terms_have_readable_titles():
    history = History()
    names = {
        "elbo": "ELBO (nats)",
        "kl": "KL (nats)",
        "kl_12": "KL of layer 12 (nats)",
        "reconstruction": "reconstruction (nats)",
        "loss": "loss",
        "kl_other": "kl_other",
    }
    for name in names:
        history.add(f"model/{name}", [0.0], [1.0])
    assert [axis.get_title() for axis in show.curves(history).axes] == list(names.values())


def test_no_figure_is_left_behind():
    show.grid(numbered(2))
    show.curves(run_history())
    show.diagram({"a": (0, 0, "a", "net")}, [])
    assert not pyplot.get_fignums()


def linear(colour):
    return np.array([c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colors.to_rgb(colour)])


def contrast(a, b):
    low, high = sorted(np.dot((0.2126, 0.7152, 0.0722), linear(c)) for c in (a, b))
    return (high + 0.05) / (low + 0.05)


def test_ink_and_colours_read_on_white_and_on_dark_grey():
    settings = show.style()
    assert contrast(settings["text.color"], "#ffffff") > 4 and contrast(settings["text.color"], "#111111") > 4
    for colour in (*show.COLOURS.values(), *show.CLASSES):
        assert contrast(colour, "#ffffff") > 2 and contrast(colour, "#111111") > 3
    assert settings["figure.facecolor"] == "none"


def seen(colour, eyes):
    """Where a colour stands in Oklab, in which equal steps look equal, for eyes that lack a kind of cone."""
    cones = ((0.4122, 0.5363, 0.0514), (0.2119, 0.6807, 0.1074), (0.0883, 0.2817, 0.6300))
    lab = ((0.2105, 0.7936, -0.0041), (1.9780, -2.4286, 0.4506), (0.0259, 0.7828, -0.8087))
    return np.array(lab) @ np.cbrt(np.array(cones) @ (np.array(eyes) @ linear(colour)).clip(0, 1))


@pytest.mark.parametrize(
    "eyes",  # Machado, Oliveira and Fernandes 2009, severity 1
    [
        np.eye(3),
        ((0.1523, 1.0526, -0.2049), (0.1145, 0.7863, 0.0992), (-0.0039, -0.0481, 1.0520)),
        ((0.3673, 0.8606, -0.2280), (0.2801, 0.6725, 0.0474), (-0.0118, 0.0429, 0.9689)),
    ],
    ids=["trichromat", "protanope", "deuteranope"],
)
def test_ten_classes_can_be_told_apart(eyes):
    places = [seen(colour, eyes) for colour in show.CLASSES]
    apart = np.array([[np.linalg.norm(a - b) for a in places] for b in places]) + 9 * np.eye(10)
    assert len(places) == 10 and apart.min() > 0.1  # matplotlib's own ten: below 0.01 for the deuteranope
    for a, b in ((4, 9), (3, 5), (3, 8), (5, 8), (7, 9), (1, 7), (0, 6)):  # digits of like shape
        assert apart[a, b] > 0.15


def inks(figure):
    axis = figure.axes[0]
    return {axis.title.get_color(), axis.xaxis.label.get_color(), axis.spines["left"].get_edgecolor()}


def test_all_figures_follow_the_style_that_was_chosen():
    nodes, arrows = {"a": (0, 0, "a", "net"), "b": (1, 0, "b", "net")}, [("a", "b")]
    for medium, ink, paper, dpi in (("page", "#7d7d7d", "none", 110), ("print", "#000000", "#ffffff", 200)):
        with pyplot.rc_context():
            pyplot.rcParams.update(show.style(medium))
            curves, grid = show.curves(run_history()), show.grid(numbered(2), title="two")
            drawing = show.diagram(nodes, arrows)
            for figure in (curves, grid, drawing):
                assert figure.get_facecolor() == colors.to_rgba(paper) and figure.get_dpi() == dpi
            assert inks(curves) == {ink, colors.to_rgba(ink)} and grid.axes[0].title.get_color() == ink
            label, _, arrow = drawing.axes[0].texts
            assert label.get_color() == ink and colors.same_color(label.get_bbox_patch().get_edgecolor(), ink)
            assert colors.same_color(arrow.arrow_patch.get_edgecolor(), ink) and ink == show.INK
    with pyplot.rc_context():
        pyplot.rcdefaults()
        assert show.INK == "#7d7d7d" and inks(show.curves(run_history())) == {"#7d7d7d", colors.to_rgba("#7d7d7d")}
        pyplot.rcParams["font.size"] = 14  # what else the caller sets stays, too
        assert show.curves(run_history()).axes[0].get_xticklabels()[0].get_fontsize() == 14
    with pytest.raises(ValueError, match="unknown medium 'slides': there are page, print"):
        show.style("slides")
    with pytest.raises(AttributeError, match="no attribute 'PAPER'"):
        show.PAPER  # noqa: B018


def test_arrows_touch_the_frames_of_their_nodes():
    nodes = {"a": (0, 0, "a", "observed"), "b": (3, 0, "wide label", "net"), "c": (0, 2, "c", "noise")}
    figure = show.diagram(nodes, [("a", "b"), ("c", "a", "gradient", 0.3)])
    figure.canvas.draw()
    axis = figure.axes[0]
    frames = [t.get_bbox_patch().get_window_extent() for t in axis.texts[:3]]
    to_b, to_a = axis.texts[3], axis.texts[4]
    head, tail = (axis.transData.transform(p) for p in (to_b.xy, to_b.xyann))
    assert abs(tail[0] - frames[0].x1) < 1 and abs(head[0] - frames[1].x0) < 1
    assert abs(axis.transData.transform(to_a.xy)[1] - frames[0].y1) < 1
    with pytest.raises(ValueError, match="unknown kind of node 'a' 'box'"):
        show.diagram({"a": (0, 0, "a", "box")}, [])


def test_source_is_the_packages_own():
    assert "def grid(" in show.source(show.grid).data


def frames(*widths):
    for i, width in enumerate(widths):
        figure = pyplot.figure(figsize=(width, 1))
        figure.text(0.5, 0.5, str(i))
        yield figure


def test_an_animation_plays_without_a_kernel_and_stands_still_for_who_asks(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    before = pyplot.get_fignums()
    show.animate(frames(2, 2, 2), 'a "2" < 3', title="<b>", seconds=0.25)
    assert pyplot.get_fignums() == before
    page = shown[0]["text/html"]
    assert shown[0]["text/plain"] == 'a "2" < 3' and 'alt="a &quot;2&quot; &lt; 3"' in page
    assert page.startswith("<details open><summary>&lt;b&gt;</summary>")
    found = re.search(r'reduced-motion: no-preference\)" srcset="[^,]*,(.*?)">.* src="[^,]*,(.*?)">', page)
    moving, still = (Image.open(io.BytesIO(base64.b64decode(file))) for file in found.groups())
    assert moving.n_frames == 3 and still.size == moving.size
    durations = []
    for i in range(3):
        moving.seek(i)
        moving.load()
        durations.append(moving.info["duration"])
    assert durations == [250, 250, 1500]
    assert np.array_equal(np.array(moving.convert("RGBA")), np.array(still))  # the last frame, see-through as it was


def test_frames_of_several_sizes_or_none_are_refused():
    for some in ((), (2, 3)):
        with pytest.raises(ValueError, match="of one size"):
            show.animate(frames(*some), "nothing")


@pytest.mark.parametrize("shape", [(3, 4, 4), (2, 2, 4, 4), (0, 1, 4, 4)])
def test_what_is_not_images_is_refused(shape):
    with pytest.raises(ValueError, match="images must be"):
        show.grid(torch.zeros(shape))


def test_other_bad_input():
    with pytest.raises(ValueError, match="one shape"):
        show.pairs(torch.zeros(2, 1, 3, 3), torch.zeros(3, 1, 3, 3))
    with pytest.raises(ValueError, match="start and end"):
        show.interpolation(lambda z: z, torch.zeros(2), torch.zeros(2))
    with pytest.raises(ValueError, match="nothing was logged"):
        show.curves(History())


B = torch.bernoulli(torch.full((4, 1, 4, 3), 0.5))
point = lambda z: z.sum(1).sigmoid().reshape(-1, 1, 1, 1).expand(-1, 1, 4, 3)
gaussian = lambda z: torch.distributions.Normal(point(z), 1.0)
HISTORY = run_history()
Z = {"z": (0, 0, "z", "latent"), "x": (1, 0, "x", "observed"), "y": (1, 0, "y", "observed")}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: show.grid(B.numpy()), "images must be a tensor"),
        (lambda: show.grid(None), "images must be a tensor"),
        (lambda: show.grid(gaussian(B[:, 0, 0])), r"not a distribution: show its mean, model.decode\(z\).mean"),
        (lambda: show.grid(B, columns=-3), "columns must be a whole number of at least 1, not -3"),
        (lambda: show.grid(B, columns=0), "columns must be"),
        (lambda: show.grid(B, columns=2.5), "columns must be"),
        (lambda: show.grid(B, width=0), "width must be positive and finite"),
        (lambda: show.grid(B, width="x"), "width must be"),
        (lambda: show.grid(B, limits=(1, 1)), "limits must be two different numbers"),
        (lambda: show.grid(B, limits=1), "limits must be two"),
        (lambda: show.grid(B, limits=(0, 1, 2)), "limits must be two"),
        (lambda: show.grid(B, limits=(0, float("nan"))), r"limits\[1\] must be a finite number"),
        (lambda: show.grid(B * float("nan")), "not finite"),
        (lambda: show.pairs(B, B.numpy()), "need as many|reconstruction must be a tensor"),
        (lambda: show.pairs(B, gaussian(torch.zeros(4, 2))), "reconstruction must be a tensor, not a distribution"),
        (lambda: show.pairs(B, B, labels="ab"), "labels must be those of the two rows"),
        (lambda: show.pairs(B, B, labels=("a",)), "labels must be"),
        (lambda: show.manifold(gaussian), r"decode\(z\) must be a tensor, not a distribution"),
        (lambda: show.manifold(B), "decode must be a function of z"),
        (lambda: show.manifold(point, side=1), "side must be a whole number of at least 2"),
        (lambda: show.manifold(point, limit=-1), "limit must be"),
        (lambda: show.manifold(lambda z: point(z[:3])), "an image for each of 400 points z, not 3 images"),
        (lambda: show.manifold(torch.nn.Linear(3, 4)), r"decode cannot take z of shape \(400, 2\): .*mat1"),
        (lambda: show.interpolation(point, torch.zeros(1, 2), torch.ones(2, 2)), r"both be \(R, latent\)"),
        (lambda: show.interpolation(point, torch.zeros(0, 2), torch.ones(0, 2)), r"both be \(R, latent\)"),
        (lambda: show.interpolation(point, torch.zeros(1, 2).long(), torch.ones(1, 2).long()), "both be"),
        (lambda: show.interpolation(point, [[0.0]], torch.ones(1, 2)), "start must be a tensor"),
        (lambda: show.interpolation(gaussian, torch.zeros(1, 2), torch.ones(1, 2)), "not a distribution"),
        (lambda: show.interpolation(point, torch.zeros(1, 2), torch.ones(1, 2), steps=1), "steps must be"),
        (lambda: show.curves({"loss": [1.0]}), "a History, not a dict"),
        (lambda: show.curves(None), "a History, not a NoneType"),
        (lambda: show.curves(HISTORY, "a/los"), "term 1 of the history 'a/los': did you mean 'a/loss'"),
        (lambda: show.curves(HISTORY, width=-1), "width must be"),
        (lambda: show.style("x"), "unknown medium 'x': there are page, print"),
        (lambda: show.style(None), "unknown medium None"),
        (lambda: show.put(B, "four images"), "must be figures"),
        (lambda: show.put(show.grid(B), None), "alt must say what there is to see"),
        (lambda: show.animate([B], "images"), "must be figures"),
        (lambda: show.animate([show.grid(B)], ""), "alt must say"),
        (lambda: show.animate([show.grid(B)], "images", seconds=0), "seconds must be"),
        (lambda: show.diagram({}, []), "nodes must be"),
        (lambda: show.diagram({"z": (0, 0, "z")}, []), r"nodes must be \{name: \(x, y, label, kind\)\}"),
        (lambda: show.diagram({"z": ("a", 0, "z", "latent")}, []), "x of node 'z' must be a finite number"),
        (lambda: show.diagram(Z, [("z", "z")]), "from a node to itself"),
        (lambda: show.diagram(Z, [("y", "x")]), "in its place"),
        (lambda: show.diagram(Z, [("z", "w")]), r"end of arrow \('z', 'w'\) 'w': .*there are z, x, y"),
        (lambda: show.diagram(Z, [("z",)]), "an arrow is"),
        (lambda: show.diagram(Z, [("z", "x", "causes")]), "kind of arrow .* 'causes'"),
        (lambda: show.diagram(Z, [("z", "x", "", "x")]), "bend must be"),
        (lambda: show.diagram(Z, [], height=0), "height must be"),
    ],
)
def test_what_is_refused_is_named(call, words, untyped):
    with pytest.raises((ValueError, TypeError), match=words):
        call()


def test_what_lies_outside_the_limits_is_said():
    signed = torch.rand(4, 1, 5, 5) * 2 - 1
    for draw in (
        show.grid,
        lambda x: show.pairs(B.expand(4, 1, 4, 3), x[..., :4, :3]),
        lambda x: show.manifold(lambda z: x[:1].expand(400, 1, 5, 5)),
    ):
        with pytest.warns(UserWarning, match=r"run from -[.\d]+ to [.\d]+, and what lies outside limits=\(0, 1\)"):
            draw(signed)
    with pytest.warns(UserWarning, match=r"to see it, limits=\(0, 255\)"):
        show.grid(torch.tensor([0, 255]).repeat(1, 1, 5, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        show.grid(signed, limits=(-1, 1))
        show.grid(1.05 * B - 0.02)  # what rounding or a mean may leave
        speck = torch.zeros(1, 1, 20, 20)
        speck[0, 0, 0, 0] = 9
        show.grid(speck)
    assert sheet(show.grid(B, columns=1, limits=(1, 0)))[0, 0, 0] == 1 - B[0, 0, 0, 0]  # turned round
