"""Training throughput beside a peer from PyPI and beside a bare loop, in shuffled rounds of one run.

    python benchmarks/throughput.py [--k 1] [--rounds 11] [--epochs 2]

With k = 1 the VAE, with more the IWAE. A row: lecturekit's `fit` in float32 and in bfloat16, the peer's own trainer in float32 with the same networks, batch and
threads, and the loop that anybody would write by hand. Medians of items per second; ratios are medians within a round. The
machine's rate of matrix products of the same sizes, measured in the same run, is the limit that the shares refer to. Peers
are needed here only: pip install -e '.[bench]'. The result goes to benchmarks/results/throughput.json.
"""

import argparse
import logging
import math
import random
import statistics
import tempfile
import time

import torch
from loop import bare
from record import load, made, save
from torch import nn
from torch.nn import functional as F

from lecturekit import data, fit
from lecturekit.variational import IWAE, VAE

BATCH, LATENT, HIDDEN, PIXELS = 128, 50, 500, 784


def with_fit(split, epochs, precision, k):
    model = VAE() if k == 1 else IWAE(VAE(), k)
    return fit(model, split, epochs=epochs, batch_size=BATCH, precision=precision, progress=False).seconds


def by_hand(k):
    """The loss as anybody would write it: the ELBO with its KL in closed form, or, with k > 1, L_k."""

    def loss(model, x):
        mean, log_scale = model.encoder(x).chunk(2, dim=1)
        noise = torch.randn(k, *mean.shape)
        logits = model.decoder(mean + log_scale.exp() * noise)
        x = x.flatten(1).expand(k, -1, -1)
        if k == 1:
            cross_entropy = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
            kl = 0.5 * (mean**2 + (2 * log_scale).exp() - 1 - 2 * log_scale).sum()
            return (cross_entropy + kl) / len(mean)
        log_likelihood = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
        z = mean + log_scale.exp() * noise
        log_ratio = ((noise**2 - z**2) / 2 + log_scale).sum(-1)  # log p(z) - log q(z | x)
        return -(log_likelihood + log_ratio).logsumexp(0).mean() + math.log(k)

    return loss


def with_pythae(split, epochs, k):
    """pythae's BaseTrainer, its data set binarized beforehand and held in memory."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import IWAE as PythaeIWAE
    from pythae.models import VAE as PythaeVAE
    from pythae.models import IWAEConfig, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(PIXELS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU())
            self.head = nn.Linear(HIDDEN, 2 * LATENT)

        def forward(self, x):
            mean, log_variance = self.head(self.body(x.flatten(1))).chunk(2, dim=1)
            return ModelOutput(embedding=mean, log_covariance=log_variance)

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(LATENT, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU())
            self.head = nn.Sequential(nn.Linear(HIDDEN, PIXELS), nn.Sigmoid())

        def forward(self, z):
            return ModelOutput(reconstruction=self.head(self.body(z)).reshape(-1, 1, 28, 28))

    logging.disable(logging.INFO)
    shape = {"input_dim": (1, 28, 28), "latent_dim": LATENT, "reconstruction_loss": "bce"}
    if k == 1:
        model = PythaeVAE(VAEConfig(**shape), encoder=Encoder(), decoder=Decoder())
    else:
        model = PythaeIWAE(IWAEConfig(**shape, number_samples=k), encoder=Encoder(), decoder=Decoder())
    x, y = split.tensors(seed=0)
    with tempfile.TemporaryDirectory() as folder:
        settings = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=epochs,
            per_device_train_batch_size=BATCH,
            learning_rate=1e-3,
            optimizer_cls="Adam",
            no_cuda=True,
        )
        trainer = BaseTrainer(model, BaseDataset(x, y), training_config=settings)
        trainer.prepare_training()
        trainer.callback_handler.callbacks = []  # no progress bar, no checkpoints: training alone is timed
        started = time.perf_counter()
        for epoch in range(1, epochs + 1):
            trainer.train_step(epoch)
        return time.perf_counter() - started


def products(dtype, k, seconds=0.3):
    """Rate in FLOP/s of the matrix products of one training step, nothing else: forward, and both backward ones."""
    sizes = [
        (BATCH, PIXELS, HIDDEN),
        (BATCH, HIDDEN, HIDDEN),
        (BATCH, HIDDEN, 2 * LATENT),
        (k * BATCH, LATENT, HIDDEN),
        (k * BATCH, HIDDEN, HIDDEN),
        (k * BATCH, HIDDEN, PIXELS),
    ]
    triples = [
        (torch.randn(n, a, dtype=dtype), torch.randn(a, b, dtype=dtype), torch.randn(n, b, dtype=dtype))
        for n, a, b in sizes
    ]
    work, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        for i, (x, w, g) in enumerate(triples):
            x @ w
            x.T @ g
            work += 2
            if i:  # nobody needs the gradient of the data
                g @ w.T
        flop = sum(4 * n * a * b + (2 * n * a * b if i else 0) for i, (n, a, b) in enumerate(sizes))
    steps = work / (2 * len(sizes))
    return flop / BATCH, steps * flop / (time.perf_counter() - started)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--k", type=int, default=1, help="samples per item")
    arguments.add_argument("--rounds", type=int, default=11)
    arguments.add_argument("--epochs", type=int, default=2)
    options = arguments.parse_args()
    split = data.load("mnist-5k", view="binary").train
    variants = {
        "fit, float32": lambda: with_fit(split, options.epochs, "float32", options.k),
        "fit, bfloat16": lambda: with_fit(split, options.epochs, "bfloat16", options.k),
        "pythae, float32": lambda: with_pythae(split, options.epochs, options.k),
        "bare loop, float32": lambda: bare(split, options.epochs, by_hand(options.k)),
    }
    for run in variants.values():
        run()  # warm up
    times, rates = {name: [] for name in variants}, {torch.float32: [], torch.bfloat16: []}
    for _ in range(options.rounds):
        for name in random.sample(list(variants), len(variants)):
            times[name].append(variants[name]())
        for dtype, found in rates.items():
            flop_per_item, rate = products(dtype, options.k)
            found.append(rate)
    items = options.epochs * len(split)
    rows = {}
    for name, seconds in times.items():
        limit = statistics.median(rates[torch.bfloat16 if "bfloat16" in name else torch.float32]) / flop_per_item
        rows[name] = {
            "items_per_second": round(items / statistics.median(seconds)),
            "over_pythae": round(
                statistics.median(p / s for p, s in zip(times["pythae, float32"], seconds, strict=True)), 2
            ),
            "share_of_matrix_limit": round(items / statistics.median(seconds) / limit, 2),
        }
        print(f"{name:20}", rows[name])
    result = {
        "row": f"{'VAE' if options.k == 1 else f'IWAE, k = {options.k},'} {PIXELS}-{HIDDEN}-{HIDDEN}-{LATENT}, batch {BATCH}",
        "rows": rows,
        "matrix_products_gflops": {
            str(d).removeprefix("torch."): round(statistics.median(r) / 1e9) for d, r in rates.items()
        },
    }
    save("throughput", (load("throughput") or {}) | {f"k={options.k}": result | made()})


if __name__ == "__main__":
    main()
