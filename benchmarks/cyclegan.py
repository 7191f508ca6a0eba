"""CycleGAN between two kinds of digits: whether labels survive the translation, and what it is worth for a classifier.

    python benchmarks/cyclegan.py --row glyphs-mnist --checkpoint build/cyclegan-glyphs
    python benchmarks/cyclegan.py --row mnist-usps --usps FILE.npz --checkpoint build/cyclegan-usps

Rows: glyphs-mnist, digits of eight fonts (A) and the embedded mnist-5k (B), 28 x 28; mnist-usps, MNIST (A) and USPS (B), 16 x
16. FILE.npz holds train_images, train_labels, test_images and test_labels; without --usps, data.load("usps") is asked. Neither
labels nor pairs are seen in the translators' training. The second row has the identity term: without it, and with one halving
more, most labels flip. The command may be stopped at any moment and repeated: it resumes; the
training time is that of the translators alone. Then, with one small convolutional classifier, always trained alike:

    reads            trained on real images, tested on real ones of the same domain
    source_only      trained on real images of one domain, tested on real ones of the other
    label_agreement  trained on real images of the target, reading translated ones of the source: share of unchanged labels
    adapted          trained on translated training images of the source with their labels, tested on real ones of the target
    cycle_error      mean absolute difference of test images, in -1 .. 1, from what comes home

All on test images (--trial: on validation images, and no row is written); rows are added to benchmarks/results/cyclegan.json.

[1] Hoffman, Tzeng, Park, Zhu, Isola, Saenko, Efros, Darrell (2018). CyCADA: Cycle-Consistent Adversarial Domain Adaptation.
    arXiv:1711.03213: source only, and its pixel-level part alone, which has a loss on labels that CycleGAN lacks
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from record import cosine, report, trained, training_arguments
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

from lecturekit import data
from lecturekit.adversarial import CycleGAN
from lecturekit.model import evaluating

# row: side, width, blocks, downs, layers, epochs over A, batch, learning rate, identity
ROWS = {
    "glyphs-mnist": (28, 8, 3, 1, 2, 30, 16, 5e-4, 0.0),
    "mnist-usps": (16, 16, 3, 1, 1, 8, 16, 5e-4, 0.5),
}
DIRECTIONS = {"a_to_b": "ab", "b_to_a": "ba"}
Part = tuple[Tensor, Tensor]  # images (n, 1, side, side) from -1 to 1, labels


def resized(x: Tensor, y: Tensor, side: int) -> Part:
    """Bytes (n, 1, H, W) as a model sees them, bilinear and without aliasing."""
    x = x.float() / 127.5 - 1
    if x.shape[-1] != side:
        x = F.interpolate(x, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
    return x.clamp(-1, 1), y


def loaded(name: str, side: int) -> dict[str, Part]:
    parts = data.load(name)
    return {part: resized(getattr(parts, part).x, getattr(parts, part).y, side) for part in ("train", "valid", "test")}


def usps(file: Path | None, side: int) -> dict[str, Part]:
    """USPS, of which the last thousand training images are for validation."""
    if file is None:
        return loaded("usps", side)
    z = np.load(file)
    x, y = ({p: torch.from_numpy(z[f"{p}_{kind}"]) for p in ("train", "test")} for kind in ("images", "labels"))
    whole = {p: resized(x[p][:, None], y[p].long(), side) for p in x}
    train = whole["train"]
    return {
        "train": tuple(t[:-1000] for t in train),
        "valid": tuple(t[-1000:] for t in train),
        "test": whole["test"],
    }


def classifier(x: Tensor, y: Tensor, seed: int = 0, steps: int = 3000) -> nn.Module:
    """Trained on images and labels, Adam on batches of 64 with a rate that falls to 0."""
    torch.manual_seed(seed)
    places = (x.shape[-1] // 4) ** 2
    net = nn.Sequential(
        *(nn.Conv2d(1, 20, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(20, 40, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Dropout(0.5), nn.Linear(40 * places, 100), nn.ReLU(), nn.Linear(100, 10)),
    ).to(x.device)
    optimizer = Adam(net.parameters(), lr=1e-3, fused=True)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 1e-3 * cosine(step / steps)
        i = torch.randint(len(x), (64,), device=x.device)
        optimizer.zero_grad()
        F.cross_entropy(net(x[i]), y[i]).backward()
        optimizer.step()
    return net.eval()


@torch.no_grad()
def accuracy(net: nn.Module, x: Tensor, y: Tensor) -> float:
    right = sum((net(some).argmax(1) == labels).sum().item() for some, labels in zip(x.split(500), y.split(500)))
    return round(right / len(x), 4)


def translated(model: CycleGAN, x: Tensor, to: str) -> Tensor:
    with evaluating(model):
        return torch.cat([model.translate(some, to) for some in x.split(500)])


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--row", required=True, choices=ROWS)
    arguments.add_argument("--usps", type=Path, default=None, help="a file of USPS; see above")
    sizes = dict.fromkeys(("side", "width", "blocks", "downs", "layers"), int)
    for name, kind in {**sizes, "epochs": float, "batch": int, "rate": float, "identity": float}.items():
        arguments.add_argument(f"--{name}", type=kind, default=None, help="the default depends on the row")
    arguments.add_argument("--steps", type=int, default=3000, help="of each classifier")
    training_arguments(arguments, precision="float32")
    options = arguments.parse_args()

    names = ("side", "width", "blocks", "downs", "layers", "epochs", "batch", "rate", "identity")
    given = {name: getattr(options, name) for name in names}
    settings = {n: s if given[n] is None else given[n] for n, s in zip(names, ROWS[options.row], strict=True)}
    side, epochs, batch, rate = (settings[name] for name in ("side", "epochs", "batch", "rate"))
    if options.row == "mnist-usps":
        domains = {"a": loaded("mnist", side), "b": usps(options.usps, side)}
    else:
        domains = {"a": loaded("glyphs", side), "b": loaded("mnist-5k", side)}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    domains = {d: {p: tuple(t.to(device) for t in part) for p, part in parts.items()} for d, parts in domains.items()}

    torch.manual_seed(options.seed)
    nets = {name: settings[name] for name in ("width", "blocks", "downs", "layers", "identity")}
    adam = lambda parameters: Adam(parameters, lr=rate, betas=(0.5, 0.999), fused=True)
    model = CycleGAN((1, side, side), **nets, optimizer=adam).to(device)
    history = trained(
        model,
        {"x": domains["a"]["train"], "b": domains["b"]["train"]},
        options,
        epochs=epochs,
        batch_size=batch,
    )
    train = {d: parts["train"] for d, parts in domains.items()}
    test = {d: parts["valid" if options.trial else "test"] for d, parts in domains.items()}
    readers = {d: classifier(*train[d], options.seed, options.steps) for d in domains}
    found = {"source_only": {}, "label_agreement": {}, "adapted": {}, "cycle_error": {}}
    for name, (source, target) in DIRECTIONS.items():
        (x, y), fakes = test[source], translated(model, test[source][0], target)
        home = translated(model, fakes, source)
        found["source_only"][name] = accuracy(readers[source], *test[target])
        found["label_agreement"][name] = accuracy(readers[target], fakes, y)
        found["cycle_error"][name] = round((home - x).abs().mean().item(), 4)
        lessons = translated(model, train[source][0], target), train[source][1]
        found["adapted"][name] = accuracy(classifier(*lessons, options.seed, options.steps), *test[target])
    result = {
        "row": options.row,
        "a": options.row.split("-")[0],
        "b": options.row.split("-")[1],
        "images": {d: len(part[0]) for d, part in test.items()},
        "reads": {d: accuracy(readers[d], *test[d]) for d in domains},
        **found,
        **settings,
        "classifier_steps": options.steps,
    }
    report("cyclegan", result, history, options)


if __name__ == "__main__":
    main()
