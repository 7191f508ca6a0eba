"""`lecturekit train`: any model on any data set from the command line, and its final numbers as JSON."""

import json
import os
import sys
from importlib import import_module
from pathlib import Path

from lecturekit.course.profiles import CourseError, writable

MODELS = {
    "vae": "lecturekit.variational:VAE",
    "cvae": "lecturekit.variational:CVAE",
    "dlgm": "lecturekit.variational:DLGM",
    "draw": "lecturekit.variational:DRAW",
    "hierarchical-vae": "lecturekit.variational:HierarchicalVAE",
    "linear-gaussian": "lecturekit.variational:LinearGaussian",
    "gaussian-mixture": "lecturekit.variational:GaussianMixture",
    "sigmoid-belief-net": "lecturekit.belief:SigmoidBeliefNet",
    "gan": "lecturekit.adversarial:GAN",
    "dcgan": "lecturekit.adversarial:DCGAN",
    "lapgan": "lecturekit.adversarial:LAPGAN",
    "wgan": "lecturekit.adversarial:WGAN",
    "pixelrnn": "lecturekit.exact:PixelRNN",
    "nice": "lecturekit.exact:NICE",
    "realnvp": "lecturekit.exact:RealNVP",
    "glow": "lecturekit.exact:Glow",
}
VIEWS = dict.fromkeys(("gan", "dcgan", "lapgan", "wgan"), "signed")  # of images, where it is not "binary"
VIEWS |= dict.fromkeys(("nice", "realnvp", "glow"), "dequantized")
OF_VECTORS = ("linear-gaussian", "gaussian-mixture")  # which take a number of dimensions in place of a shape


def build(name: str, event_shape: tuple[int, ...], options: str):
    """A model by name, for items of this shape, with constructor options as a JSON object."""
    from torch import nn

    module, _, cls = MODELS[name].partition(":")
    try:
        given = json.loads(options)
    except ValueError as error:
        raise CourseError(f"--options {options!r} are no JSON ({error})") from None
    if not isinstance(given, dict):
        raise CourseError(f'--options {options!r} must be an object, such as {{"latent": 50}}')
    if name in OF_VECTORS and len(event_shape) != 1:
        raise CourseError(f"{name} models vectors, such as those of toy2d, not items of shape {event_shape}")
    try:
        chosen = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
        if "activation" in chosen:
            chosen["activation"] = getattr(nn, chosen["activation"])
        shape = {"dimensions": event_shape[0]} if name in OF_VECTORS else {"event_shape": event_shape}
        return getattr(import_module(module), cls)(**shape, **chosen)
    except (ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise CourseError(f"{name} cannot be made with --options {options!r} for this data: {error}") from error


def train(
    model: str,
    data: str,
    view: str | None,
    epochs: float,
    batch_size: int,
    seed: int,
    precision: str,
    checkpoint: Path | None,
    resume: bool,
    options: str,
    k: int,
    items: int,
) -> bool:
    """Train, evaluate, print JSON to standard output (progress goes to standard error); False if interrupted."""
    import torch
    from torch import distributed

    from lecturekit import LatentVariableModel, checks, fit
    from lecturekit.data import load
    from lecturekit.evaluate import importance_bound, log_likelihood

    several = "LOCAL_RANK" in os.environ  # torchrun started us
    if several and not all(os.environ.get(name, "").isdecimal() for name in ("LOCAL_RANK", "RANK", "WORLD_SIZE")):
        raise CourseError("LOCAL_RANK is set, but not RANK and WORLD_SIZE too: start by torchrun, or unset LOCAL_RANK")
    rank, local = (int(os.environ[name]) if several else 0 for name in ("RANK", "LOCAL_RANK"))
    result = None
    try:
        checks.whole(batch_size=batch_size, k=k, items=items), checks.whole(0, 2**63 - 1, seed=seed)
        checks.number(above=0, epochs=epochs)
        device = torch.device("cuda", local) if torch.cuda.is_available() else "cpu"
        if several:
            distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        dataset = load(data, view=view or (None if data == "toy2d" else VIEWS.get(model, "binary")))
        torch.manual_seed(seed)
        net = build(model, dataset.event_shape, options).to(device)
        if len(dataset.event_shape) == 1 and getattr(net, "likelihood", "") == "bernoulli":
            raise CourseError(f'{model} models bits, and {data} are points: --options \'{{"likelihood": "gaussian"}}\'')
        latent = isinstance(net, LatentVariableModel)
        exact = hasattr(net, "log_prob") and not latent

        def part(split):
            x, y = split[: min(items, len(split))].tensors(seed=0)
            return x.to(device), None if y is None else y.to(device)

        held_out = part(dataset.valid) if (latent or exact) and dataset.valid is not None else None

        def validate(m):
            if latent:
                return {"elbo": m.elbo(held_out[0], y=held_out[1]).mean()}
            return {"log_likelihood": log_likelihood(m, *held_out, progress=False).mean}

        history = fit(
            net,
            dataset.train,
            epochs=epochs,
            batch_size=batch_size,
            seed=seed,
            precision=precision,
            checkpoint=checkpoint and writable(checkpoint, "--checkpoint"),
            resume=resume,
            validate=validate if held_out else None,
        )
        epoch = max(1, len(dataset.train) // batch_size)
        result = {
            "model": model,
            "data": data,
            "seed": seed,
            "epochs": round(history.trained, 3),
            "interrupted": history.interrupted,
            "seconds": round(history.seconds, 2),
            "precision": history.precision,
            "last_epoch": {name: sum(history[name][-epoch:]) / len(history[name][-epoch:]) for name in history},
        }
        if exact and not history.interrupted and dataset.test is not None:
            found = log_likelihood(net, *part(dataset.test))
            result["test"] = {
                "log_likelihood_nats": found.mean,
                "standard_error": found.standard_error,
                "items": len(found.values),
            }
        if latent and not history.interrupted and dataset.test is not None:
            x, y = part(dataset.test)
            bound = importance_bound(net, x, k=k, y=y)
            result["test"] = {
                "bound_nats": bound.mean,
                "standard_error": bound.standard_error,
                "k": k,
                "items": len(bound.values),
            }
    except (ValueError, TypeError, RuntimeError, FloatingPointError, MemoryError) as error:  # of data, checkpoints, ...
        raise CourseError(str(error)) from error
    finally:
        if several and distributed.is_initialized():
            distributed.destroy_process_group()
        if rank == 0 and result:  # of a training whose evaluation was interrupted too
            json.dump(result, sys.stdout, indent=2)
            print()
    return not history.interrupted
