"""Glyphs: what is drawn has the factors that it is said to have."""

import math
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image, ImageFont
from scipy import ndimage

from lecturekit import data
from lecturekit.data import glyphs
from lecturekit.data.glyphs import FACTORS, FONTS, RANGES, draw, render

DIGIT, FONT = torch.arange(10).repeat_interleave(len(FONTS)), torch.arange(len(FONTS)).repeat(10)
PLAIN = {"class": DIGIT, "font": FONT, "rotation": 0.0, "scale": 1.0, "thickness": 2.0}
CORNERS = [(r, s, t) for r in RANGES["rotation"] for s in RANGES["scale"] for t in RANGES["thickness"]]


def height(x):
    """Rows from the first to the last with a pixel that is at least a quarter inked, (N,)."""
    return (x[:, 0] >= 64).any(2).sum(1)


def holes(image):
    """How many places inside are enclosed by what is at least three quarters inked."""
    return ndimage.label(torch.nn.functional.pad(image < 192, (1, 1, 1, 1), value=True).numpy())[1] - 1


def test_every_digit_of_every_font_is_another_picture():
    x = render(PLAIN)
    assert x.shape == (80, 1, 28, 28) and x.dtype == torch.uint8
    apart = torch.cdist(x.flatten(1).double(), x.flatten(1).double(), p=1) / 255
    apart.fill_diagonal_(math.inf)
    assert apart.min() > 10  # in pixels of ink


def test_the_digits_are_those_that_pillow_draws():
    _, widths = glyphs._fields()
    ours = render(PLAIN | {"thickness": widths * 20}).flatten(1).double()  # strokes as the font has them
    theirs = []
    for digit, font in zip(DIGIT.tolist(), FONT.tolist(), strict=True):
        path = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{FONTS[font]}.ttf")
        mask = ImageFont.truetype(path, 400).getmask(str(digit))
        ink = Image.frombytes("L", mask.size, bytes(mask)).crop(mask.getbbox())
        ink = ink.resize((round(280 * ink.width / ink.height), 280))  # 20 pixels of 14 x 14
        canvas = Image.new("L", (392, 392))
        canvas.paste(ink, ((392 - ink.width) // 2, 56))
        theirs.append(np.array(canvas.resize((28, 28), Image.Resampling.BOX)))
    gap = torch.cdist(ours, torch.tensor(np.stack(theirs)).flatten(1).double(), p=1) / 255
    assert torch.equal(gap.argmin(1), torch.arange(80))
    assert (gap.diagonal() / ours.sum(1) * 255).max() < 0.1  # of the ink


def test_nothing_is_cut_off_and_all_is_centred():
    for rotation in torch.linspace(*RANGES["rotation"], 13).tolist():
        for thickness in RANGES["thickness"]:
            x = render(PLAIN | {"rotation": rotation, "thickness": thickness})
            assert x[..., [0, -1]].max() == x[..., [0, -1], :].max() == 0
    for rotation, scale, thickness in CORNERS:
        x = render(PLAIN | {"rotation": rotation, "scale": scale, "thickness": thickness})
        assert torch.equal(x, render(PLAIN | {"rotation": rotation, "scale": scale, "thickness": thickness}))
        assert x.flatten(1).amax(1).min() > 200
    upright = render(PLAIN)[:, 0] >= 128
    for ink in upright.any(1), upright.any(2):
        first, last = ink.int().argmax(1), 27 - ink.int().flip(1).argmax(1)
        assert (first + last - 27).abs().max() <= 1


def test_thin_strokes_hold_together_and_bold_ones_leave_the_holes_open():
    for scale in RANGES["scale"]:
        for digit, count in (0, 1), (4, 0), (6, 1), (8, 2), (9, 1):  # some fonts have an open 4
            bold = render(PLAIN | {"scale": scale, "thickness": RANGES["thickness"][1]})
            for image in bold[digit == DIGIT, 0]:
                assert holes(image) >= count
        thin = render(PLAIN | {"scale": scale, "thickness": RANGES["thickness"][0]})
        for image in thin[:, 0]:
            assert ndimage.label((image >= 64).numpy(), torch.ones(3, 3).numpy())[1] == 1


def test_turning_back_gives_the_upright_digit():
    for angle in RANGES["rotation"]:
        turned = render(PLAIN | {"rotation": angle})
        for image, upright in zip(turned[:, 0].numpy(), render(PLAIN)[:, 0].numpy(), strict=True):
            # scipy turns anticlockwise where rows go down, as seen
            back = ndimage.rotate(image.astype(float), -angle, reshape=False, order=1)
            wrong = ndimage.rotate(image.astype(float), angle, reshape=False, order=1)
            assert abs(back - upright).mean() < 10 < abs(wrong - upright).mean()


def test_scale_is_the_height():
    _, widths = glyphs._fields()
    # with strokes as the font has them, at every scale
    drawn = {s: render(PLAIN | {"scale": s, "thickness": widths * 20 * s}) for s in (0.7, 0.8, 0.9, 1.0)}
    ink = {s: x.flatten(1).double().sum(1) for s, x in drawn.items()}
    for s, x in drawn.items():
        assert (ink[s] / ink[1.0] / s**2 - 1).abs().max() < 0.06  # hairlines are thinner than a pixel
        assert (height(x) - 20 * s).abs().max() <= 1


def test_thickness_is_the_width_of_the_strokes():
    """By the area of ink over half its outline, which a strip's width is, in all fonts and at all scales."""
    for scale in RANGES["scale"]:
        ink = [render(PLAIN | {"scale": scale, "thickness": t}).flatten(1).double().sum(1) / 255 for t in (1.9, 2, 2.1)]
        # ink grows with the offset of the outline, half the thickness, by the outline's length
        outline = (ink[2] - ink[0]) / 0.1
        straight = 2 * ink[1] / outline
        assert (straight / 2 - 1).abs().max() < 0.35 and (straight.mean() / 2 - 1).abs() < 0.1
        assert (ink[0] < ink[1]).all() and (ink[1] < ink[2]).all()


def test_fields_are_distances_to_the_outline():
    fields, _ = glyphs._fields()
    dy, dx = torch.gradient(fields, spacing=2 * glyphs.HALF / glyphs.CELLS, dim=(1, 2))
    slope = (dx.square() + dy.square()).sqrt()
    assert ((slope - 1).abs() < 0.02).float().mean() > 0.9  # 1 but at the ridges, and nowhere steeper,
    # but for float32 where squares cancel
    assert max(fields.diff(dim=d).abs().max() for d in (1, 2)) < 2 * glyphs.HALF / glyphs.CELLS + 4e-4
    # the disc that a zero of DejaVu Sans has in its middle is outside, and its left stroke is inside
    zero = fields[0, glyphs.CELLS // 2]
    assert zero[glyphs.CELLS // 2] > 0.1 and zero.min() < -0.03 and zero[0] > 0


def test_factors_are_uniform_and_independent():
    factors = draw(20_000)
    assert tuple(factors) == FACTORS
    columns = torch.stack([v.double() for v in factors.values()])
    correlation = torch.corrcoef(columns) - torch.eye(5)
    assert correlation.abs().max() < 4 / 20_000**0.5
    for name, (low, high) in (RANGES | {"class": (0, 10), "font": (0, len(FONTS))}).items():
        bins = 10 if name != "font" else len(FONTS)
        counts = factors[name].float().histc(bins, low, high)
        assert counts.sum() == 20_000 and (counts - 20_000 / bins).abs().max() < 4.5 * (20_000 / bins) ** 0.5
    assert all(torch.equal(v, draw(20_000)[name]) for name, v in factors.items())
    assert not torch.equal(factors["scale"], draw(20_000, seed=1)["scale"])


def test_loads_with_its_factors():
    state = torch.get_rng_state()
    sets = data.load("glyphs", view="binary")
    assert torch.equal(torch.get_rng_state(), state)
    assert [len(s) for s in (sets.train, sets.valid, sets.test)] == [10_000, 2_000, 2_000]
    for split in sets.train[:100], sets.valid[torch.tensor([5, 3, 3])], sets.test[-3:].to("cpu"):
        assert torch.equal(split.x, render(split.factors)) and torch.equal(split.y, split.factors["class"])
    assert sets.train[:7].to("meta").factors["scale"].device.type == "meta"
    assert data.load("digits-8x8").train.factors == {}


def test_numbers_hold_for_all():
    x = render({"class": 3, "font": 0, "rotation": torch.linspace(-30, 30, 5), "scale": 1.0, "thickness": 2.0})
    assert x.shape == (5, 1, 28, 28)
    assert torch.equal(x[2:3], render({"class": 3, "font": 0, "rotation": 0, "scale": 1, "thickness": 2}))
    assert render(draw(0)).shape == (0, 1, 28, 28)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"class": 10}, "class must be a whole number from 0 to 9"),
        ({"class": -1}, "class must be a whole number from 0 to 9"),
        ({"class": torch.tensor([True])}, "class must be a whole number from 0 to 9"),
        ({"class": torch.tensor([1, 2, 3])}, r"numbers or \(n,\), of one n, not of shapes \[\(3,\), \(80,\)"),
        ({"class": torch.zeros(80, 1).long()}, r"of one n, not of shapes \[\(80, 1\)"),
        ({"font": torch.tensor([0.5])}, "font must be a whole number from 0 to 7|of one n"),
        ({"class": 1, "font": 0.5}, "font must be a whole number from 0 to 7"),
        ({"font": "cmr10"}, "font must be a finite number"),
        ({"rotation": math.nan}, "rotation must be a finite number"),
        ({"rotation": torch.full((80,), math.inf)}, "rotation must be finite"),
        ({"scale": 0.0}, "scale must be finite and positive"),
        ({"scale": -1.0}, "scale must be finite and positive"),
        ({"thickness": torch.linspace(-1, 1, 80)}, "thickness must be finite and positive"),
        ({"thickness": None}, "thickness must be a finite number"),
        ({"colour": 1}, "factors class, font, rotation, scale, thickness, not .*colour"),
    ],
)
def test_bad_factors_are_refused(change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        render(PLAIN | change)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: render({"class": 3}), "not class"),
        (lambda: render(None), "not NoneType"),
        (lambda: draw(-1), "n must be a whole number of at least 0, not -1"),
        (lambda: draw(2.5), "n must be a whole number"),
        (lambda: draw("5"), "n must be a whole number"),
        (lambda: draw(2, seed=1.5), "seed must be a whole number"),
        (lambda: draw(2, seed=2**63), "seed must be a whole number from 0 to"),
    ],
)
def test_bad_requests(call, message, untyped):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
