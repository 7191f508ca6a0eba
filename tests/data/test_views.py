"""Views and splits: what a model sees of the pixels."""

import pytest
import torch

from lecturekit import data
from lecturekit.data.views import View, binary, dequantized, levels, signed, unit

ALL = torch.arange(256, dtype=torch.uint8)


@pytest.fixture
def split():
    x = torch.arange(20 * 6, dtype=torch.uint8).view(20, 1, 2, 3)
    return data.Split(x, torch.arange(20), View("unit"))


def test_deterministic_views_by_hand():
    x = torch.tensor([0, 127, 255], dtype=torch.uint8)
    assert unit(x).tolist() == pytest.approx([0, 127 / 255, 1])
    assert signed(x).tolist() == pytest.approx([-1, 127 / 127.5 - 1, 1])
    for n in (2, 3, 4, 16, 256):
        assert levels(ALL, levels=n).tolist() == [i * n // 256 for i in range(256)]
    assert levels(ALL).dtype == torch.int64


def test_binary_is_bernoulli_of_x_over_255():
    n = 20000
    draws = binary(ALL.expand(n, 256))
    assert draws.dtype == torch.float32 and set(draws.unique().tolist()) == {0.0, 1.0}
    p = ALL / 255
    error = (draws.mean(0) - p) / (p * (1 - p) / n).sqrt().clamp(min=1e-9)
    assert error.abs().max() < 4.5  # 256 standard scores; also exactly 0 at x = 0 and x = 255
    assert not torch.equal(binary(ALL), binary(ALL))


def test_random_views_at_the_ends_of_the_uniform_draw(monkeypatch):
    x = torch.tensor([0, 1, 255], dtype=torch.uint8)
    for u, on, last in ((0.0, [0, 1, 1], 255 / 256), (1 - 2**-24, [0, 0, 1], 1 - 2**-24)):
        monkeypatch.setattr("lecturekit.data.views._uniform", lambda x, g, u=u: torch.full(x.shape, u))
        assert binary(x).tolist() == on
        assert dequantized(x)[-1] == last < 1


def test_dequantized_falls_back_to_its_level():
    x = dequantized(ALL.expand(100, 256))
    assert x.dtype == torch.float32
    assert torch.equal((x * 256).floor().to(torch.uint8), ALL.expand(100, 256))
    assert (x * 256 - ALL).mean() == pytest.approx(0.5, abs=0.01)


def test_split_draws_parts_and_batches(split):
    index = torch.tensor([3, 3, 19])
    x, y = split.batch(index)
    assert torch.equal(x, split.x[index] / 255) and torch.equal(y, index)
    assert len(split) == 20 and split.event_shape == (1, 2, 3)
    assert torch.equal(split[5:7].y, torch.tensor([5, 6])) and torch.equal(split[index].x, split.x[index])
    assert split[5:7].view is split.view
    unlabelled = data.Split(split.x, None, split.view)
    assert unlabelled.batch(index)[1] is None and unlabelled[2:].to("cpu").y is None
    with pytest.raises(TypeError, match=r"slice or a tensor"):
        split[3]


def test_split_moves_whole(split):
    moved = split.to("meta")
    assert moved.x.device.type == moved.y.device.type == "meta" and moved.view is split.view
    assert moved.batch(torch.zeros(4, dtype=torch.long, device="meta"))[0].shape == (4, 1, 2, 3)


def test_tensors_depend_on_the_seed_only(split):
    split = data.Split(split.x, split.y, View("binary"))
    state = torch.get_rng_state()
    (a, y), (b, _), (c, _) = split.tensors(), split.tensors(seed=0), split.tensors(seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(a, b) and not torch.equal(a, c) and torch.equal(y, split.y)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("binry",), "unknown view 'binry': did you mean 'binary'"),
        (("nothing-like-it-at-all",), "unknown view .* there are binary, unit, signed, levels, dequantized"),
        (("levels", 1), "from 2 to 256, not 1"),
        (("levels", 257), "from 2 to 256, not 257"),
        (("unit", 4), "levels=4 belongs to view='levels'"),
    ],
)
def test_a_bad_view_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        View(*arguments)
