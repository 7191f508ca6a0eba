"""Views and splits: what a model sees of the pixels."""

import numpy as np
import pytest
import torch

from lecturekit import data
from lecturekit.data.split import divided, tenths
from lecturekit.data.views import PIXELS, View, binary, dequantized, levels, signed, unit

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


UNIT = ALL / 255
BAD = [
    (lambda s: View(None), "unknown view None"),
    (lambda s: View(["unit"]), "unknown view"),
    (lambda s: View(View("unit")), "unknown view"),
    (lambda s: View("levels", 2.0), "levels must be a whole number from 2 to 256, not 2.0"),
    (lambda s: View("levels", True), "levels must be a whole number"),
    (lambda s: View("levels", "4"), "levels must be a whole number"),
    *((lambda s, name=name: View(name)(UNIT), "dtype uint8, not torch.float32") for name in PIXELS),
    *((lambda s, f=f: f(ALL.int()), "dtype uint8, not torch.int32") for f in PIXELS.values()),
    (lambda s: binary(ALL.numpy()), "x must be a tensor"),
    (lambda s: unit([0, 255]), "x must be a tensor"),
    (lambda s: levels(ALL, levels=0), "levels must be a whole number from 2 to 256, not 0"),
    (lambda s: levels(ALL, levels=257), "levels must be a whole number from 2 to 256, not 257"),
    (lambda s: View("identity")(ALL), "'identity' is for points in the plane"),
    (lambda s: data.Split(ALL, None, View("identity")), "view='identity' does not see torch.uint8"),
    (lambda s: data.Split(UNIT, None, View("unit")), "view='unit' does not see torch.float32"),
    (lambda s: data.Split(s.x.numpy(), None, s.view), "x must be a tensor"),
    (lambda s: data.Split(s.x, s.y[1:], s.view), r"20 items need 20 entries of y, not shape \(19,\)"),
    (lambda s: data.Split(s.x, s.y.tolist(), s.view), "y must be a tensor"),
    (lambda s: data.Split(s.x, s.y[:, None], s.view), r"labels y are whole numbers \(N,\), not .* of shape \(20, 1\)"),
    (lambda s: data.Split(s.x, s.y.float(), s.view), "whole numbers .* not torch.float32"),
    (lambda s: data.Split(s.x, torch.tensor(3), s.view), r"not shape \(\)"),
    (lambda s: data.Split(s.x, s.y, s.view, {"angle": s.y[:3]}), "20 entries of angle"),
    (lambda s: data.Split(s.x, s.y, s.view, {"angle": 3.0}), "angle must be a tensor"),
    (lambda s: s["train"], "slice or a tensor of indices"),
    (lambda s: s[torch.tensor(3)], r"indices \(B,\)"),
    (lambda s: s[torch.tensor([[3]])], r"indices \(B,\)"),
    (lambda s: s[torch.tensor([20])], "out of bounds"),
    (lambda s: s.batch([1, 2]), r"index must be a tensor \(B,\) of whole numbers below 20"),
    (lambda s: s.batch(3), "index must be a tensor"),
    (lambda s: s.batch(torch.tensor([20])), "whole numbers below 20"),
    (lambda s: s.batch(torch.tensor([-1])), "whole numbers below 20"),
    (lambda s: s.batch(torch.tensor([0.0])), "index"),
    (lambda s: s.batch(torch.tensor([[1]])), "index must be a tensor"),
    (lambda s: s.tensors(seed="a"), "seed must be a whole number"),
    (lambda s: s.tensors(seed=-1), "seed must be a whole number"),
    (lambda s: s.tensors(seed=2**64), "seed must be a whole number"),
    (lambda s: divided("d", s, s[:0], 20), "valid=20: d has 20 items .* whole number below that"),
    (lambda s: divided("d", s, s[:0], -1), "valid=-1"),
    (lambda s: divided("d", s, s[:0], 2.0), "valid=2.0"),
    (lambda s: divided("d", s, s[:0], True), "valid=True"),
]


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize("case", range(len(BAD)))
def test_a_bad_argument_is_named(split, case):
    call, message = BAD[case]
    with pytest.raises((ValueError, TypeError, IndexError, RuntimeError), match=message):
        call(split)


@pytest.mark.usefixtures("as_users_call")
def test_numpy_numbers_are_numbers(split):
    view = View("levels", np.int64(4))
    assert view == View("levels", 4) and torch.equal(view(ALL), levels(ALL, levels=4))
    some = divided("d", split, split[:0], np.int64(5))
    assert (len(some.train), len(some.valid), some.test) == (15, 5, None)
    assert torch.equal(some.valid.y, torch.arange(15, 20)) and torch.equal(some.train.y, torch.arange(15))
    binary = data.Split(split.x, None, View("binary"))
    assert torch.equal(binary.tensors(np.uint32(3))[0], binary.tensors(3)[0])


def test_parts_keep_labels_and_factors_together(split):
    split = data.Split(split.x, split.y, split.view, {"square": split.y**2})
    for part in slice(3, None, 4), torch.tensor([7, 2]), torch.arange(20) % 3 == 0:
        some = split[part]
        assert torch.equal(some.factors["square"], some.y**2) and torch.equal(some.x[:, 0, 0, 0], (6 * some.y).byte())


def test_tenths_are_of_every_class_and_never_change():
    y = np.repeat([4, 7, 9], [40, 20, 16])
    pool, test, valid = tenths(y)
    assert sorted(torch.cat([pool, test]).tolist()) == [*range(76)] and valid == 4 + 2 + 2
    held = pool[-valid:]
    for part in test, held:
        assert np.bincount(y[part], minlength=10)[[4, 7, 9]].tolist() == [4, 2, 2]
        assert part.tolist() not in (sorted(part.tolist()), sorted(part.tolist())[::-1])  # classes are mixed
    alone, none, valid = tenths(y, tests=False)
    assert len(none) == 0 and valid == 8 and sorted(alone.tolist()) == [*range(76)]
    assert set(alone[-8:].tolist()) == set(test.tolist())  # the last tenth of each class's permutation
    assert tenths(np.zeros(12))[0].tolist() == [8, 4, 10, 2, 3, 6, 7, 1, 11, 9, 0]
