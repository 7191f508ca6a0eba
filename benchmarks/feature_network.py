"""The classifier whose features samples are compared on: trains it, measures it, and writes it into the package.

    python benchmarks/feature_network.py --name digits-and-clothes-1

One network for MNIST's digits (classes 0 .. 9) and Fashion-MNIST's clothes (10 .. 19), on their 60 000 + 60 000
training images, each shifted at random by up to 2 pixels each way, and half of them with Gaussian noise of a scale
between 0 and 0.2: a first network, trained without noise, read digits so badly under noise of scale 0.1 that their
Inception Score fell from 9.5 to 4.2. Nothing else was tried; for that, --valid trains on 50 000 + 50 000 and measures on
the other 10 000 + 10 000. The accuracy on both test sets is that of the file, whose weights are float16; it goes to
benchmarks/results/feature_network.json.

The file is lecturekit/evaluate/NAME.safetensors. Numbers are printed with the network's name, so a name never gets
other weights: the command refuses one that is taken. It prints the line for the table in
lecturekit/evaluate/features.py.
"""

import argparse
import hashlib
from pathlib import Path

import torch
from record import add, finished, made, with_cosine
from safetensors.torch import save
from torch.nn import functional as F

import lecturekit.evaluate
from lecturekit import GenerativeModel, data, fit
from lecturekit.data import Split, View
from lecturekit.evaluate.features import DigitsAndClothes


class Training(GenerativeModel):
    """Not generative: the network, and the cross-entropy that `fit` descends."""

    event_shape = (1, 28, 28)

    def __init__(self, shift: int, noise: float, rate: float):
        super().__init__()
        self.network, self.shift, self.noise, self.rate = DigitsAndClothes(), shift, noise, rate

    def players(self):
        return with_cosine(self, self.rate)

    def shifted(self, x):
        """Each image (B, 1, H, W) moved by up to `shift` pixels each way, black where it leaves."""
        size = torch.arange(x.shape[-1], device=x.device)
        rows, columns = torch.randint(2 * self.shift + 1, (2, len(x), 1), device=x.device) + size
        padded = F.pad(x[:, 0], [self.shift] * 4)
        return padded[torch.arange(len(x), device=x.device)[:, None, None], rows[:, :, None], columns[:, None]][:, None]

    def noisy(self, x):
        """Half of the images with noise of a scale between 0 and `noise`."""
        scale = self.noise * (2 * torch.rand(len(x), 1, 1, 1, device=x.device) - 1).clamp(min=0)
        return (x + scale * torch.randn_like(x)).clamp(0, 1)

    def loss(self, batch):
        _, logits = self.network.compute(self.noisy(self.shifted(batch.x)))
        return {
            "loss": F.cross_entropy(logits, batch.y),
            "accuracy": (logits.detach().argmax(1) == batch.y).float().mean(),
        }


def accuracy(network, x, y):
    """In percent."""
    return 100 * (network(x)[1].argmax(1) == y).double().mean().item()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--name", default=None, help="of a new network; without it nothing is written")
    arguments.add_argument("--epochs", type=float, default=6)
    arguments.add_argument("--batch-size", type=int, default=128)
    arguments.add_argument("--rate", type=float, default=3e-3)
    arguments.add_argument("--shift", type=int, default=2)
    arguments.add_argument("--noise", type=float, default=0.2)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--valid", action="store_true", help="measure on validation images; write nothing")
    options = arguments.parse_args()
    if not options.valid and options.name is None:
        arguments.error("--name NAME or --valid")
    path = Path(lecturekit.evaluate.__file__).with_name(f"{options.name}.safetensors")
    if not options.valid and path.exists():
        arguments.error(f"{path.name} is there already, and a name never gets other weights: choose another")

    digits, clothes = (data.load(name, valid=10_000 * options.valid) for name in ("mnist", "fashion-mnist"))
    train = Split(
        torch.cat([digits.train.x, clothes.train.x]), torch.cat([digits.train.y, 10 + clothes.train.y]), View("unit")
    )
    torch.manual_seed(options.seed)
    model = Training(options.shift, options.noise, options.rate).to("cuda" if torch.cuda.is_available() else "cpu")
    finished(
        fit(
            model,
            train,
            epochs=options.epochs,
            batch_size=options.batch_size,
            seed=options.seed,
            precision="float32",
        )
    )
    network = model.network.half().float()  # as it will be read from the file
    parts = [part.valid if options.valid else part.test for part in (digits, clothes)]
    (x, y), (worn, kind) = (part.tensors() for part in parts)
    measured = {
        "digits_percent": round(accuracy(network, x, y), 2),
        "clothes_percent": round(accuracy(network, worn, 10 + kind), 2),
        "parameters": sum(p.numel() for p in network.parameters()),
        "epochs": options.epochs,
        "batch_size": options.batch_size,
        "rate": options.rate,
        "shift": options.shift,
        "noise": options.noise,
        "seed": options.seed,
    }
    if options.valid:
        print(measured)
        return
    tensors = {name: t.cpu().half() if t.is_floating_point() else t.cpu() for name, t in network.state_dict().items()}
    packed = save(tensors)
    path.write_bytes(packed)
    digest = hashlib.sha256(packed).hexdigest()
    row = {"name": options.name, "sha256": digest, "bytes": len(packed)}
    add("feature_network", row | measured | made())
    print(f'for OURS in features.py: "{options.name}": "{digest}",')


if __name__ == "__main__":
    main()
