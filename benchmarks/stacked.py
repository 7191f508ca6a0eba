"""Modes of stacked MNIST: a thousand three-digit numbers, a digit in each colour; how many of them does a game learn?

    python benchmarks/stacked.py --row dcgan --checkpoint build/stacked-dcgan
    python benchmarks/stacked.py --row wgan-gp --checkpoint build/stacked-wgan

Rows: dcgan, wgan-gp, on the same nets but for the critic's norms. 128 000 images, each of three training digits of MNIST drawn
at random. A classifier reads the three digits of each of 26 000 samples, as in [1] and [2]: "modes" is how many of the
thousand numbers occur, "kl" the divergence in nats of their shares from those of the data, which are equal. 26 000 fresh
stacks of test digits, read by the same classifier, stand beside it. The nets of [1] and [3] are others than ours, and larger
ones find more modes: the numbers say what the games are able to, not which paper is right. The command may be stopped at any
moment and repeated: it resumes. Training time is that of training alone. The result is added to benchmarks/results/stacked.json.

[1] Srivastava, Valkov, Russell, Gutmann, Sutton (2017). VEEGAN. arXiv:1705.07761
[2] Lin, Khetan, Fanti, Oh (2018). PacGAN. arXiv:1712.04086
[3] Kumar, Ozair, Goyal, Courville, Bengio (2019). Maximum Entropy Generators for Energy-Based Models. arXiv:1901.08508
"""

import argparse
import math

import torch
from cifar import GAMES
from cyclegan import accuracy, classifier
from record import report, trained, training_arguments
from torch.optim import Adam

from lecturekit import data
from lecturekit.data import Split
from lecturekit.model import evaluating

SHAPE = (3, 28, 28)


# row: Adam's betas, width, epochs, batch, learning rate
ROWS = {"dcgan": ((0.5, 0.999), 32, 6, 64, 2e-4), "wgan-gp": ((0.0, 0.9), 32, 8, 64, 2e-4)}


def stacks(digits: Split, n: int, seed: int) -> Split:
    """n images of three digits each, labelled with the numbers that they spell."""
    i = torch.randint(len(digits), (n, 3), generator=torch.Generator().manual_seed(seed))
    return Split(digits.x[i].squeeze(2), digits.y[i] @ torch.tensor([100, 10, 1]), digits.view)


@torch.no_grad()
def read(net, images) -> torch.Tensor:
    """The number 0 .. 999 in each image (n, 3, 28, 28) from -1 to 1."""
    digits = [net(some.flatten(0, 1)[:, None]).argmax(1).view(-1, 3).cpu() for some in images.split(500)]
    return torch.cat(digits) @ torch.tensor([100, 10, 1])


def covered(numbers) -> dict:
    """Modes found, and KL of their shares from equal ones."""
    share = numbers.bincount(minlength=1000).double() / len(numbers)
    return {"modes": int((share > 0).sum()), "kl": round((torch.xlogy(share, share).sum() + math.log(1000)).item(), 3)}


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--row", required=True, choices=ROWS)
    for name, kind in {"width": int, "epochs": float, "batch": int, "rate": float}.items():
        arguments.add_argument(f"--{name}", type=kind, default=None, help="the default depends on the row")
    training_arguments(arguments, trial="the same")
    options = arguments.parse_args()

    betas, *settings = ROWS[options.row]
    given = (options.width, options.epochs, options.batch, options.rate)
    width, epochs, batch, rate = (s if g is None else g for g, s in zip(given, settings, strict=True))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    digits = data.load("mnist", view="signed", valid=0)
    torch.manual_seed(options.seed)
    adam = lambda parameters: Adam(parameters, lr=rate, betas=betas, fused=True)
    model = GAMES[options.row](SHAPE, width=width, optimizer=adam).to(device)
    history = trained(
        model,
        stacks(digits.train, 128_000, options.seed).to(device),
        options,
        epochs=epochs,
        batch_size=batch,
    )
    reader = classifier(*digits.train[:50_000].to(device).tensors())
    torch.manual_seed(options.seed)
    with evaluating(model):
        samples = torch.cat([model.sample(500) for _ in range(52)])
    real, numbers = stacks(digits.test, 26_000, options.seed).tensors()
    found = read(reader, real.to(device))
    result = {
        "row": options.row,
        **covered(read(reader, samples)),
        "real": covered(found) | {"read_right": round((found == numbers).double().mean().item(), 4)},
        "reader_accuracy": accuracy(reader, *digits.test.to(device).tensors()),
        "samples": len(samples),
        "width": width,
        "epochs": epochs,
        "batch": batch,
        "rate": rate,
        "generator_steps": len(history["generator/loss"]),
    }
    report("stacked", result, history, options)


if __name__ == "__main__":
    main()
