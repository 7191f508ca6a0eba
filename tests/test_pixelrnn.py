"""PixelRNN: enumeration for probabilities, sets for what may be seen, loops over single pixels for the sweeps."""

import itertools
import math

import pytest
import torch
from torch import nn

from lecturekit import Batch
from lecturekit.exact import PixelRNN
from lecturekit.exact.gated_pixelcnn import GatedLayer, gated
from lecturekit.exact.masked import MaskedConv2d, centre_mask, groups
from lecturekit.exact.pixelrnn import KINDS, LSTM, draw_levels
from lecturekit.exact.scan import FROM_LEFT, FROM_RIGHT, ROWS, cell, scan

SHAPES = [((1, 2, 3), 2), ((1, 3, 2), 3), ((2, 2, 2), 2), ((2, 1, 2), 3), ((3, 1, 2), 2), ((3, 2, 1), 3)]


pytestmark = pytest.mark.usefixtures("float64")


def states(shape, levels):
    return torch.tensor(list(itertools.product(range(levels), repeat=math.prod(shape)))).view(-1, *shape)


def loud(model):
    """Weights large enough that every conditional differs from a coin's."""
    for p in model.parameters():
        p.data.mul_(2)
    return model


@pytest.mark.parametrize(("shape", "levels"), SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_all_images_together_have_probability_one(kind, shape, levels):
    model = loud(PixelRNN(shape, levels, kind, layers=2, hidden=4))
    with torch.no_grad():
        log_p = model.log_prob(states(shape, levels))
    assert log_p.std() > 0.1
    assert abs(log_p.logsumexp(0).item()) < 1e-9


@pytest.mark.parametrize("kind", KINDS)
def test_given_a_label_all_images_have_probability_one(kind):
    model = loud(PixelRNN((1, 2, 2), 2, kind, layers=2, hidden=3, classes=2))
    x = states((1, 2, 2), 2)
    with torch.no_grad():
        given = [model.log_prob(x, torch.full((len(x),), y)) for y in (0, 1)]
    assert all(abs(log_p.logsumexp(0).item()) < 1e-9 for log_p in given)
    assert (given[0] - given[1]).abs().max() > 0.05


# --- what a pixel's distribution depends on ---


def first_seen(c, i, j, shape):
    """The 7 x 7 window with mask A."""
    return {
        (k, a, b)
        for k, a, b in itertools.product(*map(range, shape))
        if abs(b - j) <= 3 and i - 3 <= a and (a < i or (a == i and (b < j or (b == j and k < c))))
    }


def fields(kind, layers, shape):
    """{(c, i, j): the set of channels of pixels that its logits may depend on}, by following the arrows one by one."""
    channels, height, width = shape
    places = list(itertools.product(*map(range, shape)))
    if kind == "diagonal-bilstm":  # everything that comes before
        return {(c, i, j): {(k, a, b) for k, a, b in places if (a, b, k) < (i, j, c)} for c, i, j in places}
    seen = {p: first_seen(*p, shape) for p in places}
    every = range(channels)

    def collect(maps, where):
        return set().union(*(maps[q] for q in where if q in maps))

    if kind == "gated-pixelcnn":
        above = {(c, i, j): {p for p in places if i - 3 <= p[1] < i and abs(p[2] - j) <= 3} for c, i, j in places}
        beside = {(c, i, j): {p for p in first_seen(c, i, j, shape) if p[1] == i} for c, i, j in places}
        seen = {p: above[p] | beside[p] for p in places}
    for _ in range(layers):
        new = {}
        for i, j, c in itertools.product(range(height), range(width), every):
            own = {(k, i, j) for k in range(c + 1)}
            if kind == "pixelcnn":
                around = {(k, i + a, j + b) for k in every for a, b in ((-1, -1), (-1, 0), (-1, 1), (0, -1))}
                new[c, i, j] = collect(seen, own | around)
            elif kind == "row-lstm":
                left = {(k, i, j - 1) for k in every}
                over = {(k, i - 1, j + b) for k in every for b in (-1, 0, 1)}
                # `new` holds states, which also include the block's input at their place
                new[c, i, j] = collect(seen, own | left) | collect(new, over)
            else:
                left = {(k, i, j - 1) for k in every}
                new[c, i, j] = collect(seen, own | left)
        if kind == "gated-pixelcnn":
            above = {
                (c, i, j): collect(above, [(k, i + a, j + b) for k in every for a in (-1, 0) for b in (-1, 0, 1)])
                for c, i, j in places
            }
            new = {p: new[p] | above[p] for p in places}
        seen = new
    return seen


@pytest.mark.parametrize("shape", [(1, 5, 9), (1, 9, 4), (3, 3, 5)])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_a_pixel_depends_on_its_receptive_field_and_on_nothing_else(kind, layers, shape):
    model = loud(PixelRNN(shape, 3, kind, layers=layers, hidden=18))  # wide: no group's units may all be off
    image = torch.randn(1, *shape)
    slopes = torch.autograd.functional.jacobian(lambda z: model.maps(z, None)[0].square().sum(1), image)[:, :, :, 0]
    expected = fields(kind, layers, shape)
    for c, i, j in itertools.product(*map(range, shape)):
        found = {tuple(p) for p in slopes[c, i, j].nonzero().tolist()}
        assert found == expected[c, i, j], (c, i, j)


def test_the_published_right_sweep_misses_the_end_of_the_row_above():
    model = loud(PixelRNN((1, 4, 9), 2, "diagonal-bilstm", layers=1, hidden=6))
    image = torch.randn(1, 1, 4, 9)

    def slope():
        out = torch.autograd.functional.jacobian(lambda z: model.maps(z, None)[0, 0, 0, 3, 0], image)
        return out[0, 0, 2, 8].item()

    assert slope() != 0
    nn.init.zeros_(model.stack.blocks[0].centre.weight)
    assert slope() == 0


def test_masks_by_hand():
    two = groups(4, 2)
    assert two.tolist() == [0, 0, 1, 1] and groups(8, 3).tolist() == [0, 0, 0, 1, 1, 1, 2, 2]
    assert centre_mask("A", groups(2, 2), two).int().tolist() == [[0, 0], [0, 0], [1, 0], [1, 0]]
    assert centre_mask("B", groups(2, 2), two).int().tolist() == [[1, 0], [1, 0], [1, 1], [1, 1]]
    layer = MaskedConv2d("A", groups(1, 1), groups(1, 1), (2, 3))
    assert layer.mask[0, 0].int().tolist() == [[1, 1, 1], [1, 0, 0]]
    with pytest.raises(ValueError, match="kind 'C'"):
        centre_mask("C", two, two)
    with pytest.raises(ValueError, match="odd width"):
        MaskedConv2d("A", two, two, (1, 4))


def test_what_is_masked_never_counts_and_never_moves():
    model = PixelRNN((3, 4, 4), 4, "pixelcnn", layers=1, hidden=3)
    x = torch.randint(4, (2, 3, 4, 4))
    before = model.log_prob(x)
    before.sum().backward()
    for layer in model.modules():
        if isinstance(layer, MaskedConv2d):
            assert (layer.weight.grad[layer.mask == 0] == 0).all()
            layer.weight.data[layer.mask == 0] = 7.0
    assert torch.equal(model.log_prob(x), before)


# --- the sweeps ---


def pixel_by_pixel(gates, weight, sweep):
    """The same recurrence, in an order in which neighbours come first: row after row, each from where the sweep starts."""
    batch, _, height, width = gates.shape
    nothing, h, c = gates.new_zeros(batch, weight.shape[1]), {}, {}
    for i in range(height):
        for j in reversed(range(width)) if sweep is FROM_RIGHT else range(width):
            around = [(i + a, j + b) for a, b in sweep.neighbours]
            arriving = sum(h.get(p, nothing) @ k for p, k in zip(around, weight, strict=True))
            h[i, j], c[i, j] = cell(gates[:, :, i, j] + arriving, c.get(around[sweep.memory], nothing))
    return torch.stack([torch.stack([h[i, j] for j in range(width)], -1) for i in range(height)], -2)


@pytest.mark.parametrize("size", [(3, 4), (4, 3), (1, 3), (3, 1)])
@pytest.mark.parametrize("sweep", [ROWS, FROM_LEFT, FROM_RIGHT])
def test_a_sweep_equals_a_loop_over_pixels_and_its_gradient_autograds(sweep, size):
    gates = torch.randn(2, 8, *size, requires_grad=True)
    weight = torch.randn(len(sweep.neighbours), 2, 8, requires_grad=True)
    ours, loop = scan(gates, weight, sweep), pixel_by_pixel(gates, weight, sweep)
    torch.testing.assert_close(ours, loop)
    direction = torch.randn_like(loop)
    wanted = torch.autograd.grad(loop, (gates, weight), direction)
    torch.testing.assert_close(torch.autograd.grad(ours, (gates, weight), direction), wanted)


def test_the_lines_are_diagonals():
    assert list(FROM_LEFT.lines(2, 3)) == [(0, 0, 1), (0, 1, 2), (0, 2, 2), (1, 2, 1)]
    assert list(FROM_RIGHT.lines(2, 3)) == [(0, 2, 1), (0, 1, 2), (0, 0, 2), (1, 0, 1)]
    assert list(ROWS.lines(2, 3)) == [(0, 0, 3), (1, 0, 3)]
    # in the skewed map of the paper the memory comes from the same row: from the pixel beside
    memories = [sweep.neighbours[sweep.memory] for sweep in (FROM_LEFT, FROM_RIGHT, ROWS)]
    assert memories == [(0, -1), (0, 1), (-1, 0)]


def test_a_gate_lets_through_a_share():
    x = torch.tensor([[0.5, -1.0, 2.0, -3.0]])
    by_hand = [[math.tanh(0.5) / (1 + math.exp(-2.0)), math.tanh(-1.0) / (1 + math.exp(3.0))]]
    torch.testing.assert_close(gated(x), torch.tensor(by_hand))


def test_the_cell_is_torchs():
    theirs = nn.LSTMCell(3, 2)
    x, h, c = torch.randn(5, 3), torch.randn(5, 2), torch.randn(5, 2)
    gates = x @ theirs.weight_ih.T + theirs.bias_ih + h @ theirs.weight_hh.T + theirs.bias_hh
    i, f, g, o = gates.chunk(4, dim=1)
    torch.testing.assert_close(cell(torch.cat([i, f, o, g], 1), c), theirs(x, (h, c)))


# --- drawing ---


@pytest.mark.parametrize("order", [("right", "down"), ("up", "left")])
@pytest.mark.parametrize("shape", [(1, 4, 6), (2, 5, 3), (3, 1, 4)])
@pytest.mark.parametrize("kind", KINDS)
def test_the_cached_way_draws_the_same_images(kind, shape, order):
    model = loud(PixelRNN(shape, 3, kind, layers=2, hidden=4, classes=2, order=order))
    y = torch.tensor([0, 1, 1, 0, 1, 0])
    given, known = torch.randint(3, (6, *shape)), torch.rand(6, *shape) < 0.3
    for pixels in (known, torch.zeros_like(known)):
        torch.manual_seed(1)
        quick = model.complete(given, pixels, y)
        torch.manual_seed(1)
        assert torch.equal(quick, model.complete(given, pixels, y, cached=False))
        assert torch.equal(quick[pixels], given[pixels])
        torch.manual_seed(1)
        steps = [image.clone() for image in model.pixels(given, pixels, y)]
        assert len(steps) == shape[1] * shape[2] and torch.equal(steps[-1], quick)
        changed = [(a != b).flatten(2).any(1).any(0).sum() for a, b in itertools.pairwise(steps)]
        assert max(changed) <= 1  # a pixel at a time
        assert quick.dtype == torch.long and len(set(quick.flatten().tolist())) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_samples_are_as_frequent_as_they_are_probable(kind):
    model = loud(PixelRNN((1, 2, 2), 2, kind, layers=1, hidden=4))
    n, every = 20_000, states((1, 2, 2), 2)
    p = model.log_prob(every).exp().detach()
    code = (model.sample(n).flatten(1) * torch.tensor([8, 4, 2, 1])).sum(1)
    found = torch.bincount(code, minlength=16) / n
    assert ((found - p).abs() < 5 * (p * (1 - p) / n).sqrt()).all()


def test_a_completion_follows_the_conditional():
    model = loud(PixelRNN((1, 2, 2), 2, "diagonal-bilstm", layers=1, hidden=4))
    n, known = 20_000, torch.tensor([[True, True], [False, False]])
    given = torch.tensor([1, 0, 0, 0]).view(1, 1, 2, 2)
    every = states((1, 2, 2), 2)
    log_p = model.log_prob(every).detach()
    mine = (every[:, 0, 0] == torch.tensor([1, 0])).all(1)
    p = log_p[mine].softmax(0)
    done = model.complete(given.expand(n, 1, 2, 2), known)
    assert (done[:, 0, 0] == torch.tensor([1, 0])).all()
    found = torch.bincount(done[:, 0, 1, 0] * 2 + done[:, 0, 1, 1], minlength=4) / n
    assert ((found - p).abs() < 5 * (p * (1 - p) / n).sqrt()).all()


ORDERS = [o for a, b in itertools.product(("right", "left"), ("up", "down")) for o in ((a, b), (b, a))]


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_is_the_raster_of_a_turned_image(order):
    x = torch.randint(2, (3, 1, 2, 3))
    here = loud(PixelRNN((1, 2, 3), 2, "row-lstm", layers=1, hidden=3, order=order))
    turned = here.arranged(x)
    raster = PixelRNN(turned.shape[1:], 2, "row-lstm", layers=1, hidden=3)
    raster.load_state_dict(here.state_dict())
    torch.testing.assert_close(here.log_prob(x), raster.log_prob(turned))
    assert torch.equal(here.restored(turned), x)
    # the first pixel to be drawn depends on none
    i, j = (0 if "down" in order else 1), (0 if "right" in order else 2)
    with torch.no_grad():
        logits = here.logits(states((1, 2, 3), 2))
    assert logits[:, 0, i, j].std(0).max() == 0
    assert logits[:, 0, 1 - i, 2 - j].std(0).min() > 0


def test_given_a_label_samples_are_as_frequent_as_they_are_probable():
    model, n = loud(loud(PixelRNN((1, 1, 2), 2, "gated-pixelcnn", layers=1, hidden=4, classes=2))), 4000
    every, y = states((1, 1, 2), 2), (torch.arange(n) % 4 == 0).long()
    code = (model.sample(n, y).flatten(1) * torch.tensor([2, 1])).sum(1)
    p = torch.stack([model.log_prob(every, torch.full((4,), label)) for label in (0, 1)]).exp().detach()
    for label in (0, 1):
        found = torch.bincount(code[y == label], minlength=4) / (y == label).sum()
        assert ((found - p[label]).abs() < 5 * (p[label] * (1 - p[label]) / (y == label).sum()).sqrt()).all()
    assert (p[0] - p[1]).abs().max() > 0.2


def test_levels_are_drawn_as_often_as_they_are_probable():
    p = torch.tensor([0.1, 0.2, 0.4, 0.3])
    found = torch.bincount(draw_levels(p.log().expand(20_000, 4)), minlength=4) / 20_000
    assert ((found - p).abs() < 5 * (p * (1 - p) / 20_000).sqrt()).all()


@pytest.mark.parametrize("kind", KINDS)
def test_every_feature_of_a_label_counts_and_no_other_label_s(kind):
    model = loud(PixelRNN((1, 3, 3), 2, kind, layers=2, hidden=4, classes=3))
    model.log_prob(torch.randint(2, (20, 1, 3, 3)), torch.full((20,), 1)).sum().backward()
    moved = (model.label.weight.grad != 0).float().mean(1)
    assert moved[1] > 0.8 and moved[0] == moved[2] == 0  # a ReLU may be off everywhere


def test_the_loss_is_minus_the_mean_log_likelihood():
    model, x, y = (
        loud(PixelRNN((2, 3, 2), 3, "pixelcnn", 1, 4, classes=2)),
        torch.randint(3, (5, 2, 3, 2)),
        [0, 1, 1, 0, 1],
    )
    y = torch.tensor(y)
    torch.testing.assert_close(model.loss(Batch(x, y))["loss"], -model.log_prob(x, y).sum() / 5)


def test_levels_run_from_minus_one_to_one():
    assert PixelRNN((1, 1, 1), 5, layers=1, hidden=1).scaled(torch.arange(5)).tolist() == [-1, -0.5, 0, 0.5, 1]


def test_weights_start_with_the_variance_one_over_what_is_seen():
    features = groups(60, 3)
    layer = MaskedConv2d("B", features, features, (2, 3))
    for group in range(3):
        rows = (layer.weight * layer.mask)[features == group].detach()
        seen = 60 * 4 + 20 * (group + 1)
        assert rows.square().sum((1, 2, 3)).mean().item() == pytest.approx(1, rel=0.05)
        assert (rows != 0).sum((1, 2, 3)).tolist() == [seen] * 20
    weight = LSTM(features, groups(30, 3), (1, 1), ROWS).weight
    assert 0.99 < weight.abs().max() * 30**0.5 <= 1 and weight.var().item() == pytest.approx(1 / 90, rel=0.05)


def test_a_gated_layer_passes_on_its_horizontal_input():
    layer, above, x = GatedLayer(4, 1, first=False), torch.randn(2, 4, 3, 2), torch.randn(2, 4, 3, 2)
    nn.init.zeros_(layer.out.weight)
    assert torch.equal(layer(above, x, None)[1], x)


def test_logits_are_those_of_the_mass():
    model = loud(PixelRNN((2, 3, 4), 5, "gated-pixelcnn", layers=1, hidden=4, order=("down", "left")))
    x = torch.randint(5, (3, 2, 3, 4))
    mass = model.logits(x).log_softmax(-1).gather(-1, x[..., None]).sum((1, 2, 3, 4))
    torch.testing.assert_close(model.log_prob(x), mass)


def tiny(shape=(1, 3, 4), **o):
    return PixelRNN(shape, **{"kind": "pixelcnn", "layers": 1, "hidden": 3} | o)


ZEROS = torch.zeros(4, 1, 3, 4)
UPPER = torch.tensor([True, False, False])[:, None].expand(3, 4)
BAD_CALLS = [
    (lambda: tiny((3,)), r"\(C, H, W\), not \(3,\)"),
    (lambda: tiny((1, 0, 3)), r"event_shape\[1\] must"),
    (lambda: tiny(levels=1), "levels must be a whole number of at least 2, not 1"),
    (lambda: tiny(layers=0), "layers must .* not 0"),
    (lambda: tiny((3, 3, 3), hidden=2), "hidden must be a whole number of at least 3, not 2"),
    (lambda: tiny(classes=-1), "classes must be a whole number of at least 0, not -1"),
    (lambda: tiny(kind="lstm"), "unknown kind 'lstm'"),
    (lambda: tiny(order=("right", "left")), "right angles"),
    (lambda: tiny(order=("right", "right")), "right angles"),
    (lambda: groups(2, 3), "features must be a whole number of at least 3, not 2"),
    (lambda: groups(2, 0), "channels must"),
    (lambda: MaskedConv2d("a", groups(1, 1), groups(1, 1)), "unknown kind 'a'.*A, B, above"),
    (lambda: MaskedConv2d("A", groups(1, 1), groups(1, 1), (0, 3)), r"size\[0\] must"),
    (lambda: tiny().check(ZEROS + 0.5), r"whole numbers 0 \.\. 1"),
    (lambda: tiny().check(torch.cat([ZEROS, ZEROS + 2]).long()), r"whole numbers 0 \.\. 1, and these run from 0 to 2"),
    (lambda: tiny().check(ZEROS - 1), r"whole numbers 0 \.\. 1"),
    (lambda: tiny().log_prob(ZEROS + 0.5), r"whole numbers 0 \.\. 1"),
    (lambda: tiny().log_prob(ZEROS.long() + 2), r"whole numbers 0 \.\. 1"),
    (lambda: tiny().log_prob(torch.full_like(ZEROS, math.nan)), "not finite"),
    (lambda: tiny().log_prob(ZEROS.mT), r"PixelRNN models items of shape \(1, 3, 4\), not \(1, 4, 3\)"),
    (lambda: tiny().logits(ZEROS[:, :, :2]), r"not \(1, 2, 4\)"),
    (lambda: tiny().complete(ZEROS[:, :, :2], UPPER), r"not \(1, 2, 4\)"),
    (
        lambda: tiny().complete(ZEROS, UPPER.T),
        r"known must be bools .* \(4, 1, 3, 4\), not torch.bool of shape \(4, 3\)",
    ),
    (lambda: tiny().complete(ZEROS, UPPER.expand(2, 1, 1, 3, 4)), "known must be bools"),
    (lambda: tiny().complete(ZEROS + 2, UPPER), r"whole numbers 0 \.\. 1"),
    (lambda: next(tiny().pixels(ZEROS, UPPER, torch.zeros(4).long())), "has no classes"),
    (lambda: tiny().sample(2, torch.tensor([0, 1])), "has no classes"),
    (lambda: tiny().sample(-1), "n must .* not -1"),
]


@pytest.mark.parametrize(("call", "says"), BAD_CALLS)
def test_bad_calls_say_what_is_wrong(call, says):
    with pytest.raises(ValueError, match=says):
        call()


@pytest.mark.parametrize(
    ("y", "says"),
    [
        (None, "pass y="),
        (torch.tensor([0, 1, 3, 0]), r"0 to 2, not 0 to 3 \(y\[2\] is 3\)"),
        (torch.tensor([0, 1, -1, 0]), r"y\[2\] is -1"),
        (torch.tensor([0]), "4 items need 4 labels, not 1"),
        (torch.zeros(4, 1).long(), r"of shape \(4, 1\)"),
        (torch.zeros(4), "not torch.float32"),
    ],
)
def test_wrong_labels_are_named(y, says):
    model = tiny(classes=3)
    for call in (model.check, model.log_prob, model.logits, lambda x, y: model.complete(x, UPPER, y)):
        with pytest.raises(ValueError, match=says):
            call(ZEROS, y)
    with pytest.raises(ValueError, match=says):
        model.sample(4, y)


def test_what_may_be_given():
    model, y = tiny(classes=2), torch.tensor([1, 0, 0, 1])
    for dtype in (torch.uint8, torch.int32, torch.bool):  # labels, and images
        torch.testing.assert_close(model.log_prob(ZEROS.to(dtype), y.to(dtype)), model.log_prob(ZEROS, y))
    assert (model.classes, tiny().classes, tiny(classes=0).classes) == (2, None, None)
    model = tiny()
    assert torch.equal(model.log_prob(ZEROS, y), model.log_prob(ZEROS))  # data sets carry labels
    unknown = torch.where(UPPER, ZEROS, math.nan)  # what is not known is not looked at
    assert (tiny().complete(unknown, UPPER)[..., 0, :] == 0).all() and len(tiny().sample(0)) == 0
