"""What the loop costs: `fit` beside a bare loop on the same loss, and beside formulas written out by hand.

    python benchmarks/loop.py [--pairs 30] [--epochs 4] [--threads 2]

VAE 784-500-500-50, batches of 128 binary digits, float32, fused Adam. The variants run in shuffled order, again and
again in one process, since a lone time means nothing on a shared machine: medians, and medians of the ratios within a
round. The result goes to benchmarks/results/loop.json with machine, date and commit.
"""

import argparse
import statistics
import time

import torch
from record import in_rounds, made, ratio, save
from torch.nn import functional as F

from lecturekit import Batch, data, fit
from lecturekit.variational import VAE

BATCH = 128


def by_fit(split, epochs):
    return fit(VAE(), split, epochs=epochs, batch_size=BATCH, precision="float32", progress=False).seconds


def bare(make, split, epochs, loss_of):
    """The loop that anybody would write: a permutation per epoch, the batch on the device, the four calls."""
    model = make()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    steps = -(-epochs * len(split) // BATCH)  # as many as fit takes
    started = time.perf_counter()
    row = torch.cat([torch.randperm(len(split)) for _ in range(epochs + 1)])
    for step in range(steps):
        x, _ = split.batch(row[step * BATCH : (step + 1) * BATCH])
        optimizer.zero_grad()
        loss_of(model, x).backward()
        optimizer.step()
    return time.perf_counter() - started


def same_loss(model, x):
    return model.loss(Batch(x))["loss"]


def by_hand(model, x):
    mean, log_scale = model.encoder(x).chunk(2, dim=1)
    z = mean + log_scale.exp() * torch.randn_like(mean)
    cross_entropy = F.binary_cross_entropy_with_logits(model.decoder(z), x.flatten(1), reduction="sum")
    kl = 0.5 * (mean**2 + (2 * log_scale).exp() - 1 - 2 * log_scale).sum()
    return (cross_entropy + kl) / len(x)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--pairs", type=int, default=30)
    arguments.add_argument("--epochs", type=int, default=4)
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)

    split = data.load("mnist-5k", view="binary").train
    variants = {
        "fit": lambda: by_fit(split, options.epochs),
        "bare loop, same loss": lambda: bare(VAE, split, options.epochs, same_loss),
        "the same again (the noise)": lambda: bare(VAE, split, options.epochs, same_loss),
        "bare loop, formulas by hand": lambda: bare(VAE, split, options.epochs, by_hand),
    }
    times = in_rounds(variants, options.pairs)
    items = options.epochs * len(split)
    rows = {
        name: {
            "items_per_second": round(items / statistics.median(seconds)),
            "fit_over_this": round(ratio(times["fit"], seconds), 4),
        }
        for name, seconds in times.items()
    }
    for name, row in rows.items():
        print(f"{name:28} {row['items_per_second']:8d} items/s   fit takes {row['fit_over_this']:.3f} of its time")
    result = {
        "command": f"python benchmarks/loop.py --pairs {options.pairs} --epochs {options.epochs}",
        "rows": rows,
    }
    save("loop", result | made())


if __name__ == "__main__":
    main()
