"""Widgets without a browser: what a moved control changes, what Stop does, and what is left on a page without a kernel."""

import base64
import io
import math
import runpy
import signal
import sys
import threading

import numpy as np
import pytest
import torch
from matplotlib import pyplot
from matplotlib.figure import Figure
from nbformat import v4
from PIL import Image
from scipy.stats import binomtest

from lecturekit import fit, show
from lecturekit.course.notebooks import WIDGET, WIDGET_NOTE, tidy
from lecturekit.evaluate import divergences
from lecturekit.show import widgets
from lecturekit.variational import LinearGaussian

MEASURES = {
    "KL(p‖q)": lambda p, q, x: divergences.kl(p, q),
    "KL(q‖p)": lambda p, q, x: divergences.kl(q, p),
    "JS": lambda p, q, x: divergences.jensen_shannon(p, q),
    "W1": divergences.wasserstein,
    "MMD": divergences.mmd,
}


def pixels(panel):
    return np.asarray(Image.open(io.BytesIO(bytes(panel.image.value))))


def told(panel):
    """The measures' values by name, as the words beneath the picture say them."""
    pairs = [part.rsplit(" ", 1) for part in panel.words.value.split(". ", 1)[1].split(", ")]
    return {name: math.inf if value == "infinite" else float(value) for name, value in pairs}


def moved(panel, **values):
    for name, value in values.items():
        panel.controls[name.replace("_", " ")].value = value
    return told(panel)


def gaussian_kl(m, s, n, t):
    return math.log(t / s) + (s**2 + (m - n) ** 2) / (2 * t**2) - 0.5


def test_gaussians_have_the_divergences_of_the_closed_form():
    panel = show.divergences(MEASURES)
    found = moved(panel, centre_of_p=-0.5, width_of_p=0.8, centre_of_q=1.2, width_of_q=1.3)
    assert found["KL(p‖q)"] == pytest.approx(gaussian_kl(-0.5, 0.8, 1.2, 1.3), abs=1e-3)
    assert found["KL(q‖p)"] == pytest.approx(gaussian_kl(1.2, 1.3, -0.5, 0.8), abs=1e-3)
    assert moved(panel, width_of_q=0.8)["W1"] == pytest.approx(1.7, abs=1e-3)
    # the farthest that sliders go: nothing underflows to an infinity that a Gaussian does not have
    found = moved(panel, p_split_by=5, centre_of_p=3, width_of_p=2, centre_of_q=-3, width_of_q=0.5)
    assert all(map(math.isfinite, found.values()))


def test_boxes_apart_have_infinite_kl_and_log_2_while_wasserstein_still_tells_the_distance():
    panel = show.divergences(MEASURES, shape="box")
    near = moved(panel, centre_of_p=-2, width_of_p=0.5, centre_of_q=0, width_of_q=0.5)
    far = moved(panel, centre_of_q=3)
    for found in (near, far):
        assert found["KL(p‖q)"] == found["KL(q‖p)"] == math.inf
        assert found["JS"] == pytest.approx(math.log(2), abs=1e-3)
    assert near["W1"] == pytest.approx(2, abs=1e-3) and far["W1"] == pytest.approx(5, abs=1e-3)
    inside = moved(panel, centre_of_q=-2, width_of_q=2)
    assert inside["KL(p‖q)"] == pytest.approx(math.log(4), abs=0.05) and inside["KL(q‖p)"] == math.inf


def test_a_split_p_is_a_mixture_of_two():
    panel = show.divergences(MEASURES, shape="box")
    both = moved(panel, centre_of_p=0, width_of_p=0.5, p_split_by=4, centre_of_q=2, width_of_q=0.5)
    assert both["KL(q‖p)"] == pytest.approx(math.log(2), abs=1e-3) and both["KL(p‖q)"] == math.inf
    assert both["W1"] == pytest.approx(2, abs=1e-3)  # half of the mass, moved by 4


def test_what_is_drawn_follows_what_is_told():
    panel = show.divergences({"a": lambda p, q, x: torch.tensor(1.5), "b": lambda p, q, x: torch.tensor(math.inf)})
    assert told(panel) == {"a": 1.5, "b": math.inf}
    before = pixels(panel)
    panel.controls["centre of q"].value += 1
    assert (pixels(panel) != before).any()
    with pytest.raises(ValueError, match="unknown shape 'cauchy': there are Gaussian, box"):
        show.divergences(MEASURES, shape="cauchy")


def test_a_step_on_the_plane_is_decoded():
    seen = []

    def decode(z):
        seen.append(z.clone())
        return torch.full((1, 1, 4, 4), 0.5 + z[0, 1].item() / 10)

    panel = show.plane(decode)
    panel.controls["z2"].value = 2.0
    panel.controls["z1"].value = -1.0
    assert [z.tolist() for z in seen] == [[[0, 0]], [[0, 2]], [[-1, 2]]]
    assert "z1 = -1.0, z2 = 2.0" in panel.words.value
    picture = pixels(panel)
    assert (picture[:, -100:, :3] == round(0.7 * 255)).all()
    map_ = picture[:, :600].astype(int)
    rows, columns = np.nonzero((abs(map_ - [0xD5, 0x5E, 0x00, 255]) < 3).all(-1))
    before = columns.mean(), rows.mean()
    panel.controls["z1"].value = 1.0
    rows, columns = np.nonzero((abs(pixels(panel)[:, :600].astype(int) - [0xD5, 0x5E, 0x00, 255]) < 3).all(-1))
    assert columns.mean() > before[0] + 50 and rows.mean() == pytest.approx(before[1], abs=1)  # to the right


def test_of_many_latents_two_move_and_the_others_stay_at_the_first_code():
    seen = []

    def decode(z):
        seen.append(z[0].tolist())
        return torch.zeros(1, 3, 2, 5)

    codes = torch.tensor([[0.5, -1.0, 2.0, 0.25], [0.0, 0.0, 0.0, 0.0]])
    panel = show.plane(decode, codes, torch.tensor([3, 8]))
    assert seen[-1] == codes[0].tolist()
    panel.controls["to the right"].value = 2
    assert (
        panel.controls["slider to the right"].value == 2 and panel.controls["slider to the right"].description == "z3"
    )
    panel.controls["slider to the right"].value = -0.5
    assert seen[-1] == [0.5, -1.0, -0.5, 0.25]
    panel.controls["upwards"].value = 2  # taken: the two change places
    assert panel.controls["to the right"].value == 1 and seen[-1] == [0.5, -1.0, -0.5, 0.25]
    panel.controls["slider upwards"].value = 1.0
    assert seen[-1] == [0.5, -1.0, 1.0, 0.25]


def test_classes_have_their_colours_on_the_plane():
    at = torch.tensor([[0.0, 0.0], [-2.0, -2.0], [2.0, 2.0]])  # the first is covered by the dot
    panel = show.plane(lambda z: torch.zeros(1, 1, 2, 2), at, torch.tensor([0, 9, 3]))
    map_ = pixels(panel)[:, :600, :3].astype(int)
    for k, right in ((9, False), (3, True)):  # not the first and the second colour
        colour = [int(show.CLASSES[k][i : i + 2], 16) for i in (1, 3, 5)]
        _, columns = np.nonzero((abs(map_ - colour) < 3).all(-1))
        assert len(columns) > 5 and ((columns > 300) == right).all()


def test_a_clamped_unit_is_known_and_the_others_follow():
    asked = []

    def marginals(known):
        asked.append(known)
        return [0.25, 0.5] if not known else [known.get("a", 0.75), known.get("b", 0.125)]

    panel = show.clamp(marginals, ["a", "b"])
    assert panel.words.value == "Known: nothing. Probability of being on: a 0.250, b 0.500."
    before = pixels(panel)
    panel.controls["b"].value = 0
    assert panel.words.value == "Known: b off. Probability of being on: a 0.750, b 0.000."
    panel.controls["a"].value = 1
    assert asked == [{}, {"b": 0}, {"a": 1, "b": 0}] and pixels(panel).shape == before.shape
    assert "Known: a on, b off." in panel.words.value and (pixels(panel) != before).any()


def test_widgets_follow_the_style_that_was_chosen():
    def figure():
        drawing = Figure(figsize=(1, 1))
        drawing.text(0.5, 0.5, "x")
        return drawing, "x"

    for medium, corner in (("page", [255, 255, 255, 0]), ("print", [255, 255, 255, 255])):
        with pyplot.rc_context():
            pyplot.rcParams.update(show.style(medium))
            panels = show.plane(lambda z: torch.zeros(1, 1, 2, 2)), show.Panel({}, figure), show.divergences(MEASURES)
        assert all(pixels(panel)[0, 0].tolist() == corner for panel in panels)
        assert (pixels(panels[1])[..., :3].min() == 0) == (medium == "print")


def test_what_is_no_plane_is_refused():
    with pytest.raises(ValueError, match="two latents at least, not 1"):
        show.plane(lambda z: z, torch.zeros(3, 1))
    with pytest.raises(ValueError, match="labels belong to codes"):
        show.plane(lambda z: z, labels=torch.zeros(3, dtype=torch.long))
    with pytest.raises(ValueError, match=r"decode\(z\) must be \(N, C, H, W\)"):
        show.plane(lambda z: z)


def test_what_is_painted_above_the_line_is_what_a_model_is_given():
    seen = []

    def draw(picture, known):
        seen.append((picture[0].tolist(), known[0].tolist()))
        return Figure(figsize=(1, 1)), f"{int(picture.sum())} pixels"

    panel = show.paint(draw, torch.tensor([[1, 0], [0, 1], [1, 1]]), rows=2)
    assert seen == [([[1, 0], [0, 1], [0, 0]], [[True, True], [True, True], [False, False]])]
    dots = panel.controls["canvas"].children
    dots[1].value = True
    assert seen[-1][0] == [[1, 1], [0, 1], [0, 0]] and len(seen) == 2 and panel.words.value == "3 pixels"
    assert dots[1].button_style == "primary" and dots[2].button_style == "" and dots[4].disabled
    panel.controls["rows"].value = 3
    assert seen[-1] == ([[1, 1], [0, 1], [1, 1]], [[True, True]] * 3) and not dots[4].disabled
    panel.controls["again"].click()
    assert seen[-1] == seen[-2] and len(seen) == 4
    panel.controls["clear"].click()
    assert seen[-1][0] == [[0, 0]] * 3 and len(seen) == 5  # one drawing for the whole canvas
    with pytest.raises(ValueError, match="rows must be a whole number from 0 to 3, not 4"):
        show.paint(draw, torch.zeros(3, 2, dtype=torch.long), rows=4)


def asked_about(panel):
    """The kind of the picture that stands there: real ones are white here, generated ones black, hidden ones grey."""
    return {255: "real", 0: "generated", 128: "hidden"}[int(pixels(panel)[100, 100, 0])]


def pictures_real_and_made(n_real=3, n_made=5):
    return torch.ones(n_real, 1, 4, 4), torch.zeros(n_made, 1, 4, 4)


def test_real_or_fake_counts_what_was_taken_for_the_other():
    panel = show.real_or_fake(*pictures_real_and_made(), published={"theirs": 0.4})
    assert panel.words.value == (
        "Image 1 of 6: real or generated? So far 0 of 0 generated ones taken for real and 0 of 0 real ones taken for "
        "generated."
    )
    empty, kinds = pixels(panel), []
    for _ in range(6):  # all taken for real
        kinds.append(asked_about(panel))
        panel.controls["real"].click()
        assert panel.words.value.startswith(f"The last one was {kinds[-1]}. ")
    assert sorted(kinds) == ["generated"] * 3 + ["real"] * 3  # as many of each, whatever there were
    assert panel.words.value.endswith(
        "That was the last image. So far 3 of 3 generated ones taken for real and 0 of 3 real ones taken for generated."
    )
    assert (pixels(panel)[:, 600:] != empty[:, 600:]).any() and asked_about(panel) == "hidden"
    assert panel.controls["real"].disabled and panel.controls["generated"].disabled
    again = show.real_or_fake(*pictures_real_and_made())
    for kind in kinds:  # the same seed, the same order: all answers right
        assert asked_about(again) == kind
        again.controls[kind].click()
    assert again.words.value.endswith(
        "So far 0 of 3 generated ones taken for real and 0 of 3 real ones taken for generated."
    )


def test_a_picture_is_hidden_when_its_time_is_over_and_only_then(monkeypatch):
    set_ = []

    class Clock:
        def __init__(self, seconds, call, args):
            self.end = lambda: call(*args)
            set_.append((seconds, self))

        def start(self):
            pass

    monkeypatch.setattr(threading, "Timer", Clock)
    panel = show.real_or_fake(*pictures_real_and_made())
    assert not set_  # without limit
    panel.controls["shown"].value = 200
    first = asked_about(panel)
    panel.controls[first].click()
    assert [seconds for seconds, _ in set_] == [0.2, 0.2]
    set_[0][1].end()  # the first one's: too late
    assert asked_about(panel) != "hidden"
    set_[1][1].end()
    assert asked_about(panel) == "hidden" and "Image 2 of 6" in panel.words.value
    panel.controls["generated"].click()
    assert asked_about(panel) != "hidden"


@pytest.mark.parametrize(("k", "n"), [(0, 7), (3, 10), (40, 100), (9, 9)])
def test_the_interval_of_a_rate_is_wilsons(k, n):
    by_scipy = binomtest(k, n).proportion_ci(method="wilson")
    assert widgets._wilson(k, n) == pytest.approx((by_scipy.low, by_scipy.high), abs=1e-6)
    assert widgets._wilson(0, 0) == (0, 1)


def test_pictures_that_cannot_stand_beside_each_other_are_refused():
    with pytest.raises(ValueError, match=r"of one shape, not \(3, 1, 4, 4\) and \(5, 1, 5, 5\)"):
        show.real_or_fake(torch.ones(3, 1, 4, 4), torch.ones(5, 1, 5, 5))
    with pytest.raises(ValueError, match="need some real and some generated images"):
        show.real_or_fake(*pictures_real_and_made(n_made=0))


@pytest.fixture
def training(tmp_path):
    torch.manual_seed(0)
    model, x = LinearGaussian(dimensions=2, latent=1), torch.randn(200, 2)

    def train(epochs, *callbacks):
        kept = {"checkpoint": tmp_path, "resume": True, "progress": False}
        return fit(model, x, epochs=epochs, batch_size=20, callbacks=callbacks, **kept)

    return train


def test_stop_from_another_thread_ends_the_training_and_it_goes_on_from_there(training):
    before = signal.getsignal(signal.SIGINT)

    def click(model, history):
        if len(history["model/loss"]) == 30:
            thread = threading.Thread(
                target=lambda: (live.button.click(), live.button.click())
            )  # the second is one too many
            thread.start()
            thread.join()

    with show.Live(every=0) as live:
        history = training(50, live, click)
    assert history.interrupted and 3 <= history.trained < 10
    assert live.button.disabled and live.button.description == "Ended"
    with show.Live() as live:
        history = training(12, live)
    assert not history.interrupted and history.trained == 12 and len(history["model/loss"]) == 120
    assert signal.getsignal(signal.SIGINT) is before
    live.stop()  # a late click hits nobody


def test_the_curves_are_drawn_every_so_often_and_at_the_end(training):
    def told_while(live, epochs):
        drawn = []
        with live:
            live.panel.words.observe(lambda change: drawn.append(change.new), "value")
            history = training(epochs, live)
        return drawn, f"model/loss {history['model/loss'][-1]:.4g}"

    drawn, last = told_while(show.Live("model/loss", every=0), 3)
    assert len(drawn) == 3 and drawn[-1].endswith(last)
    live = show.Live(every=math.inf)  # nothing between the first drawing and the last
    drawn, last = told_while(live, 6)
    assert len(drawn) == 2 and drawn[-1].endswith(last)
    with pytest.raises(RuntimeError, match="within its `with`"):
        training(7, live)


def test_a_training_that_ends_before_its_first_epoch_leaves_a_picture_too(training):
    with show.Live() as live, pytest.raises(ZeroDivisionError):
        1 / 0  # noqa: B018
    assert "No epoch is over yet" in live.panel.words.value and pixels(live.panel).shape[2] == 4


def test_a_page_without_a_kernel_keeps_the_picture_and_its_description():
    panel = show.divergences({"<b>": lambda p, q, x: torch.tensor(0.25)})
    content, metadata = panel._repr_mimebundle_()
    assert set(content) == {WIDGET, "image/png", "text/plain"}
    assert panel.words.value.endswith("&lt;b&gt; 0.250") and metadata["image/png"]["alt"].endswith("<b> 0.250")
    encoded = {**content, "image/png": base64.b64encode(content["image/png"]).decode()}
    output = v4.new_output("execute_result", encoded, metadata=metadata, execution_count=1)
    notebook = v4.new_notebook(cells=[v4.new_code_cell("x", outputs=[output])], metadata={"widgets": {"state": {}}})
    tidied = tidy(tidy(notebook))
    picture, note = tidied.cells[0].outputs
    assert picture.data == {"image/png": encoded["image/png"]} and picture.metadata == metadata
    assert note.data["text/markdown"] == WIDGET_NOTE and "widgets" not in tidied.metadata


def test_who_makes_no_widget_needs_no_ipywidgets(monkeypatch):
    for name in ("ipywidgets", "IPython", "IPython.display"):
        monkeypatch.setitem(sys.modules, name, None)  # an import is an error now
    names = runpy.run_path(sys.modules["lecturekit.show.widgets"].__file__)
    with pytest.raises(ImportError):
        names["divergences"]({})


images = torch.zeros(3, 1, 4, 4)
point = lambda z: torch.zeros(len(z), 1, 2, 2)
drawn = lambda *asked: (Figure(figsize=(1, 1)), "nothing")
bits = torch.zeros(3, 2, dtype=torch.long)
codes = torch.zeros(5, 2)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: show.Panel([1], drawn), "controls must be ipywidgets by name"),
        (lambda: show.Panel({"a": 1}, drawn), "controls must be"),
        (lambda: show.Panel({}, lambda: Figure()), "draw must return a figure and what it shows in words"),
        (lambda: show.Panel({}, lambda: (Figure(), None)), "draw must return"),
        (lambda: show.divergences({}), "measures must be functions"),
        (lambda: show.divergences({"kl": 1.0}), "measures must be functions"),
        (lambda: show.divergences(MEASURES, shape="x"), "unknown shape 'x': .*there are Gaussian, box"),
        (lambda: show.plane(lambda z: torch.distributions.Normal(point(z), 1.0)), "show its mean"),
        (lambda: show.plane(torch.nn.Linear(3, 4)), r"decode cannot take z of shape \(1, 2\)"),
        (lambda: show.plane(point, torch.full((5, 2), math.nan)), "codes must be .* finite"),
        (lambda: show.plane(point, codes[:0]), "codes must be .* at least one"),
        (lambda: show.plane(point, codes[0]), "codes must be"),
        (lambda: show.plane(point, codes.tolist()), "codes must be a tensor"),
        (lambda: show.plane(point, codes, torch.zeros(5)), "labels belong to codes: whole numbers"),
        (lambda: show.plane(point, codes, [0] * 5), "labels must be a tensor"),
        (lambda: show.plane(point, latents=2.5), "latents must be"),
        (lambda: show.plane(point, limit=0), "limit must be"),
        (lambda: show.plane(point, limits=(1, 1)), "limits must be"),
        (lambda: show.paint(drawn, bits, rows=1.5), "rows must be"),
        (lambda: show.paint(drawn, bits[0], rows=1), r"image must be \(height, width\)"),
        (lambda: show.paint(drawn, bits + 7, rows=1), "of 0 and 1"),
        (lambda: show.paint(drawn, bits.tolist(), rows=1), "image must be a tensor"),
        (lambda: show.clamp(lambda known: [0.5], "abc"), "names must be"),
        (lambda: show.clamp(lambda known: [], []), "names must be"),
        (lambda: show.clamp(lambda known: [0.5, 0.5], ["a", "a"]), "each once"),
        (lambda: show.clamp(lambda known: [0.5], ["a", "b"]), "a probability for each of 2 names"),
        (lambda: show.clamp(lambda known: [0.5, math.nan], ["a", "b"]), "a probability for each"),
        (lambda: show.real_or_fake(images, images, published={"theirs": 40}), "rate 'theirs' must be .* not 40"),
        (lambda: show.real_or_fake(images, images, seed=-1), "seed must be"),
        (lambda: show.real_or_fake(images, images, limits=(1, 1)), "limits must be"),
        (lambda: show.real_or_fake(images, images * math.nan), "fake hold numbers that are not finite"),
        (lambda: show.real_or_fake(images.numpy(), images), "real must be a tensor"),
        (lambda: show.real_or_fake(images[:, 0], images[:, 0]), r"real must be \(N, C, H, W\)"),
        (lambda: show.Live(5), "names must be terms"),
        (lambda: show.Live(every=-1), "every must be"),
        (lambda: show.Live(every="x"), "every must be"),
    ],
)
def test_what_is_refused_is_named(call, words, untyped):
    with pytest.raises((ValueError, TypeError), match=words):
        call()
