"""What two players descend: pure functions of the discriminator's logits, real and fake.

[1] Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio (2014). Generative Adversarial Nets.
    arXiv:1406.2661
[2] Mao, Li, Xie, Lau, Wang, Smolley (2017). Least Squares Generative Adversarial Networks. arXiv:1611.04076
[3] Arjovsky, Chintala, Bottou (2017). Wasserstein GAN. arXiv:1701.07875
[4] Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville (2017). Improved Training of Wasserstein GANs. arXiv:1704.00028
[5] Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen (2016). Improved Techniques for Training GANs. arXiv:1606.03498
    (smoothing of one side)

    symbol in [1]                 here
    D(x), D(G(z))                 sigmoid(real), sigmoid(fake): the logits are all that is handed on
    V(D, G)                       value(real, fake)
    log D = -softplus(-logit), log(1 - D) = -softplus(logit): finite at any logit, where log(sigmoid) is not

Logits may have any shape, (B,) or the map of a discriminator of patches: means go over all of it. Losses are
0-dim and in nats, where they are logarithms at all.

>>> real, fake = torch.tensor([2.0, 1.0]), torch.tensor([-1.0, -3.0])
>>> torch.allclose(cross_entropy(real, fake), -value(real, fake))
True
>>> steep = lambda x: x @ torch.tensor([3.0, 4.0])  # its slope is 5 everywhere
>>> gradient_penalty(steep, torch.zeros(2, 2), torch.ones(2, 2))  # (5 - 1)^2
tensor([16., 16.])
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from lecturekit import checks


def value(real: Tensor, fake: Tensor) -> Tensor:
    """V = E log D(x) + E log(1 - D(G(z))), what D raises and G lowers [1, eq. 1]; -log 4 where D is 1/2 everywhere.

    >>> value(torch.zeros(4), torch.zeros(4))  # D = 1/2: -log 4
    tensor(-1.3863)
    """
    real, fake = checks.floats(real=real, fake=fake)
    return -F.softplus(-real).mean() - F.softplus(fake).mean()


def cross_entropy(real: Tensor, fake: Tensor, targets: tuple[float, float] = (1.0, 0.0)) -> Tensor:
    """D's loss: its cross-entropy on real items and on fakes, added. With the default targets it is -V.

    targets: what D should say of real items and of fakes. (0.9, 0.0) is one-sided smoothing [5]; (0.9, 0.1) smooths both
    sides, which keeps a share of the fakes' density in the numerator of the best D and so holds fakes where they are.

    >>> cross_entropy(torch.zeros(4), torch.zeros(4))  # log 4
    tensor(1.3863)
    >>> best = torch.full((4,), math.log(0.9 / 0.1), requires_grad=True)  # D = 0.9, the smoothed target
    >>> cross_entropy(best, torch.zeros(4), targets=(0.9, 0.0)).backward()
    >>> bool(best.grad.abs().max() < 1e-6)
    True
    """
    real, fake = checks.floats(real=real, fake=fake)
    a, b = _two(targets, 0, 1)
    on_real = a * F.softplus(-real) + (1 - a) * F.softplus(real)
    on_fake = b * F.softplus(-fake) + (1 - b) * F.softplus(fake)
    return on_real.mean() + on_fake.mean()


def _two(targets, *bounds):
    if not isinstance(targets, Sequence) or isinstance(targets, str) or len(targets) != 2:
        raise TypeError(f"targets must be two numbers, for real items and for fakes, not {targets!r}")
    return checks.number(*bounds, **{"targets[0]": targets[0], "targets[1]": targets[1]})


def minimax(fake: Tensor) -> Tensor:
    """G's loss E log(1 - D(G(z))), its half of V: where D is sure of itself its slope vanishes, "saturates".

    >>> logit = torch.tensor([-10.0], requires_grad=True)  # D is sure that it is a fake
    >>> minimax(logit).backward()
    >>> bool(logit.grad.abs() < 1e-4)
    True
    """
    return -F.softplus(checks.floats(fake=fake)).mean()


def non_saturating(fake: Tensor) -> Tensor:
    """G's loss -E log D(G(z)): the same fixed point, and a slope where D is sure [1, section 3].

    >>> logit = torch.tensor([-10.0], requires_grad=True)
    >>> non_saturating(logit).backward()
    >>> round(logit.grad.item(), 3)
    -1.0
    """
    return F.softplus(-checks.floats(fake=fake)).mean()


def least_squares(real: Tensor, fake: Tensor, targets: tuple[float, float] = (1.0, 0.0)) -> Tensor:
    """D's loss 1/2 E (D(x) - b)^2 + 1/2 E (D(G(z)) - a)^2, D unbounded; targets = (b, a) [2, eq. 2].

    >>> least_squares(torch.ones(4), torch.zeros(4)), least_squares(torch.zeros(4), torch.ones(4))
    (tensor(0.), tensor(1.))
    """
    real, fake = checks.floats(real=real, fake=fake)
    _two(targets)
    return ((real - targets[0]).square().mean() + (fake - targets[1]).square().mean()) / 2


def least_squares_generator(fake: Tensor, target: float = 1.0) -> Tensor:
    """G's loss 1/2 E (D(G(z)) - c)^2 [2, eq. 2].

    >>> least_squares_generator(torch.zeros(4))
    tensor(0.5000)
    """
    return (checks.floats(fake=fake) - checks.number(target=target)).square().mean() / 2


def critic(real: Tensor, fake: Tensor) -> Tensor:
    """The critic's loss E f(G(z)) - E f(x): minus its estimate of the Wasserstein distance, if f is 1-Lipschitz [3].

    >>> critic(real=torch.tensor([3.0, 5.0]), fake=torch.tensor([1.0, 1.0]))
    tensor(-3.)
    """
    real, fake = checks.floats(real=real, fake=fake)
    return fake.mean() - real.mean()


def critic_generator(fake: Tensor) -> Tensor:
    """G's loss -E f(G(z)) [3].

    >>> critic_generator(torch.tensor([1.0, 3.0]))
    tensor(-2.)
    """
    return -checks.floats(fake=fake).mean()


def gradient_norms(critic: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """(B,) norms of the gradient of `critic` at every item of x, through which gradients flow on.

    >>> gradient_norms(lambda x: x @ torch.tensor([3.0, 4.0]), torch.zeros(2, 2))
    tensor([5., 5.])
    """
    x = checks.floats(x=x).detach().requires_grad_()
    with torch.enable_grad():
        values = critic(x)
    if not isinstance(values, Tensor) or not values.requires_grad or values.shape[:1] != x.shape[:1]:
        raise ValueError(f"critic must give each of the {len(x)} items a value, or a map of them, that depends on it")
    (gradient,) = torch.autograd.grad(values, x, torch.ones_like(values), create_graph=torch.is_grad_enabled())
    return gradient.reshape(len(x), -1).norm(dim=1)


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, one_sided: bool = False) -> Tensor:
    """(B,) values of (||grad f|| - 1)^2, each at a random point between a real item and a fake.

    One norm for each item [4, eq. 3]: over the whole batch's gradient the penalty would depend on
    the batch size. `critic` must not mix the items of a batch (no batch normalization), or there is
    no slope of one item to speak of. one_sided: punish only slopes above 1.
    """
    if checks.floats(real=real).shape != checks.floats(fake=fake).shape or real.ndim == 0:
        raise ValueError(f"as many fakes as real items, of one shape: not {tuple(real.shape)} and {tuple(fake.shape)}")
    u = torch.rand(len(real), *(1,) * (real.ndim - 1), device=real.device, dtype=real.dtype)
    excess = gradient_norms(critic, real + u * (fake - real)) - 1
    return (excess.clamp(min=0) if one_sided else excess).square()
