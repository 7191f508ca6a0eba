"""Flows: every log_det beside the Jacobian's, both ways and back, densities that integrate to 1, and another package's Glow."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal, Normal

from lecturekit import Batch, Player, checks, data, fit
from lecturekit.exact import NICE, Flow, Glow, RealNVP, flow
from lecturekit.exact.bijections import (
    ActNorm,
    Affine,
    Chain,
    Flatten,
    InvertibleConvolution,
    NormalizedConvolution,
    Permutation,
    Split,
    Squeeze,
)
from lecturekit.exact.coupling import (
    Coupling,
    RowConvolution,
    channel_mask,
    checkerboard,
    conv_net,
    dense_net,
    exponential,
    sigmoid,
)
from lecturekit.exact.realnvp import Logit, Tanh, multiscale

MAP, POINT = (4, 6, 2), (5,)  # H and W differ; the points' components are odd in number


def shaken(module, by=0.1):
    """In float64, its parameters moved at random, so that nothing stays as it was initialized."""
    module.double()
    with torch.no_grad():
        for p in module.parameters():
            p.add_(by * torch.randn_like(p))
    return module


def mild_conv(inputs, outputs):
    return nn.Sequential(nn.Conv2d(inputs, 5, 3, padding=1), nn.Tanh(), nn.Conv2d(5, outputs, 3, padding=1))


BIJECTIONS = {
    "affine": (lambda: Affine(4), MAP),
    "affine-points": (lambda: Affine(5), POINT),
    "affine-classes": (lambda: Affine(4, classes=3), MAP),
    "actnorm": (lambda: ActNorm(4), MAP),
    "convolution": (lambda: InvertibleConvolution(4, lu=False), MAP),
    "convolution-lu": (lambda: InvertibleConvolution(4), MAP),
    "convolution-points": (lambda: InvertibleConvolution(5), POINT),
    "normalized-convolution": (lambda: NormalizedConvolution(4, lu=False), MAP),
    "normalized-convolution-lu": (lambda: NormalizedConvolution(4), MAP),
    "coupling-additive": (lambda: Coupling(mild_conv(2, 2), None), MAP),
    "coupling-exp": (lambda: Coupling(mild_conv(2, 4), exponential), MAP),
    "coupling-sigmoid": (lambda: Coupling(mild_conv(2, 4), sigmoid), MAP),
    "coupling-odd": (lambda: Coupling(dense_net(3, (7,), 4), exponential), POINT),
    "coupling-checkerboard": (lambda: Coupling(mild_conv(4, 8), Tanh(4), checkerboard(6, 2)), MAP),
    "coupling-channels": (lambda: Coupling(mild_conv(4, 8), Tanh(4), 1 - channel_mask(4)), MAP),
    "coupling-mask-additive": (lambda: Coupling(mild_conv(4, 4), None, checkerboard(6, 2)), MAP),
    "squeeze": (Squeeze, MAP),
    "permutation": (lambda: Permutation([2, 0, 3, 1]), MAP),
    "flatten": (lambda: Flatten(MAP), MAP),
    "split": (lambda: Split((2, 6, 2), Chain(Coupling(mild_conv(1, 2)), Flatten((2, 6, 2)))), MAP),
    "logit": (Logit, MAP),
    "chain": (lambda: Chain(ActNorm(4), InvertibleConvolution(4), Coupling(mild_conv(2, 4)), Squeeze()), MAP),
}
FLOWS = {
    **{
        f"glow-{coupling}-{'lu' if lu else 'plain'}": (lambda c=coupling, lu=lu: Glow((3, 8, 4), 2, 2, 6, c, lu))
        for coupling in ("additive", "exp", "sigmoid")
        for lu in (True, False)
    },
    "glow-one-level": lambda: Glow((1, 2, 6), levels=1, steps=3, hidden=4),
    "glow-three-levels": lambda: Glow((1, 8, 16), levels=3, steps=1, hidden=4),
    "glow-classes": lambda: Glow((2, 4, 8), levels=2, steps=1, hidden=4, classes=3),
    "realnvp": lambda: RealNVP((2, 4, 6), levels=2, couplings=2, hidden=4),
    "realnvp-three-levels": lambda: RealNVP((1, 4, 8), levels=3, couplings=1, hidden=4),
    "realnvp-plane": lambda: RealNVP((2,), couplings=4, hidden=8),
    "nice": lambda: NICE((2, 3, 4), hidden=(7,)),
    "nice-plane": lambda: NICE((2,), hidden=(8, 8), noise="gaussian"),
    "nice-odd": lambda: NICE((5,), couplings=3, hidden=(6,)),
}


def jacobian_log_det(f, x):
    """log |det| of the Jacobian of f at each item, by autograd."""
    return torch.stack(
        [
            torch.autograd.functional.jacobian(lambda v, i=i: f(v[None], i)[0], x[i])
            .reshape(x[i].numel(), -1)
            .slogdet()[1]
            for i in range(len(x))
        ]
    )


def labels(n):
    return torch.arange(n) % 3


@pytest.mark.parametrize("name", BIJECTIONS)
def test_log_det_is_that_of_the_jacobian_and_the_inverse_undoes(name):
    build, shape = BIJECTIONS[name]
    bijection, y = shaken(build()), labels(3)
    x = torch.rand(3, *shape, dtype=torch.float64)
    z, log_det = bijection(x, y)
    assert log_det.shape == (3,)
    torch.testing.assert_close(log_det, jacobian_log_det(lambda v, i: bijection(v, y[i : i + 1])[0].flatten(1), x))
    torch.testing.assert_close(bijection.inverse(z, y), x, atol=1e-10, rtol=0)
    torch.testing.assert_close(bijection(bijection.inverse(z, y), y)[0], z, atol=1e-10, rtol=0)


@pytest.mark.parametrize("name", FLOWS)
def test_log_det_of_a_whole_flow_and_its_inverse(name):
    model = shaken(FLOWS[name]())
    x, y = torch.rand(3, *model.event_shape, dtype=torch.float64), labels(3)
    z, log_det = model(x, y)
    assert z.shape == (3, math.prod(model.event_shape)) and log_det.shape == (3,)
    torch.testing.assert_close(log_det, jacobian_log_det(lambda v, i: model(v, y[i : i + 1])[0], x))
    torch.testing.assert_close(model.inverse(z, y), x, atol=1e-10, rtol=0)


@pytest.mark.parametrize("name", FLOWS)
def test_log_det_before_training(name):
    """The initial values are a bijection too: with zero nets, the couplings stand still."""
    model = FLOWS[name]().double()
    x = torch.rand(2, *model.event_shape, dtype=torch.float64)
    torch.testing.assert_close(model(x, labels(2))[1], jacobian_log_det(lambda v, i: model(v, labels(1))[0], x))


def digits():
    """32 digits of 1 x 8 x 8, dequantized."""
    return data.load("digits-8x8", view="dequantized").train.batch(torch.arange(32))[0]


@pytest.mark.parametrize("coupling", ["additive", "exp", "sigmoid", "realnvp"])
def test_the_inverse_in_float32_on_images(coupling):
    x = digits()
    model = RealNVP((1, 8, 8), 2, 2, 8) if coupling == "realnvp" else Glow((1, 8, 8), 2, 4, 8, coupling)
    fit(model, x, epochs=10, batch_size=16, precision="float32", progress=False)
    with torch.no_grad():
        torch.testing.assert_close(model.inverse(model(x)[0]), x, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["realnvp-plane", "nice-plane"])
def test_a_toy_flow_integrates_to_1(name):
    model = shaken(FLOWS[name](), 0.2)
    line = torch.linspace(-20, 20, 801, dtype=torch.float64)
    with torch.no_grad():
        density = model.log_prob(torch.cartesian_prod(line, line)).exp()
    assert density.sum() * (line[1] - line[0]) ** 2 == pytest.approx(1, abs=1e-5)
    assert density.std() > 1e-4  # and it is no constant


def test_log_prob_is_that_of_the_draws():
    """E[f(x) / p(x)] over draws is the integral of f, here of a known density."""
    model = shaken(FLOWS["realnvp-plane"](), 0.2)
    x = model.sample(200_000)
    target = Normal(torch.zeros(2, dtype=torch.float64), 0.5)
    with torch.no_grad():
        weights = (target.log_prob(x).sum(1) - model.log_prob(x)).exp()
    assert abs(weights.mean() - 1) < 4 * weights.std() / math.sqrt(len(x)) and weights.std() < 20


# bits


def test_a_uniform_model_has_8_bits():
    """logit(x) of a uniform x is logistic."""
    uniform = Flow((3, 4, 6), Chain(Logit(0.0), Flatten((3, 4, 6))), noise="logistic").double()
    x = torch.randint(256, (5, 3, 4, 6)).add(torch.rand(5, 3, 4, 6)).double() / 256
    torch.testing.assert_close(uniform.log_prob(x), torch.zeros(5, dtype=torch.float64), atol=1e-8, rtol=0)
    torch.testing.assert_close(uniform.bits_per_dim(x), torch.full((5,), 8.0, dtype=torch.float64))
    affine = shaken(Flow((3, 4, 6), Chain(Affine(3), Flatten((3, 4, 6)))), 0.5)
    torch.testing.assert_close(affine.bits_per_dim(x), 8 - affine.log_prob(x) / (72 * math.log(2)))


def test_bits_per_dim_bound_those_of_the_mass_of_each_level():
    """One pixel, one of 256 levels: by integrating the density over the cell, and the bits over the noise."""
    model = shaken(Flow((1, 1, 1), Chain(Affine(1), Flatten((1, 1, 1))), noise="logistic"), 1.0)
    level, u = 77, (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    x = ((level + u) / 256)[:, None, None, None]
    with torch.no_grad():
        mass = model.log_prob(x).exp().mean() / 256
        bits = model.bits_per_dim(x).mean()
    assert -mass.log2() <= bits < -mass.log2() + 1e-3


def test_loss_is_minus_the_mean_log_likelihood_and_logs_bits():
    model, x = shaken(Glow((1, 4, 6), 1, 1, 4)), torch.rand(5, 1, 4, 6).double()
    terms = model.loss(Batch(x))
    torch.testing.assert_close(terms["loss"], -model.log_prob(x).mean())
    torch.testing.assert_close(terms["bits_per_dim"], -model.log_prob(x).mean() / 24 / math.log(2) + 8)
    assert set(RealNVP((2,)).loss(Batch(torch.randn(4, 2)))) == {"loss"}


# the parts of the model


def test_the_density_of_a_two_level_glow_by_hand():
    """Gaussians for the half that goes and for the top, with the means and deviations that the priors say."""
    model = shaken(Glow((2, 4, 8), levels=2, steps=2, hidden=4, classes=3), 0.2)
    x, y = torch.rand(3, 2, 4, 8).double(), labels(3)
    *first, prior, split = model.bijection.parts
    *second, top, _ = split.rest.parts
    h, log_det = Chain(*first)(x)
    goes_on, goes = h.chunk(2, 1)
    raw, shift = prior.net(goes_on).chunk(2, 1)
    log_p = Normal(-shift * torch.exp(-raw), torch.exp(-raw)).log_prob(goes).sum((1, 2, 3))
    h, more = Chain(*second)(goes_on)
    log_scale, shift = (p[y][:, :, None, None] for p in (top.log_scale, top.shift))
    log_p = log_p + Normal(-shift * torch.exp(-log_scale), torch.exp(-log_scale)).log_prob(h).sum((1, 2, 3))
    torch.testing.assert_close(model.log_prob(x, y), log_p + log_det + more)


@pytest.mark.parametrize("noise", flow.NOISE)
def test_noise_is_a_density_and_its_draws(noise):
    log_density, draw = flow.NOISE[noise]
    line = torch.linspace(-60, 60, 120_001, dtype=torch.float64)
    density = log_density(line).exp()
    assert density.sum() * 1e-3 == pytest.approx(1, abs=1e-9)
    x = draw(torch.empty(200_000, dtype=torch.float64))
    variance = (density * line.square()).sum() * 1e-3
    assert x.var() == pytest.approx(variance.item(), rel=0.02) and abs(x.mean()) < 0.02
    extreme = torch.tensor([-500.0, 500.0], requires_grad=True)
    (slope,) = torch.autograd.grad(log_density(extreme).sum(), extreme)
    assert log_density(extreme).isfinite().all() and slope.isfinite().all()


def test_couplings_start_as_the_identity_and_scale_as_they_say():
    x = torch.randn(2, 4, 6, 2)
    for log_scale, s in ((None, 1.0), (exponential, 1.0), (sigmoid, 1 / (1 + math.exp(-2)))):
        z, _ = Coupling(conv_net(2, 5, 2 if log_scale is None else 4), log_scale)(x)
        torch.testing.assert_close(z, torch.cat([x[:, :2], s * x[:, 2:]], 1))
    z, log_det = Coupling(conv_net(4, 5, 8), Tanh(4), checkerboard(6, 2))(x)
    assert torch.equal(z, x) and not log_det.any()


@pytest.mark.parametrize("log_scale", [None, exponential, sigmoid])
def test_a_coupling_by_hand(log_scale):
    """z_2 = s(x_1) * x_2 + t(x_1), and the other part passes."""
    coupling = shaken(Coupling(mild_conv(2, 2 if log_scale is None else 4), log_scale))
    x = torch.randn(3, 4, 6, 2).double()
    out = coupling.net(x[:, :2])
    scale, shift = (1, out) if log_scale is None else (out[:, :2], out[:, 2:])
    if log_scale is not None:
        scale = scale.exp() if log_scale is exponential else torch.sigmoid(scale + 2)
    torch.testing.assert_close(coupling(x)[0], torch.cat([x[:, :2], scale * x[:, 2:] + shift], 1))


def test_a_mask_says_what_stays_and_what_the_net_sees():
    seen = []

    class Spy(nn.Module):
        def forward(self, x):
            seen.append(x)
            return torch.ones(len(x), 2 * x.shape[1], *x.shape[2:])

    for mask in (checkerboard(3, 5), 1 - checkerboard(3, 5), channel_mask(4)):
        x, keep = torch.randn(2, 4, 3, 5), mask.expand(4, 3, 5)
        z, log_det = Coupling(Spy(), exponential, mask)(x)
        torch.testing.assert_close(z, torch.where(keep == 1, x, math.e * x + 1))
        assert (
            torch.equal(seen[-1], torch.where(keep == 1, x, torch.zeros(()))) and (log_det == (keep == 0).sum()).all()
        )


def test_masks():
    assert checkerboard(2, 3).tolist() == [[[1, 0, 1], [0, 1, 0]]]
    assert checkerboard(3, 4).tolist() == [[[1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]]]
    assert [channel_mask(c).flatten().tolist() for c in (4, 5)] == [[1, 1, 0, 0], [1, 1, 0, 0, 0]]


def test_the_couplings_of_a_realnvp_and_what_stays_in_each():
    """[2, section 3.6]: three with checkerboards, three by channels, and four on the last level."""
    masks = [m.mask for m in RealNVP((1, 6, 4), levels=2, hidden=2).modules() if isinstance(m, Coupling)]
    board, channels, top = checkerboard(6, 4), channel_mask(4), checkerboard(3, 2)
    stays = [board, 1 - board, board, channels, 1 - channels, channels, top, 1 - top, top, 1 - top]
    assert len(masks) == 10 and all(map(torch.equal, masks, stays))
    masks = [m.mask.tolist() for m in RealNVP((3,), hidden=2).modules() if isinstance(m, Coupling)]
    assert masks == [[0, 1, 0], [1, 0, 1]] * 4


@pytest.mark.parametrize("size", [4, 5])
def test_in_nice_the_even_components_stay_first(size):
    model, seen = NICE((size,), hidden=(3,)), []
    for m in model.modules():
        if isinstance(m, Coupling):
            m.net.register_forward_pre_hook(lambda m, inputs: seen.append(inputs[0][0].tolist()))
    model(torch.arange(1.0, size + 1)[None])  # at first the couplings are the identity
    odd, even = list(range(2, size + 1, 2)), list(range(1, size + 1, 2))
    assert seen[0] == even and seen[1][: len(odd)] == odd and len(seen) == 4
    assert model.noise == "logistic" and NICE((size,), noise="gaussian").noise == "gaussian"  # [1, section 5.1]


def test_the_couplings_of_a_glow_by_their_names():
    """With zero nets: s = 1 where nothing scales or by exp(0), and sigmoid(2)."""
    for name, s in (("additive", 1.0), ("exp", 1.0), ("sigmoid", 1 / (1 + math.exp(-2)))):
        coupling = Glow((1, 2, 2), 1, 1, 3, name).bijection.parts[2]
        assert coupling(torch.ones(1, 4, 1, 1))[0].flatten().tolist() == pytest.approx([1, 1, s, s])
        assert coupling.net[-1].out_channels == (2 if name == "additive" else 4)


def test_a_coupling_s_log_scales():
    factor = Tanh(2)
    factor.factor.data[:] = torch.tensor([2.0, 3.0])
    assert factor(torch.tensor([[0.5, -1.0]])).tolist()[0] == pytest.approx([2 * math.tanh(0.5), -3 * math.tanh(1)])
    x = torch.tensor([[0.0, 0.25, 1.0]]).double()
    torch.testing.assert_close(Logit(0.05)(x)[0], torch.logit(0.05 + 0.9 * x))
    kernels = [m.kernel_size for m in conv_net(2, 3, 4) if isinstance(m, nn.Conv2d)]
    assert kernels == [(3, 3), (1, 1), (3, 3)]


def test_squeezing_keeps_neighbours_together():
    x = torch.arange(2 * 4 * 6).reshape(1, 2, 4, 6).float()
    z = Squeeze()(x)[0]
    assert z.shape == (1, 8, 2, 3)
    for c in range(2):
        for i in range(2):
            for j in range(2):
                assert torch.equal(z[0, 4 * c + 2 * i + j], x[0, c, i::2, j::2])


def test_the_first_batch_leaves_every_actnorm_with_mean_0_and_deviation_1():
    """One after the other: each is set by what reaches it when those before it are set."""
    glow = Glow((1, 8, 8), levels=2, steps=3, hidden=8, classes=3)
    for model in (glow, RealNVP((1, 8, 8), 2, 2, 8), RealNVP((2,), hidden=8)):
        shaken(model, 0.2)  # couplings that do something
        x = digits().double() if model.images else 3 + 0.1 * torch.randn(500, 2).double()
        y = labels(len(x)) if model.classes else None
        with torch.no_grad():
            model.start(lambda n, x=x, y=y: Batch(x, y))
        norms, seen = [m for m in model.modules() if isinstance(m, ActNorm)], []
        for m in norms:
            m.register_forward_hook(lambda m, inputs, outputs, seen=seen: seen.append(outputs[0]))
        for m in model.modules():
            if isinstance(m, NormalizedConvolution):  # it does without calling its norm
                m.register_forward_pre_hook(lambda m, inputs: m.parts[0](inputs[0]) and None)
        model(x, y)
        assert len(seen) == len(norms) > 3
        for z in seen:
            channels = z.transpose(0, 1).flatten(1)
            torch.testing.assert_close(channels.mean(1), torch.zeros(len(channels)).double(), atol=1e-9, rtol=0)
            torch.testing.assert_close(channels.std(1, correction=0), torch.ones(len(channels)).double())


def test_an_actnorm_has_no_unit_and_does_not_make_infinities():
    norm, x = ActNorm(2), torch.randn(50, 2)
    with torch.no_grad():
        assert norm.start(torch.full((4, 2), 3.0)).abs().max() < 1e-6 and not norm.log_scale.any()
        torch.testing.assert_close(norm.start(1e-12 * x), norm.start(x))


def three(**changed):
    """400 points of three components that depend on each other; one may be changed."""
    a, b, c = torch.randn(3, 400, dtype=torch.float64)
    return torch.stack([a, changed.get("second", b + a.square()), c - a * b], 1)


def normed():
    """Begins with an ActNorm: whatever the data's unit, what follows sees the same."""
    return Flow((3,), Chain(ActNorm(3), *(Coupling(dense_net(2, (8,), 2)) for _ in range(2)), Permutation([2, 0, 1])))


@pytest.mark.parametrize("scale", [1e-3, 1e3, (1e-2, 1.0, 1e2)])
@pytest.mark.parametrize("kind", ["normed", "nice", "realnvp"])
def test_started_on_another_scale_a_flow_is_the_same(kind, scale):
    """log p(a x + b) = log p(x) - log |a|; where no ActNorm comes first, while the couplings do nothing."""
    model = {"normed": normed, "nice": lambda: NICE((3,), hidden=(4,)), "realnvp": lambda: RealNVP((3,))}[kind]()
    model = shaken(model, 0.3) if kind == "normed" else model.double()
    x, a = three(), torch.tensor(scale).double().expand(3)
    other, moved = copy.deepcopy(model), a * (x + 2)
    with torch.no_grad():
        model.start(lambda n: Batch(x))
        other.start(lambda n: Batch(moved))
        torch.testing.assert_close(other.log_prob(moved), model.log_prob(x) - a.log().sum())


def test_trained_on_another_scale_a_flow_that_begins_with_an_actnorm_is_the_same():
    found = []
    for scale in (1, 2**10, 2**-10):
        torch.manual_seed(1)
        model, x = normed(), three()[:100].float()
        history = fit(model, scale * x, epochs=3, batch_size=25, precision="float32", progress=False)
        nets = [p for name, p in model.named_parameters() if "net" in name]
        found.append([torch.tensor(history["model/loss"]) - 3 * math.log(scale), *nets])
    torch.testing.assert_close(found, [found[0]] * 3, atol=1e-4, rtol=0)
    assert all(p.abs().max() > 5e-4 for p in found[0])  # the last layers, too, which began at 0


@pytest.mark.parametrize(
    "second",
    [torch.full((400,), 3.0), 3 + 1e-6 * torch.randn(400), 1e-6 * torch.randn(400), 1e6 + torch.randn(400)],
    ids=["0", "1e-6 of 3", "1e-6", "1 of 1e6"],
)
@pytest.mark.parametrize("build", [lambda: NICE((3,), hidden=(4,)), lambda: RealNVP((3,), hidden=4), normed])
def test_a_component_that_hardly_varies_is_named_before_anything_moves(build, second):
    model = build()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=r"component 1 is constant, or nearly: .* in 256 items.*Drop it, add noise"):
        fit(model, three(second=second).float(), epochs=1, progress=False)
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items()) and not model.started


def test_images_with_a_constant_pixel_and_single_items():
    x = torch.rand(20, 1, 4, 4)
    x[:, 0, 1, 2] = 0.3
    for model in (NICE((1, 4, 4), hidden=(4,)), Glow((1, 4, 4), 1, 1, 4)):
        with pytest.raises(ValueError, match="component 6 is constant"):
            model.start(lambda n: Batch(x))
    with pytest.raises(ValueError, match="component 0 .* in 1 items"):
        normed().start(lambda n: Batch(torch.randn(1, 3)))
    fit(Glow((1, 4, 4), 1, 1, 4), torch.rand(1, 1, 4, 4), epochs=1, progress=False)  # its channels vary over the image


def test_started_once_and_never_again(monkeypatch):
    model, x = Glow((1, 8, 8), 1, 1, 4), digits()
    fit(model, x, epochs=1, progress=False)
    assert model.started and model.bijection.parts[1].parts[0].log_scale.abs().max() > 0.1
    monkeypatch.setattr(Chain, "start", None)
    fit(model, x, epochs=1, progress=False)


@pytest.mark.parametrize("channels", [(1, 20), (2, 6), (5, 6), (20, 3), (6, 5), (5, 1), (3, 3), (9, 9)])
def test_convolutions_by_rows_are_convolutions(channels):
    rows = RowConvolution(*channels).double()
    whole = nn.Conv2d(*channels, 3, padding=1).double()
    whole.load_state_dict(rows.state_dict())
    x = torch.randn(2, channels[0], 4, 7, dtype=torch.float64, requires_grad=True)
    g = torch.randn(2, channels[1], 4, 7, dtype=torch.float64)
    for memory in (torch.contiguous_format, torch.channels_last):
        outs = [net(x.contiguous(memory_format=memory)) for net in (rows, whole)]
        torch.testing.assert_close(*outs)
        slopes = [torch.autograd.grad(out, [x, *net.parameters()], g) for out, net in zip(outs, (rows, whole))]
        torch.testing.assert_close(*slopes)


def test_the_norm_and_the_convolution_in_one_product_are_the_two():
    both = shaken(NormalizedConvolution(4))
    x = torch.rand(3, *MAP).double()
    torch.testing.assert_close(both(x), Chain(*both.parts)(x))


@pytest.mark.parametrize("lu", [True, False])
def test_a_convolution_starts_as_a_rotation_and_is_contiguous(lu):
    convolution = InvertibleConvolution(6, lu)
    matrix = convolution.matrix()
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(6), atol=1e-5, rtol=0)
    assert all(t.is_contiguous() for t in convolution.state_dict().values())
    for _ in range(5):  # rotations, and reflections, whose determinant is -1
        assert abs(InvertibleConvolution(6, lu).log_det_of_matrix().item()) < 1e-5
    x = torch.randn(2, 6, 3, 5)
    torch.testing.assert_close(convolution(x)[0], torch.einsum("ij,bjhw->bihw", matrix, x), atol=1e-5, rtol=1e-5)


def test_autocast_leaves_the_bijections_alone():
    """Networks may run in bfloat16; what becomes a density may not."""
    model, x = Glow((1, 8, 8), 2, 2, 8), digits()
    with torch.no_grad():
        model.start(lambda n: Batch(x))
    exact, (z, log_det) = model(x), (None, None)
    with torch.autocast("cpu", torch.bfloat16):
        z, log_det = model(x)  # the couplings' last layers are zero: no rounding of theirs is seen
        back = model.inverse(z)
    assert z.dtype == log_det.dtype == back.dtype == torch.float32
    torch.testing.assert_close((z, log_det), exact)
    torch.testing.assert_close(back, x, atol=1e-5, rtol=0)
    with torch.autocast("cpu", torch.bfloat16):
        shaken(model, 0.1).float()
        assert model.log_prob(x).dtype == torch.float32


def test_parts_are_the_levels_coarsest_first():
    model = shaken(Glow((3, 8, 16), levels=3, steps=1, hidden=4))
    z, _ = model(torch.rand(2, 3, 8, 16).double())
    parts = model.parts(z)
    assert [tuple(p.shape[1:]) for p in parts] == [(48, 1, 2), (12, 2, 4), (6, 4, 8)]
    assert torch.equal(torch.cat([p.flatten(1) for p in parts], 1), z)
    assert [tuple(p.shape[1:]) for p in NICE((2,), hidden=(4,)).parts(torch.zeros(1, 2))] == [(2,)]


def test_every_pixel_depends_on_the_top():
    """Noise of the coarsest level reaches everything; that of the finest does not change the coarser ones."""
    model = shaken(Glow((1, 8, 8), levels=2, steps=4, hidden=8), 0.1)
    z, _ = model(torch.rand(1, 1, 8, 8).double())
    top, coarse = z.clone(), model.bijection.parts[-1].rest
    top[:, 0] += 1
    assert (model.inverse(top) - model.inverse(z)).abs().gt(1e-9).all()
    fine = z.clone()
    fine[:, 32:] += 1
    assert not torch.equal(model.inverse(fine), model.inverse(z))
    assert torch.equal(coarse.inverse(fine[:, :32]), coarse.inverse(z[:, :32]))


# sampling


def test_temperature_scales_the_noise():
    model = shaken(RealNVP((2,), hidden=8))
    torch.manual_seed(1)
    noise = torch.randn(4, 2, dtype=torch.float64)
    for temperature in (0.0, 0.7, 1.0):
        torch.manual_seed(1)
        torch.testing.assert_close(model.sample(4, temperature=temperature), model.inverse(temperature * noise))
    model, y = shaken(Glow((2, 4, 8), levels=2, steps=1, hidden=4, classes=3), 0.2), torch.tensor([2, 0, 1, 1])
    torch.manual_seed(1)
    noise = torch.randn(4, 64, dtype=torch.float64)
    for temperature in (0.0, 0.7):  # of every level, and each item of its own class
        torch.manual_seed(1)
        images = model.inverse(temperature * noise, y).clamp(0, 1 - 2**-24)
        torch.testing.assert_close(model.sample(4, y, temperature=temperature), images)


def test_training_finds_a_gaussian():
    """Within 0.1 nat of the true density's entropy, and its draws have the right mean and covariance."""
    factor, mean = torch.tensor([[1.0, 0.8], [0.0, 0.3]]), torch.tensor([2.0, -1.0])
    x, fresh = (torch.randn(2000, 2) @ factor + mean for _ in range(2))
    truth = MultivariateNormal(mean, factor.T @ factor)
    adam = lambda parameters: torch.optim.Adam(parameters, lr=5e-3, fused=True)
    for model in (RealNVP((2,), couplings=4, hidden=16), NICE((2,), hidden=(16, 16), noise="gaussian")):
        model.players = lambda m=model: [Player(name="model", moves=m, loss=m.loss, optimizer=adam)]
        fit(model, x, epochs=15, batch_size=100, progress=False)
        with torch.no_grad():
            assert abs(model.log_prob(fresh).mean() - truth.log_prob(fresh).mean()) < 0.1
        drawn = model.sample(20_000)
        torch.testing.assert_close(drawn.mean(0), mean, atol=0.2, rtol=0)
        torch.testing.assert_close(drawn.T.cov(), factor.T @ factor, atol=0.3, rtol=0)


def test_images_are_cut_to_their_range():
    model = shaken(Glow((1, 4, 4), 1, 1, 4)).float()
    x = model.sample(50, temperature=5.0)
    assert 0 <= x.min() and x.max() < 1


def test_classes_shift_the_top():
    model = shaken(Glow((1, 4, 4), 1, 1, 4, classes=3))
    x = torch.rand(1, 1, 4, 4).double().expand(3, -1, -1, -1)
    assert len(set(model.log_prob(x, torch.arange(3)).tolist())) == 3
    z, _ = model(x, torch.tensor([1, 1, 1]))
    torch.testing.assert_close(model.inverse(z, torch.tensor([1, 1, 1])), x)
    assert model.sample(2, torch.tensor([0, 2])).shape == (2, 1, 4, 4)


# errors


def test_errors_say_what_to_do():
    with pytest.raises(
        ValueError, match="3 levels halve both sides 3 times, which 28 x 28 does not allow.*multiples of 8"
    ):
        Glow((1, 28, 28), levels=3)
    Glow((1, 28, 28), levels=2)
    RealNVP((1, 28, 28), levels=3)
    for shape in ((1, 8, 16), (2, 24, 8), (5, 8, 8)):
        assert Glow(shape, levels=3, steps=1, hidden=2).sample(1).shape == (1, *shape)


def glow(**o):
    return Glow((1, 4, 8), **{"levels": 2, "steps": 1, "hidden": 4} | o)


def spoiled(x, value):
    """With one bad number in the last item."""
    x = x.clone()
    x[-1].view(-1)[-1] = value
    return x


POINTS, LIGHT = torch.zeros(4, 3), torch.full((4, 1, 4, 8), 0.3)
RANGE = r"images in \[0, 1\) \(view=\"dequantized\"\), and these run from"
BAD_CALLS = [
    (lambda: Glow((1, 28, 30), levels=2), "halve"),
    (lambda: Glow((1, 30, 28), levels=2), "halve"),
    (lambda: Glow((2,)), r"images \(C, H, W\)"),
    (lambda: Glow((1, 0, 4)), r"event_shape\[1\] must be a whole number of at least 1, not 0"),
    (lambda: glow(levels=0), "levels must be a whole number of at least 1, not 0"),
    (lambda: glow(steps=0), "steps must be a whole number of at least 1, not 0"),
    (lambda: glow(steps=-1), "steps must .* not -1"),
    (lambda: glow(hidden=0), "hidden must .* not 0"),
    (lambda: glow(classes=-1), "classes must be a whole number of at least 0, not -1"),
    (lambda: glow(coupling="tanh"), "unknown coupling 'tanh': .*additive, exp, sigmoid"),
    (lambda: RealNVP((1, 8, 8), levels=0), "levels must .* not 0"),
    (lambda: RealNVP((1, 8, 8), couplings=0), "couplings must .* not 0"),
    (lambda: RealNVP((3,), couplings=-2), "couplings must .* not -2"),
    (lambda: RealNVP((3,), hidden=0), r"hidden\[0\] must .* not 0"),
    (lambda: RealNVP((4, 4)), r"images \(C, H, W\)"),
    (lambda: RealNVP((1,)), "two components"),
    (
        lambda: RealNVP((3,), net=lambda i, o: nn.Linear(i, o + 1)).log_prob(POINTS),
        r"the net gives .* \(4, 6\), not \(4, 7",
    ),
    (
        lambda: RealNVP((3,), net=lambda i, o: nn.Linear(i, 2)).log_prob(POINTS),
        r"the net gives .* \(4, 6\), not \(4, 2",
    ),
    (lambda: NICE((1,)), "two components"),
    (lambda: NICE((4, 4), hidden=(3,)), r"of \(D,\) or \(C, H, W\)"),
    (lambda: NICE((3,), couplings=0), "couplings must .* not 0"),
    (lambda: NICE((3,), couplings=-2), "couplings must .* not -2"),
    (lambda: NICE((3,), hidden=(6, 0)), r"hidden\[1\] must .* not 0"),
    (lambda: NICE((2,), noise="laplace"), "unknown noise 'laplace': .*gaussian, logistic"),
    (lambda: Flow((1, 2, 2), Affine(1)).log_prob(LIGHT[:, :, :2, :2]), r"z must be .* \(4, 4\), not \(4, 1, 2, 2\)"),
    # parts
    (lambda: Affine(0), "channels must .* not 0"),
    (lambda: Affine(4)(torch.zeros(2, 2, 3, 3)), r"x must be .* \(batch, 4, ...\), not \(2, 2, 3, 3\)"),
    (lambda: Affine(1).inverse(torch.zeros(2, 3)), r"\(batch, 1, ...\), not \(2, 3\)"),
    (lambda: InvertibleConvolution(0), "channels must .* not 0"),
    (lambda: RealNVP((3,), levels=0), "levels must .* not 0"),
    (lambda: InvertibleConvolution(3)(torch.zeros(5, 4)), r"\(batch, 3, ...\), not \(5, 4\)"),
    (lambda: NormalizedConvolution(3)(torch.zeros(5, 4)), r"\(batch, 3, ...\), not \(5, 4\)"),
    (lambda: Permutation([0, 0, 1]), r"a permutation of 0 to 2, not \(0, 0, 1\)"),
    (lambda: Permutation([1, 2]), "a permutation of 0 to 1"),
    (lambda: Permutation([1, 0])(POINTS), r"\(batch, 2, ...\), not \(4, 3\)"),
    (lambda: Permutation([1, 0]).inverse(POINTS), r"\(batch, 2, ...\), not \(4, 3\)"),
    (lambda: Flatten((2, 2))(POINTS), r"\(batch, 2, 2\), not \(4, 3\)"),
    (lambda: Flatten((2, 2)).inverse(POINTS), r"z must be .* \(batch, 4\), not \(4, 3\)"),
    (lambda: Flatten((2, 0)), r"shape\[1\] must"),
    (lambda: Split((1,), Affine(1))(POINTS), r"\(batch, 2\), not \(4, 3\)"),
    (lambda: multiscale((1, 4, 4), 0, list, list), "levels must .* not 0"),
    (lambda: Coupling(nn.Linear(2, 4))(POINTS), r"the net gives must be .* \(4, 2\), not \(4, 4\)"),
    (lambda: Coupling(nn.Linear(2, 1)).inverse(POINTS), r"\(4, 2\), not \(4, 1\)"),
    (lambda: Coupling(nn.Linear(1, 1))(POINTS[:, :1]), r"two channels; here are items \(1,\)"),
    (lambda: Coupling(nn.Linear(3, 6), mask=torch.tensor([0.5, 1, 0])), r"mask must be 1 .* \[0.0, 0.5, 1.0\]"),
    (lambda: Coupling(conv_net(1, 2, 2), mask=channel_mask(3))(LIGHT), r"x \* mask must be .* not \(4, 3, 4, 8\)"),
    (lambda: checkerboard(0, 3), "height must .* not 0"),
    (lambda: channel_mask(1), "channels must be a whole number of at least 2, not 1"),
    (lambda: conv_net(1, 0, 2), "hidden must .* not 0"),
    (lambda: RowConvolution(1, 0), "outputs must .* not 0"),
    (lambda: Logit(0.5), "alpha must be a finite number of at least 0 and below 0.5, not 0.5"),
    (lambda: Logit()(torch.full((1, 1), 2.0)), r"images in \[0, 1\], not from 2 to 2"),
    (lambda: Tanh(0), "channels must .* not 0"),
    # items
    (lambda: glow().log_prob(LIGHT[:, :, :2]), r"Glow models items of shape \(1, 4, 8\), not \(1, 2, 8\)"),
    (lambda: glow()(LIGHT[:, 0]), r"x\[:, None\]"),
    (lambda: glow().inverse(torch.zeros(2, 31)), r"z, the noise, must be .* \(batch, 32\), not \(2, 31\)"),
    (lambda: glow().parts(torch.zeros(2, 31)), r"\(batch, 32\), not \(2, 31\)"),
    (lambda: RealNVP((3,)).bits_per_dim(POINTS), "of 8-bit images"),
    (lambda: RealNVP((3,)).log_prob(spoiled(POINTS, math.nan)), "not finite"),
    (lambda: RealNVP((1, 4, 8)).log_prob(spoiled(LIGHT, 7.0)), RANGE + " 0.3 to 7"),
    (lambda: RealNVP((1, 4, 8))(spoiled(LIGHT, 7.0)), r"images in \[0, 1\]"),
    (lambda: NICE((1, 4, 8), hidden=(3,)).check(spoiled(LIGHT, 1.0)), RANGE + " 0.3 to 1"),
    (lambda: glow().check(spoiled(LIGHT, -1e-6)), RANGE + " -1e-06 to 0.3"),
    (lambda: glow().check(LIGHT[0]), r"x\[None\]"),
    # draws
    (lambda: glow().sample(-1), "n must .* not -1"),
    (lambda: glow().sample(2, temperature=-1.0), "temperature must be a finite number of at least 0, not -1.0"),
    (lambda: glow().sample(2, temperature=math.nan), "temperature must .* not nan"),
    (lambda: glow().sample(2, labels(2)), "has no classes"),
]


@pytest.mark.parametrize(("call", "says"), BAD_CALLS)
def test_bad_calls_say_what_is_wrong(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_in_training_nothing_looks_at_the_data(monkeypatch):
    """Within `checks.trusted` nobody asks: `fit` has looked at all items."""
    model, y = glow(classes=3), labels(4)
    monkeypatch.setattr(Flow, "check", None)
    with checks.trusted():
        loss = model.loss(Batch(LIGHT, y))["loss"]
        assert RealNVP((1, 4, 8), 1, 1, 4).log_prob(LIGHT + 1).isnan().all()
    monkeypatch.undo()
    torch.testing.assert_close(loss, -model.log_prob(LIGHT, y).mean())


BAD_LABELS = [
    (None, "pass y="),
    (torch.tensor([0, 1, 2, 3]), r"labels must be 0 to 2, not 0 to 3 \(y\[3\] is 3\)"),
    (torch.tensor([0, 1, -1, 2]), r"y\[2\] is -1"),
    (torch.tensor([1]), "4 items need 4 labels, not 1"),
    (torch.tensor([[0], [1], [2], [0]]), r"whole numbers \(batch,\), not torch.int64 of shape \(4, 1\)"),
    (torch.tensor([0.0, 1, 2, 0]), r"not torch.float32"),
]


@pytest.mark.parametrize(("y", "says"), BAD_LABELS)
def test_wrong_labels_are_named(y, says):
    model, part = glow(classes=3), Affine(1, classes=3)
    calls = [
        lambda: model.check(LIGHT, y),
        lambda: model.log_prob(LIGHT, y),
        lambda: model(LIGHT, y),
        lambda: model.inverse(torch.zeros(4, 32), y),
        lambda: model.sample(4, y),
        lambda: part(LIGHT, y),
        lambda: part.inverse(LIGHT, y),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=says):
            call()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.bool])
def test_labels_of_any_whole_type_are_labels_and_no_mask(dtype):
    model, y = shaken(glow(classes=2)), torch.tensor([1, 0, 0, 1])
    x = LIGHT.double()
    torch.testing.assert_close(model.log_prob(x, y.to(dtype)), model.log_prob(x, y))
    torch.testing.assert_close(model.sample(4, y.to(dtype), temperature=0.0), model.sample(4, y, temperature=0.0))
    assert Glow((1, 2, 2), 1, 1, 2, classes=0).classes is None and model.classes == 2
    assert torch.equal(glow().log_prob(LIGHT, y), glow().log_prob(LIGHT))  # data sets carry labels
    assert glow().log_prob(LIGHT[:0]).shape == (0,) and glow().sample(0).shape == (0, 1, 4, 8)


def test_data_that_are_no_density_s_are_refused():
    model = Glow((1, 8, 8), 1, 1, 4)
    whole = data.load("digits-8x8", view="unit").train.batch(torch.arange(8))[0]
    levels = whole.clamp(max=0.9).mul(255).round()
    for x in (whole, levels / 255, levels / 256):
        with pytest.raises(ValueError, match="dequantized"):
            model.check_scale(x)
    for x in (digits() - 0.5, digits() * 255):
        with pytest.raises(ValueError, match="dequantized"):
            model.check(x)
    half = torch.cat([levels[:4] / 256, digits()[:4]])  # together they are no levels
    for x in (digits(), half):
        model.check(x)
        model.check_scale(x)
    model.check(levels / 256)  # each alone may be right
    RealNVP((3,)).check_scale(torch.zeros(4, 3))


def test_another_coupling_is_another_model(tmp_path):
    """exp and sigmoid have the same parameters: a checkpoint of one is none of the other."""
    from lecturekit.training.checkpoint import CheckpointError

    options = {"epochs": 1, "batch_size": 16, "progress": False, "checkpoint": tmp_path}
    fit(Glow((1, 8, 8), 1, 1, 4, "exp"), digits(), **options)
    with pytest.raises(CheckpointError, match="coupling"):
        fit(Glow((1, 8, 8), 1, 1, 4, "sigmoid"), digits(), resume=True, **options)


# another package's Glow


def test_beside_normflows():
    """The same multi-scale Glow, weights copied: log p(x) and samples."""
    nf = pytest.importorskip("normflows", reason="normflows is not installed: pip install -e '.[bench]'")
    shape, levels, steps, hidden = (3, 8, 4), 2, 2, 5
    channels = [shape[0] * 2 ** (level + 2) for level in range(levels)]  # after squeezing, from the finest level on
    bases, theirs = [], []
    for level in range(levels):
        c, h, w = channels[level], shape[1] >> level + 1, shape[2] >> level + 1
        blocks = [nf.flows.GlowBlock(c, hidden, scale_map="sigmoid", init_zeros=False) for _ in range(steps)]
        theirs.append([*blocks, nf.flows.Squeeze()])
        bases.append(nf.distributions.GlowBase((c, h, w) if level == levels - 1 else (c // 2, h, w)))
    peer = nf.MultiscaleFlow(bases[::-1], theirs[::-1], [nf.flows.Merge() for _ in range(levels - 1)], class_cond=False)
    shaken(peer, 0.1)
    for m in peer.modules():
        if isinstance(m, nf.flows.ActNorm):
            m.data_dep_init_done = torch.tensor(1.0)

    class Net(nn.Module):
        """Their net, which interleaves shifts and scales, and shifts before it scales."""

        def __init__(self, net):
            super().__init__()
            self.net = net

        def forward(self, x):
            out = self.net(x)
            shift, raw = out[:, 0::2], out[:, 1::2]
            return torch.cat([raw, -shift * torch.sigmoid(raw + 2)], 1)

    class Prior(nn.Module):
        """Their prior of the half that goes, which does not look at the other."""

        def __init__(self, base):
            super().__init__()
            self.base = base

        def forward(self, x):
            log_scale = self.base.log_scale * torch.exp(3 * self.base.log_scale_logs)
            mean = self.base.loc * torch.exp(3 * self.base.loc_logs)
            return torch.cat([-log_scale, -mean * torch.exp(-log_scale)], 1).expand(len(x), -1, *x.shape[2:])

    ours = Glow(shape, levels, steps, hidden, coupling="sigmoid").double()
    parts = list(ours.bijection.parts)
    for level in range(levels):
        blocks = theirs[level][:-1][::-1]  # theirs go from noise to data
        for step, block in enumerate(blocks):
            coupling, convolution, norm = block.flows
            both, couple = parts[1 + 2 * step : 3 + 2 * step]
            act, mix = both.parts
            scale = torch.exp(-norm.s.data)
            act.log_scale.data, act.shift.data = -norm.s.data.flatten(), (-norm.t.data * scale).flatten()
            mix.permutation, mix.sign = convolution.P, convolution.sign_S
            mix.weight.data = convolution.L.data.tril(-1) + convolution.U.data.triu(1) + convolution.log_S.data.diag()
            couple.net = Net(coupling.flows[1].param_map)
        if level < levels - 1:
            parts[-2].net = Prior(bases[level])
            parts = list(parts[-1].rest.parts)
    said = Prior(bases[-1])(torch.zeros(1, 1, 1, 1)).flatten().chunk(2)
    parts[-2].log_scale.data, parts[-2].shift.data = (t.detach().clone() for t in said)

    x = torch.rand(4, *shape).double()
    with torch.no_grad():
        torch.testing.assert_close(ours.log_prob(x), peer.log_prob(x, None), atol=1e-6, rtol=0)
        z = [part.double() for part in ours.parts(ours(x)[0])]
        assert all(part.isfinite().all() for part in z)


@pytest.mark.parametrize(
    "build",
    [
        lambda: NICE((5,), couplings=3, hidden=(8,)),
        lambda: RealNVP((5,), couplings=2, hidden=8),
        lambda: RealNVP((1, 4, 4), levels=1, couplings=1, hidden=4),
    ],
)
def test_nothing_stays_through_a_whole_flow(build):
    """Every component is moved by others: the parts take turns."""
    model = shaken(build(), 0.5)
    x = torch.rand(1, *model.event_shape).double()
    slopes = torch.autograd.functional.jacobian(lambda x: model(x)[0][0], x).flatten(1)
    assert ((slopes != 0).sum(1) > 1).all()


def test_what_is_let_go_has_a_prior_learned_from_what_goes_on():
    glow = Glow((1, 8, 8), levels=3, steps=2, hidden=4)
    assert sum(isinstance(m, Coupling) for m in glow.modules()) == 3 * 2 + 2
    prior, split = glow.bijection.parts[-2:]
    assert isinstance(split, Split)
    x = torch.rand(2, 1, 8, 8)
    before = glow(x)[0]
    nn.init.normal_(prior.net[-1].weight)
    after = glow(x)[0]
    assert torch.equal(before[:, :32], after[:, :32])  # the half that goes on
    assert (before[:, 32:] != after[:, 32:]).any()
