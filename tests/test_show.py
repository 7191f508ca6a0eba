"""Figures: the right image in the right place, readable ink, clear errors."""

import base64
import io
import re

import numpy as np
import pytest
import torch
from matplotlib import colors, pyplot
from matplotlib.figure import Figure
from PIL import Image

from lecturekit import History, show


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


def test_curves_average_turns_over_epochs_and_separate_players():
    history = History()
    # batches of a size that does not divide the epoch; the last validation falls together with the end
    history.add("d/loss", [0.0, 0.6, 1.2, 1.8], [1.0, 3.0, 5.0, 7.0])
    history.add("g/loss", [0.0, 1.2], [0.0, 1.0])
    history.add("valid/elbo", [1.2, 2.4, 2.9], [-3.0, -2.0, -1.0])
    figure = show.curves(history)
    loss, elbo = figure.axes
    assert loss.get_title() == "loss" and elbo.get_title() == "elbo"
    assert [text.get_text() for text in loss.get_legend().get_texts()] == ["d", "g"]
    thick = next(line for line in loss.lines if line.get_label() == "d")
    assert thick.get_xdata().tolist() == [1, 2] and thick.get_ydata().tolist() == [2, 6]
    assert elbo.lines[0].get_xdata().tolist() == [1.2, 2.4, 2.9] and len(elbo.lines) == 1


def test_curves_of_a_training_that_went_wrong_can_be_drawn():
    history = History()
    history.add("a/loss", [0.0, 1.0, 2.0], [1.0, 2.0, float("inf")])
    history.add("b/loss", [0.0], [float("nan")])
    low, high = show.curves(history).axes[0].get_ylim()
    assert low < 1 and 2 < high < 3


def test_no_figure_is_left_behind():
    show.grid(numbered(2))
    show.curves(run_history())
    show.diagram({"a": (0, 0, "a", "net")}, [])
    assert not pyplot.get_fignums()


def test_ink_and_colours_read_on_white_and_on_dark_grey():
    def luminance(colour):
        channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colors.to_rgb(colour)]
        return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), channels, strict=True))

    def contrast(a, b):
        high, low = sorted((luminance(a), luminance(b)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    settings = show.style()
    assert contrast(settings["text.color"], "#ffffff") > 4 and contrast(settings["text.color"], "#111111") > 4
    for colour in show.COLOURS.values():
        assert contrast(colour, "#ffffff") > 2 and contrast(colour, "#111111") > 3
    assert settings["figure.facecolor"] == "none"


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
    with pytest.raises(ValueError, match="unknown kind 'box'"):
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
