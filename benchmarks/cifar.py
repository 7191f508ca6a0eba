"""GANs on CIFAR-10, beside published Fréchet Inception distances. Not yet measured: for a GPU, and for who has the weights.

    python benchmarks/cifar.py --row dcgan --checkpoint build/cifar-dcgan

Rows: dcgan, wgan-gp (the same nets, no batch normalization in the critic). The images and the weights of InceptionV3 (by
torch-fidelity, which unpickles them) are downloaded. FID of 10 000 samples to the first 10 000 training images, and of 50 000 to
all: each as published numbers are, for the two do not compare with each other. The command may be stopped at any moment and
repeated: it resumes. Results go to benchmarks/results/cifar.json.
"""

import argparse
from dataclasses import asdict

import torch
from record import report, trained, training_arguments

from lecturekit import data
from lecturekit.adversarial import DCGAN, WGAN, dcgan
from lecturekit.evaluate import Features, network

SHAPE = (3, 32, 32)


def wgan(shape, width: int, **options) -> WGAN:
    """On DCGAN's nets, less the critic's norms."""
    generator, critic = dcgan.generator(shape, width=width), dcgan.discriminator(shape, width, normalize=False)
    return WGAN(shape, generator=generator, discriminator=critic, **options)


GAMES = {"dcgan": DCGAN, "wgan-gp": wgan}


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--row", required=True, choices=GAMES)
    arguments.add_argument("--epochs", type=float, default=100)
    arguments.add_argument("--width", type=int, default=64)
    training_arguments(arguments, trial="our own network and 500 images")
    options = arguments.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(options.seed)
    model = GAMES[options.row](SHAPE, width=options.width).to(device)
    split = data.load("cifar10", view="signed").train
    items = split[:500] if options.trial else split
    history = trained(model, items, options, epochs=options.epochs, batch_size=64)
    net = network("digits-and-clothes-1" if options.trial else "inception-v3").to(device)
    scores = {}
    for n in (500,) if options.trial else (10_000, 50_000):
        real = Features.of(net, (split[:n].tensors(seed=0)[0] + 1) / 2, f"cifar10 train, the first {n}")
        torch.manual_seed(options.seed)
        made_images = torch.cat([model.sample(500).cpu() for _ in range(n // 500)])
        scores[n] = asdict(Features.of(net, (made_images + 1) / 2, options.row).frechet_distance(real))
    row = {
        "row": options.row,
        "width": options.width,
        "epochs": options.epochs,
        "frechet": scores,
    }
    report("cifar", row, history, options)


if __name__ == "__main__":
    main()
