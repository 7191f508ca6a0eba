"""Samples of a LAPGAN, a GAN and a DCGAN after the same time of training, on 4 000 digits or on CIFAR-10.

    python benchmarks/lapgan.py [--epochs 6 20 40] [--seeds 0 1 2 3 4] [--width 16] [--hidden 512] [--rate 2e-3]
    python benchmarks/lapgan.py --row cifar10 --seeds 0 [--cifar FILE.npz]

The LAPGAN's levels join one after the other, as in chapter 34: the coarsest players alone for the last of the three
numbers of epochs, then those of two levels, then all. The others get as many epochs as fit into the processor's seconds that
it took. The rate is Adam's for LAPGAN's convolutions; DCGAN takes half of it, dense nets a quarter.

mnist-5k: the Fréchet distance of 4 000 samples to the 4 000 training images, by our network "digits-and-clothes-1", and the
Parzen log-likelihood of 500 held-out digits. cifar10, as in [1]: the Parzen log-likelihood of the 10 000 test images under
10 000 samples, all of them at full resolution. It depends on the unit of a pixel, and [1] does not say which it was: only the
difference of two games can be compared. FILE.npz holds the bytes train (50 000, 3, 32, 32) and test (10 000, 3, 32, 32); without
it, data.load("cifar10") is asked. Results go to benchmarks/results/lapgan.json.

[1] Denton, Chintala, Szlam, Fergus (2015). Deep Generative Image Models using a Laplacian Pyramid of Adversarial Networks.
    arXiv:1506.05751, table 1
"""

import argparse
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from record import add, finished, made
from torch.optim import Adam

from lecturekit import data, fit
from lecturekit.adversarial import DCGAN, GAN, LAPGAN
from lecturekit.adversarial.lapgan import images
from lecturekit.evaluate import Features, network, parzen_bandwidth, parzen_log_likelihood

# row: epochs over the images with all levels, with two, with the coarsest alone; samples; rivals
ROWS = {"mnist-5k": ((6, 20, 40), 4_000, ("GAN", "DCGAN")), "cifar10": ((1, 2, 4), 10_000, ("GAN",))}


def loaded(row: str, cifar: Path | None):
    """Images of train, valid and test, from -1 to 1."""
    if cifar is None:
        signed = data.load(row, view="signed")
        return [part.tensors(seed=0)[0] for part in (signed.train, signed.valid, signed.test)]
    train, test = (torch.from_numpy(np.load(cifar)[part]).float() / 127.5 - 1 for part in ("train", "test"))
    return train[:45_000], train[45_000:], test


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--row", default="mnist-5k", choices=ROWS)
    arguments.add_argument("--cifar", type=Path, default=None, help="a file of CIFAR-10; see above")
    arguments.add_argument("--epochs", type=float, nargs=3, default=None, help="the default depends on the row")
    arguments.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    arguments.add_argument("--width", type=int, default=16)
    arguments.add_argument("--hidden", type=int, default=512)
    arguments.add_argument("--rate", type=float, default=2e-3)
    options = arguments.parse_args()
    epochs, count, names = ROWS[options.row]
    epochs = options.epochs or epochs
    x, valid, test = loaded(options.row, options.cifar)
    shape, sizes = tuple(x.shape[1:]), images(x, 3)
    net, unit = network("digits-and-clothes-1"), lambda images: (images.clamp(-1, 1) + 1) / 2
    real = Features.of(net, unit(x), f"{options.row} train") if options.row == "mnist-5k" else None

    def adam(rate):
        return lambda parameters: Adam(parameters, lr=rate, betas=(0.5, 0.999), fused=True)

    def pyramid(seed):
        torch.manual_seed(seed)
        model = LAPGAN(shape, width=options.width, hidden=options.hidden, optimizer=adam(options.rate))
        model.stages[-1].optimizer = adam(options.rate / 4)
        for k in (2, 1, 0):
            part = LAPGAN(sizes[k].shape[1:], levels=3 - k)
            part.stages = model.stages[k:]
            finished(fit(part, sizes[k], epochs=epochs[k], batch_size=32, seed=seed))
        return model

    def single(make, seed, epochs):
        torch.manual_seed(seed)
        model = make()
        finished(fit(model, x, epochs=epochs, batch_size=32, seed=seed))
        return model

    def timed(train, *of):
        begun = time.process_time()
        return train(*of), time.process_time() - begun

    def scores(model, name, seed):
        torch.manual_seed(seed)
        samples = unit(model.sample(count))
        bandwidth = parzen_bandwidth(samples, unit(valid[:1000]), torch.logspace(-1.5, 0.5, 21).tolist())
        parzen = parzen_log_likelihood(samples, unit(test), bandwidth, source=name, reference=f"{options.row} test")
        frechet = {} if real is None else {"frechet": asdict(Features.of(net, samples, name).frechet_distance(real))}
        return {**frechet, "parzen": asdict(parzen)}

    rivals = {
        "GAN": lambda: GAN(shape, optimizer=adam(options.rate / 4)),
        "DCGAN": lambda: DCGAN(shape, width=options.width, optimizer=adam(options.rate / 2)),
    }
    for seed in options.seeds:
        model, pace = timed(pyramid, seed)
        row = {"row": options.row, "seed": seed}
        row["LAPGAN"] = scores(model, "LAPGAN", seed) | {"epochs": epochs, "seconds": pace}
        for name in names:
            make = rivals[name]
            single(make, seed, 400 / len(x))  # to warm up
            _, trial = timed(single, make, seed, 4000 / len(x))
            as_long = pace / trial * 4000 / len(x)
            model, seconds = timed(single, make, seed, as_long)
            row[name] = scores(model, name, seed) | {"epochs": as_long, "seconds": seconds}
        settings = {"width": options.width, "hidden": options.hidden, "rate": options.rate}
        add("lapgan", row | settings | made())


if __name__ == "__main__":
    main()
