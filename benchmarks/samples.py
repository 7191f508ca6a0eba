"""Samples of a DCGAN and of a VAE after the same time of training on 4 000 digits, by a network's features.

    python benchmarks/samples.py [--epochs 30] [--seeds 0 1 2]

DCGAN of width 32 on mnist-5k; then a VAE 784-500-500-50 for as many seconds (its samples are the probabilities of the pixels).
The Fréchet and kernel distances of 4 000 samples to the 4 000 training images, by our network "digits-and-clothes-1", beside
those of the untrained generator and of 500 held-out digits. Results go to benchmarks/results/samples.json.
"""

import argparse
from dataclasses import asdict

import torch
from record import add, finished, made

from lecturekit import data, fit
from lecturekit.adversarial import DCGAN
from lecturekit.evaluate import Features, network
from lecturekit.variational import VAE


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--epochs", type=float, default=30)
    arguments.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = arguments.parse_args()
    signed, binary, grey = (data.load("mnist-5k", view=view) for view in ("signed", "binary", "unit"))
    net = network("digits-and-clothes-1")
    real = Features.of(net, grey.train.tensors()[0], "mnist-5k train")

    def scores(images, source):
        features = Features.of(net, images, source)
        return {
            name: asdict(score)
            for name, score in (
                ("frechet", features.frechet_distance(real)),
                ("kernel", features.kernel_distance(real)),
            )
        }

    for seed in options.seeds:
        torch.manual_seed(seed)
        gan = DCGAN(width=32)
        untrained = scores((gan.sample(4000) + 1) / 2, "an untrained generator")
        game = finished(fit(gan, signed.train, epochs=options.epochs, batch_size=64, seed=seed))
        trained = scores((gan.sample(4000) + 1) / 2, "DCGAN")
        torch.manual_seed(seed)
        warm_up = fit(VAE(), binary.train, epochs=2, batch_size=64, seed=seed, progress=False)
        vae = VAE()
        history = finished(fit(vae, binary.train, epochs=2 * game.seconds / warm_up.seconds, batch_size=64, seed=seed))
        with torch.no_grad():
            by_vae = scores(vae.decode(vae.prior().sample((4000,))).mean, "VAE")
        row = {
            "seed": seed,
            "untrained": untrained,
            "dcgan": trained | {"epochs": options.epochs, "seconds": round(game.seconds, 1)},
            "vae": by_vae | {"epochs": round(history.trained, 1), "seconds": round(history.seconds, 1)},
            "held out": scores(grey.test.tensors()[0], "mnist-5k test"),
        }
        add("samples", row | made())


if __name__ == "__main__":
    main()
