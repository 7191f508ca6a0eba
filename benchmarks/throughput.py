"""Training throughput beside a bare loop and beside another package, in shuffled rounds of one run.

    python benchmarks/throughput.py --row vae|iwae|vimco|draw|dcgan|lapgan|cyclegan|glow [--rounds 11] [--epochs 2]

vae, iwae: VAE 784-500-500-50, and the same with k = 5; beside pythae. vimco: a sigmoid belief net 784-200, 5 samples; no peer
has one. draw: 10 strokes, LSTMs of 256. dcgan: 1 x 28 x 28, width 32; beside torchgan. lapgan: 28, 14 and 7 pixels, width 16.
cyclegan: 28 x 28, width 16, 3 blocks; also with fakes made anew for the discriminators, which share the generators'. glow: 2 levels of 8 steps, hidden 64, 512 images of 1 x 32 x 32 in
batches of 64; beside normflows, sampling too. Of each row: lecturekit's `fit` in float32 and in bfloat16, the
peer's own training steps in float32 with the same networks, batch and threads, and the loop that anybody would write by hand
on the same networks. Medians of items per second; ratios are medians within a round. The machine's rate of matrix products of
the same sizes, measured in the same run, is the limit that the shares refer to; convolutions, here taken as products of
unrolled images, may do better than it. Peers are needed here only: pip install -e
'.[bench]'. The result goes to benchmarks/results/throughput.json.
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import peers
import torch
from loop import BATCH, bare
from loop import by_hand as vae_by_hand
from record import in_rounds, load, made, ratio, save
from torch.nn import functional as F

from lecturekit import GenerativeModel, data, fit
from lecturekit.adversarial import DCGAN, LAPGAN, CycleGAN
from lecturekit.belief import SigmoidBeliefNet
from lecturekit.exact import Glow
from lecturekit.variational import DRAW, IWAE, VAE

K = 5


def iwae_by_hand(model, x):
    """Minus L_k as anybody would write it."""
    mean, log_scale = model.encoder(x).chunk(2, dim=1)
    noise = torch.randn(K, *mean.shape)
    z = mean + log_scale.exp() * noise
    x = x.flatten(1).expand(K, -1, -1)
    log_likelihood = -F.binary_cross_entropy_with_logits(model.decoder(z), x, reduction="none").sum(-1)
    log_ratio = ((noise**2 - z**2) / 2 + log_scale).sum(-1)  # log p(z) - log q(z | x)
    return -(log_likelihood + log_ratio).logsumexp(0).mean() + math.log(K)


def vimco_by_hand(model, x):
    """Minus L_k with VIMCO's gradient, one layer."""
    x = x.flatten(1)
    log_mass = lambda bits, logits: -F.binary_cross_entropy_with_logits(logits, bits, reduction="none").sum(-1)
    odds = model.recognition[0](x - model.centre)
    with torch.no_grad():
        h = (torch.rand(K, *odds.shape) < odds.sigmoid()).float()
    log_q = log_mass(h, odds.expand_as(h))
    pixels = model.generative[0](h)
    log_w = log_mass(x.expand_as(pixels), pixels) + log_mass(h, model.top.expand_as(h)) - log_q
    with torch.no_grad():
        others = (log_w.sum(0) - log_w) / (K - 1)
        replaced = log_w + torch.diag_embed((others - log_w).T).permute(1, 2, 0)
        signal = log_w.logsumexp(0) - replaced.logsumexp(1)
    return -(log_w.logsumexp(0) + (signal * log_q).sum(0)).mean()


def dcgan_by_hand(split, epochs):
    """Both players' turns, the fakes detached; the generator's backward pass goes through all of the discriminator."""
    model = DCGAN(width=32)
    g, d = model.generator, model.discriminator
    adam = lambda net: torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True)
    of_g, of_d, ones, zeros = adam(g), adam(d), torch.ones(BATCH), torch.zeros(BATCH)
    cross_entropy = F.binary_cross_entropy_with_logits
    started = time.perf_counter()
    row = torch.cat([torch.randperm(len(split)) for _ in range(epochs + 1)])
    for step in range(-(-epochs * len(split) // BATCH)):
        x, _ = split.batch(row[step * BATCH : (step + 1) * BATCH])
        of_d.zero_grad()
        fake = g(torch.randn(BATCH, 100)).detach()
        (cross_entropy(d(x), ones) + cross_entropy(d(fake), zeros)).backward()
        of_d.step()
        of_g.zero_grad()
        cross_entropy(d(g(torch.randn(BATCH, 100))), ones).backward()
        of_g.step()
    return time.perf_counter() - started


STROKES, UNITS, LATENT = 10, 256, 100


def draw():
    return DRAW(steps=STROKES, latent=LATENT, hidden=UNITS)


def draw_by_hand(model, x):
    """Minus the ELBO as anybody would write it, without attention."""
    x = x.flatten(1)
    canvas, kl = model.blank.flatten().expand(len(x), -1), 0
    state, hand = (
        (hand.first.expand(len(x), -1), torch.zeros(len(x), UNITS)) for hand in (model.encoder, model.decoder)
    )
    for _ in range(STROKES):
        state = model.encoder.cell(torch.cat([x, x - canvas.sigmoid(), hand[0]], 1), state)
        mean, log_scale = model.to_latent(state[0]).chunk(2, 1)
        hand = model.decoder.cell(mean + log_scale.exp() * torch.randn_like(mean), hand)
        canvas = canvas + model.to_patch(hand[0])
        kl = kl + 0.5 * (mean**2 + (2 * log_scale).exp() - 1 - 2 * log_scale).sum()
    return (F.binary_cross_entropy_with_logits(canvas, x, reduction="sum") + kl) / len(x)


def lapgan_by_hand(split, epochs):
    """All players' turns on all levels; the pyramid once a round."""
    model = LAPGAN(width=16)
    adam = lambda net: torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True)
    optimizers = [(adam(stage.discriminator), adam(stage.generator)) for stage in model.stages]
    ones, zeros, cross_entropy = torch.ones(BATCH), torch.zeros(BATCH), F.binary_cross_entropy_with_logits
    started = time.perf_counter()
    row = torch.cat([torch.randperm(len(split)) for _ in range(epochs + 1)])
    for step in range(-(-epochs * len(split) // BATCH)):
        x, _ = split.batch(row[step * BATCH : (step + 1) * BATCH])
        for k, (stage, (of_d, of_g)) in enumerate(zip(model.stages, optimizers, strict=True)):
            g, d, low = stage.generator.net, stage.discriminator.net, None
            if k < 2:
                coarse = F.interpolate(x, scale_factor=0.5, mode="bilinear", antialias=True)
                low = F.interpolate(coarse, scale_factor=2.0, mode="bilinear")
                make = lambda g=g, low=low: low + g(torch.cat([2 * torch.rand_like(low) - 1, low], 1))
            else:
                x, make = x.flatten(1), lambda g=g: g(2 * torch.rand(BATCH, 100) - 1).flatten(1)
            of_d.zero_grad()
            with torch.no_grad():
                fake = make()
            (cross_entropy(d(x), ones) + cross_entropy(d(fake), zeros)).backward()
            of_d.step()
            of_g.zero_grad()
            cross_entropy(d(make()), ones).backward()
            of_g.step()
            x = coarse if k < 2 else x
    return time.perf_counter() - started


CYCLEGAN_BATCH = 16


def cyclegan(**options):
    return CycleGAN(width=16, blocks=3, layers=2, **options)


class Twice(CycleGAN):
    """Makes every fake twice: for the generators, and anew for the discriminators."""

    def discriminator_loss(self, batch, domain):
        batch.memo.clear()
        return super().discriminator_loss(batch, domain)


def cyclegan_twice(split, epochs):
    model = Twice(width=16, blocks=3, layers=2)
    streams = {"x": split, "b": split}
    return fit(model, streams, epochs=epochs, batch_size=CYCLEGAN_BATCH, precision="float32", progress=False).seconds


def cyclegan_by_hand(split, epochs):
    """The generators' turn, then both discriminators' on fakes that are kept, without an image pool."""
    model = cyclegan(pool=0)
    g, d = model.generators, model.discriminators
    adam = lambda net: torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True)
    of_g, of_d = adam(g), {name: adam(d[name]) for name in "ab"}
    started = time.perf_counter()
    rows = [torch.cat([torch.randperm(len(split)) for _ in range(epochs + 1)]) for _ in "ab"]
    for step in range(-(-epochs * len(split) // CYCLEGAN_BATCH)):
        a, b = (split.batch(row[step * CYCLEGAN_BATCH : (step + 1) * CYCLEGAN_BATCH])[0] for row in rows)
        of_g.zero_grad()
        fake = {"b": g["b"](a), "a": g["a"](b)}
        fooled = sum(((d[name](fake[name]) - 1) ** 2).mean() for name in "ab")
        back = (g["a"](fake["b"]) - a).abs().mean() + (g["b"](fake["a"]) - b).abs().mean()
        (fooled + 10 * back).backward()
        of_g.step()
        for name, real in (("a", a), ("b", b)):
            of_d[name].zero_grad()
            (((d[name](real) - 1) ** 2).mean() / 2 + (d[name](fake[name].detach()) ** 2).mean() / 2).backward()
            of_d[name].step()
    return time.perf_counter() - started


STEPS, HIDDEN, GLOW_BATCH = 8, 64, 64


def glow():
    return Glow((1, 32, 32), levels=2, steps=STEPS, hidden=HIDDEN, coupling="sigmoid")


def glow_by_hand(model, x):
    """Minus log p(x) as anybody would write it, one layer after another."""
    gaussian = lambda z: -(z.square() + math.log(2 * math.pi)).flatten(1).sum(1) / 2
    parts, log_p = model.bijection.parts, 0
    for level in (1, 2):
        x = F.pixel_unshuffle(x, 2)
        for i in range(STEPS):
            (norm, mix), net = parts[1 + 2 * i].parts, parts[2 + 2 * i].net
            x = x * norm.log_scale.exp()[:, None, None] + norm.shift[:, None, None]
            a, b = F.conv2d(x, mix.matrix()[:, :, None, None]).chunk(2, 1)
            h = F.relu(F.conv2d(a, net[0].weight, net[0].bias, padding=1))
            h = F.relu(F.conv2d(h, net[2].weight, net[2].bias))
            raw, shift = F.conv2d(h, net[4].weight, net[4].bias, padding=1).chunk(2, 1)
            log_scale = F.logsigmoid(raw + 2)
            x = torch.cat([a, b * log_scale.exp() + shift], 1)
            places = x.shape[2] * x.shape[3]
            log_p = log_p + log_scale.flatten(1).sum(1) + places * (norm.log_scale.sum() + mix.weight.diagonal().sum())
        if level == 1:
            prior, split = parts[-2].net[0], parts[-1]
            a, b = x.chunk(2, 1)
            log_scale, shift = F.conv2d(a, prior.weight, prior.bias, padding=1).chunk(2, 1)
            log_p = log_p + log_scale.flatten(1).sum(1) + gaussian(b * log_scale.exp() + shift)
            x, parts = a, split.rest.parts
    top = parts[-2]
    x = x * top.log_scale.exp()[:, None, None] + top.shift[:, None, None]
    return -(log_p + gaussian(x) + x.shape[2] * x.shape[3] * top.log_scale.sum()).mean()


def glow_bare(split, epochs):
    model = glow()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    started = time.perf_counter()
    for _ in range(epochs):
        for index in torch.randperm(len(split)).split(GLOW_BATCH):
            optimizer.zero_grad()
            glow_by_hand(model, split.batch(index)[0]).backward()
            optimizer.step()
    return time.perf_counter() - started


def glow_sampling(split):
    model = glow().eval()
    started = time.perf_counter()
    for _ in range(len(split) // GLOW_BATCH):
        model.sample(GLOW_BATCH)
    return time.perf_counter() - started


# (rows, inputs, outputs, wanted): a matrix product of one training step; wanted: gradients of "weights", "inputs" or "both"
HALF = [(784, 500, "weights"), (500, 500, "both"), (500, 100, "both")]
OTHER_HALF = [(50, 500, "both"), (500, 500, "both"), (500, 784, "both")]
CONVOLUTIONS = [
    (14 * 14, 25, 32),
    (7 * 7, 25 * 32, 64),
    (1, 64 * 49, 1),
]  # of the discriminator: places, inputs, outputs
TRANSPOSED = [(1, 100, 64 * 49), (7 * 7, 64, 25 * 32), (14 * 14, 32, 25)]  # of the generator


def autoencoder(k):
    return [(BATCH, *rest) for rest in HALF] + [(k * BATCH, *rest) for rest in OTHER_HALF]


def convolutions():
    by_discriminator = [(2 * BATCH * n, a, b, "both" if i else "weights") for i, (n, a, b) in enumerate(CONVOLUTIONS)]
    by_generator = [(BATCH * n, a, b, "nothing") for n, a, b in TRANSPOSED]  # for the discriminator to see
    by_generator += [(BATCH * n, a, b, "both" if i else "weights") for i, (n, a, b) in enumerate(TRANSPOSED)]
    return by_discriminator + by_generator + [(BATCH * n, a, b, "inputs") for n, a, b in CONVOLUTIONS]


def strokes():
    """Of each stroke: encoder, its latents, decoder, canvas; an LSTM's inputs and states in one product."""
    net = [(2 * 784 + 2 * UNITS, 4 * UNITS), (UNITS, 2 * LATENT), (LATENT + UNITS, 4 * UNITS), (UNITS, 784)]
    return STROKES * [(BATCH, *product, "both") for product in net]


def couplings():
    """Of each level the nets' convolutions, the last one as a product onto nine values a place that are then added up, and the
    products over the channels."""
    found = []
    for places, channels in ((16 * 16, 4), (8 * 8, 8)):
        n = GLOW_BATCH * places
        net = [(n, 9 * channels // 2, HIDDEN), (n, HIDDEN, HIDDEN), (n, HIDDEN, 9 * channels), (n, channels, channels)]
        found += STEPS * [(*product, "both") for product in net]
    return found


def digits(view: str, items: int | None = None, pad: int = 0) -> data.Split:
    split = data.load("mnist-5k", view=view).train[:items]
    return data.Split(F.pad(split.x, (pad,) * 4), split.y, split.view)


@dataclass
class Row:
    title: str
    model: Callable[[], GenerativeModel]
    bare: Callable  # (split, epochs) -> seconds
    products: list[tuple] | None = None  # None: no limit is named
    peer: tuple[str, Callable] | None = None  # its name; (split, epochs) -> seconds
    images: Callable[[], data.Split] = lambda: digits("binary")
    batch: int = BATCH
    data: Callable = lambda split: split  # what fit is given
    also: dict[str, Callable] = field(default_factory=dict)  # further variants: (split, epochs) -> seconds
    sampling: tuple[Callable, Callable] | None = None  # ours and the peer's: split -> seconds for as many images


ROWS = {
    "vae": Row(
        "VAE 784-500-500-50",
        VAE,
        lambda split, epochs: bare(VAE, split, epochs, vae_by_hand),
        autoencoder(1),
        ("pythae", peers.pythae_vae),
    ),
    "iwae": Row(
        "IWAE, k = 5, 784-500-500-50",
        lambda: IWAE(VAE(), K),
        lambda split, epochs: bare(VAE, split, epochs, iwae_by_hand),
        autoencoder(K),
        ("pythae", lambda split, epochs: peers.pythae_vae(split, epochs, K)),
    ),
    "vimco": Row(
        "sigmoid belief net 784-200, VIMCO, 5 samples",
        lambda: SigmoidBeliefNet(layers=(200,), k=K),
        lambda split, epochs: bare(lambda: SigmoidBeliefNet(layers=(200,), k=K), split, epochs, vimco_by_hand),
        [(BATCH, 784, 200, "weights"), (K * BATCH, 200, 784, "weights")],  # no gradient goes to bits
    ),
    "draw": Row(
        "DRAW, 10 strokes, LSTMs of 256, without attention",
        draw,
        lambda split, epochs: bare(draw, split, epochs, draw_by_hand),
        strokes(),
        images=lambda: digits("binary", 1024),
    ),
    "lapgan": Row(
        "LAPGAN 28, 14, 7 pixels, width 16",
        lambda: LAPGAN(width=16),
        lapgan_by_hand,
        images=lambda: digits("signed", 1024),
    ),
    "cyclegan": Row(
        "CycleGAN 1 x 28 x 28, width 16, 3 blocks, patches of 34",
        cyclegan,
        cyclegan_by_hand,
        images=lambda: digits("signed", 256),
        batch=CYCLEGAN_BATCH,
        data=lambda split: {"x": split, "b": split},
        also={"fakes made twice, float32": cyclegan_twice},
    ),
    "dcgan": Row(
        "DCGAN 1 x 28 x 28, width 32",
        lambda: DCGAN(width=32),
        dcgan_by_hand,
        convolutions(),
        ("torchgan", peers.torchgan_dcgan),
        lambda: digits("signed"),
    ),
    "glow": Row(
        "Glow 1 x 32 x 32, 2 levels of 8 steps, hidden 64",
        glow,
        glow_bare,
        couplings(),
        ("normflows", lambda split, epochs: peers.normflows_glow(split, epochs, STEPS, HIDDEN, GLOW_BATCH)),
        lambda: digits("dequantized", 512, pad=2),
        GLOW_BATCH,
        sampling=(glow_sampling, lambda split: peers.normflows_sampling(split, STEPS, HIDDEN, GLOW_BATCH)),
    ),
}


def matrix_rate(products: list[tuple], dtype: torch.dtype, seconds: float = 0.3) -> float:
    """Steps per second of the matrix products of a training step, and nothing else."""
    tensors = [
        (torch.randn(n, a, dtype=dtype), torch.randn(a, b, dtype=dtype), torch.randn(n, b, dtype=dtype))
        for n, a, b, _ in products
    ]
    steps, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        for (x, w, g), (*_, wanted) in zip(tensors, products, strict=True):
            x @ w
            if wanted in ("weights", "both"):
                x.T @ g
            if wanted in ("inputs", "both"):
                g @ w.T
        steps += 1
    return steps / (time.perf_counter() - started)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--row", default="vae", choices=ROWS)
    arguments.add_argument("--rounds", type=int, default=11)
    arguments.add_argument("--epochs", type=int, default=2)
    options = arguments.parse_args()
    row, epochs = ROWS[options.row], options.epochs
    split = row.images()

    def by_fit(precision):
        return fit(
            row.model(), row.data(split), epochs=epochs, batch_size=row.batch, precision=precision, progress=False
        ).seconds

    variants = {
        "fit, float32": lambda: by_fit("float32"),
        "fit, bfloat16": lambda: by_fit("bfloat16"),
        "bare loop, float32": lambda: row.bare(split, epochs),
    }
    variants |= {name: lambda run=run: run(split, epochs) for name, run in row.also.items()}
    if row.peer:
        variants[f"{row.peer[0]}, float32"] = lambda: row.peer[1](split, epochs)
    if row.sampling:
        ours, theirs = row.sampling
        variants |= {"sampling": lambda: ours(split), "sampling by the peer": lambda: theirs(split)}
    limits = {torch.float32: [], torch.bfloat16: []}

    def limit():
        for dtype, found in limits.items():
            if row.products:
                found.append(matrix_rate(row.products, dtype))

    times = in_rounds(variants, options.rounds, after=limit)
    sampling = [times.pop(name) for name in ("sampling", "sampling by the peer") if name in times]
    items = epochs * len(split)
    rows = {}
    for name, seconds in times.items():
        rate = items / statistics.median(seconds)
        rows[name] = {
            "items_per_second": round(rate),
            "over_bare": round(ratio(times["bare loop, float32"], seconds), 2),
        }
        if row.products:
            limit_of = limits[torch.bfloat16 if "bfloat16" in name else torch.float32]
            rows[name]["share_of_matrix_limit"] = round(rate / row.batch / statistics.median(limit_of), 2)
        if row.peer:
            rows[name]["over_peer"] = round(ratio(times[f"{row.peer[0]}, float32"], seconds), 2)
        print(f"{name:24}", rows[name])
    result = {"row": f"{row.title}, batch {row.batch}", "peer": row.peer and row.peer[0], "rows": rows}
    if sampling:
        rate, over_peer = round(len(split) / statistics.median(sampling[0])), round(ratio(*sampling[::-1]), 2)
        result["sampling"] = {"items_per_second": rate, "over_peer": over_peer}
        print(f"{'sampling':24}", result["sampling"])
    save("throughput", (load("throughput") or {}) | {options.row: result | made()})


if __name__ == "__main__":
    main()
