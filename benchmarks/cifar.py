"""GANs on CIFAR-10, beside published Fréchet Inception distances. Not yet measured: for a GPU, and for who has the weights.

    python benchmarks/cifar.py --row dcgan --checkpoint build/cifar-dcgan

Rows: dcgan, wgan-gp (the same nets, no batch normalization in the critic). The images and the weights of InceptionV3 (by
torch-fidelity, which unpickles them) are downloaded. FID of 10 000 samples to the first 10 000 training images, and of 50 000 to
all: each as published numbers are, for the two do not compare with each other. The command may be stopped at any moment and
repeated: it resumes. Results go to benchmarks/results/cifar.json.

Published, lower is better: DCGAN 28.95 (10 000 and 10 000 images); 36.9 to 37.7 in Heusel et al. 2017, arXiv:1706.08500;
WGAN-GP 24.8 there, 29.3 elsewhere.
"""

import argparse
from dataclasses import asdict
from pathlib import Path

import torch
from record import add, finished, made

from lecturekit import data, fit
from lecturekit.adversarial import DCGAN, WGAN, dcgan
from lecturekit.evaluate import Features, network

SHAPE = (3, 32, 32)
ROWS = {
    "dcgan": lambda width: DCGAN(SHAPE, width=width),
    "wgan-gp": lambda width: WGAN(
        SHAPE,
        generator=dcgan.generator(SHAPE, width=width),
        discriminator=dcgan.discriminator(SHAPE, width, normalize=False),
    ),
}


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--row", required=True, choices=ROWS)
    arguments.add_argument("--epochs", type=float, default=100)
    arguments.add_argument("--width", type=int, default=64)
    arguments.add_argument("--checkpoint", type=Path, default=None)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--trial", action="store_true", help="our own network and 500 images; write no result")
    options = arguments.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(options.seed)
    model = ROWS[options.row](options.width).to(device)
    split = data.load("cifar10", view="signed").train
    history = finished(
        fit(
            model,
            split[:500] if options.trial else split,
            epochs=options.epochs,
            batch_size=64,
            seed=options.seed,
            checkpoint=options.checkpoint,
            resume=options.checkpoint is not None,
        )
    )
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
        "seed": options.seed,
        "frechet": scores,
    }
    row |= {"training_minutes": round(history.seconds / 60, 1), "precision": history.precision}
    print(row) if options.trial else add("cifar", row | made())


if __name__ == "__main__":
    main()
