"""What latent-variable models and the heads are not to be called with: each is refused by name, before anything is done."""

import functools
import math
from itertools import product

import jaxtyping
import numpy as np
import pytest
import torch
from torch import nn

from lecturekit import Batch, checks, nets
from lecturekit.model import evaluating, options, own_rng  # noqa: F401 (the calls below are text)
from lecturekit.variational import CVAE, DLGM, DRAW, IWAE, VAE, HierarchicalVAE, LinearGaussian, SemiSupervisedVAE
from lecturekit.variational.draw import LSTM, Window  # noqa: F401

E, nan, inf = (1, 4, 3), math.nan, math.inf
X = torch.bernoulli(torch.full((6, *E), 0.4), generator=torch.Generator().manual_seed(0))
Y = torch.tensor([0, 1, 2, 1, 0, 2])


@pytest.fixture(autouse=True)
def untyped():
    """Called as users call it, without the check of types that the other tests have."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def vae(**options):
    return VAE(**{"event_shape": E, "latent": 2, "hidden": (8,)} | options)


def cvae(**options):
    return CVAE(**{"event_shape": E, "condition": 3, "latent": 2, "hidden": (8,)} | options)


def parts(**options):
    return CVAE(**{"event_shape": E, "condition": (1, 2), "latent": 2, "hidden": (8,)} | options)


def semi(**options):
    return SemiSupervisedVAE(**{"event_shape": E, "classes": 3, "latent": 2, "hidden": (8,)} | options)


def iwae(**options):
    return IWAE(**{"model": vae(), "k": 3} | options)


def dlgm(**options):
    return DLGM(**{"event_shape": E, "latents": (3, 2), "hidden": 6} | options)


def draw(**options):
    return DRAW(**{"event_shape": E, "steps": 2, "latent": 3, "hidden": 4} | options)


def hier(**options):
    return HierarchicalVAE(**{"event_shape": E, "latents": (3, 2), "hidden": ((5,), (4,))} | options)


# --- constructors -------------------------------------------------------------------------------------------------------

NO_WHOLE = [0, -1, 2.5, nan, inf, "2", True, torch.ones(2), [3]]
NO_SEQUENCE = [0, 3, None, "ab", nan, (0, 2), (2, -1), (2, 2.5), (True, 2), ("2", 2), torch.ones(2)]
NO_FLAG, NO_WORD = [0, 1, "no", None, 0.5], ["", "bernouli", 1, None, ["bernoulli"]]
NO_SHARE, NO_WEIGHT = [-0.1, 1.5, nan, "0.5", None, True], [-1.0, nan, inf, "1", None, False]
NO_MAKER = [nn.ReLU(), "relu", None, torch.relu, nn.functional.relu, nn.Linear, int, 3]
NO_NET = ["mlp", nn.Linear, lambda x: x, 3]
ARGUMENTS = [
    (vae, "latent", [*NO_WHOLE, None]),
    (vae, "levels", [*NO_WHOLE, 1, None]),
    (vae, "event_shape", [*NO_SEQUENCE, ()]),
    (vae, "hidden", NO_SEQUENCE),
    (vae, "likelihood", NO_WORD),
    (vae, "closed_form_kl", NO_FLAG),
    (vae, "activation", NO_MAKER),
    (vae, "encoder", NO_NET),
    (vae, "decoder", NO_NET),
    (cvae, "latent", [*NO_WHOLE, None]),
    (cvae, "event_shape", [*NO_SEQUENCE, ()]),
    (cvae, "hidden", NO_SEQUENCE),
    (cvae, "condition", [0, -1, True, 2.5, nan, "3", None, (), (0,), (1, 2.5), torch.ones(2)]),
    (cvae, "likelihood", [*NO_WORD, "discretized-logistic"]),
    (cvae, "conditional_prior", NO_FLAG),
    (cvae, "activation", NO_MAKER),
    (semi, "classes", [*NO_WHOLE, None]),
    (semi, "latent", [*NO_WHOLE, None]),
    (semi, "event_shape", [*NO_SEQUENCE, ()]),
    (semi, "hidden", NO_SEQUENCE),
    (semi, "weight", NO_WEIGHT),
    (semi, "likelihood", NO_WORD),
    (semi, "activation", NO_MAKER),
    (iwae, "k", [*NO_WHOLE, None]),
    (iwae, "estimator", [*NO_WORD, "stl"]),
    (dlgm, "latents", [*NO_SEQUENCE, ()]),
    (dlgm, "hidden", [*NO_WHOLE, None]),
    (dlgm, "event_shape", [*NO_SEQUENCE, ()]),
    (dlgm, "covariance", ["full", None, 2]),
    (dlgm, "skips", NO_FLAG),
    (dlgm, "warm_up", NO_SHARE),
    (dlgm, "free_bits", NO_WEIGHT),
    (dlgm, "activation", NO_MAKER),
    (draw, "steps", [*NO_WHOLE, None]),
    (draw, "latent", [*NO_WHOLE, None]),
    (draw, "hidden", [*NO_WHOLE, None]),
    (draw, "read_size", NO_WHOLE),
    (draw, "write_size", NO_WHOLE),
    (draw, "event_shape", [*NO_SEQUENCE, (), (12,), (1, 1, 4, 3)]),
    (hier, "latents", [*NO_SEQUENCE, ()]),
    (hier, "hidden", [3, None, "ab", (5, 4), ((0,), (4,)), ((5,), 4), ((5,),), ((5,), (2.5,)), ()]),
    (hier, "event_shape", [*NO_SEQUENCE, ()]),
    (hier, "activation", NO_MAKER),
]


@pytest.mark.parametrize(
    "make, name, values", ARGUMENTS, ids=[f"{make.__name__}-{name}" for make, name, _ in ARGUMENTS]
)
def test_a_bad_argument_is_refused_by_its_name(make, name, values):
    make()
    for value in values:
        with pytest.raises((ValueError, TypeError), match=rf"\b{name}\b") as caught:
            make(**{name: value})
        assert "lecturekit" in str(caught.traceback[-1].path), (value, caught.value)  # not from inside torch


def test_options_of_numpy_become_pythons():
    number = np.int64(3)
    models = [
        vae(
            event_shape=np.array(E), latent=number, levels=np.int32(7), hidden=[number], likelihood=np.str_("gaussian")
        ),
        vae(closed_form_kl=np.bool_(False), event_shape=torch.Size(E), hidden=iter([4, 5])),
        cvae(condition=number, latent=np.uint8(2), conditional_prior=np.True_),
        parts(condition=np.array([1, 2])),
        semi(classes=number, weight=np.float32(0.5), hidden=(size for size in (8,))),
        iwae(k=number),
        dlgm(latents=np.array([3, 2]), hidden=number, warm_up=np.float32(0.5), free_bits=np.float64(1), skips=np.True_),
        draw(steps=number, latent=number, hidden=number, read_size=number, write_size=np.uint8(2)),
        hier(latents=np.array([3, 2]), hidden=np.array([[5], [4]])),
    ]
    for model in models:
        for module in model.modules():
            held = [v for value in options(module).values() for v in (value if isinstance(value, tuple) else [value])]
            assert {type(v) for v in held} <= {int, float, str, bool, type(None), tuple}, module
        assert "np." not in repr(model)
    assert not models[1].closed_form_kl and models[2].classes == 3 and models[3].classes is None
    assert models[4].weight == 0.5 and models[5].k == 3 and models[6].warm_up == 0.5 and models[6].skips is True
    assert [len(model.decoder) for model in models[:2]] == [3, 5] and len(models[4].classifier) == 3


# --- calls --------------------------------------------------------------------------------------------------------------

WRONG_SHAPE, NO_K = r"shape.*\(1, 4, 3\)", r"k, the number of samples, must be a whole number of at least 1"
CALLS = {
    r"an instance; this is a (type|SemiSupervisedVAE|NoneType|str|Linear)": [
        "IWAE(VAE)",
        "IWAE(semi())",
        "IWAE(None)",
        "IWAE('vae')",
        "IWAE(nn.Linear(2, 2))",
    ],
    r"z, the latents, must be \(\.\.\., 2\)": [
        f"{make}.decode({z})"
        for make, z in [
            ("vae()", "torch.zeros(4, 3)"),
            ("vae()", "torch.zeros(())"),
            ("vae(likelihood='gaussian')", "torch.zeros(2, 4, 1)"),
            ("iwae()", "torch.zeros(4, 3)"),
            ("hier()", "torch.zeros(4, 3)"),
        ]
    ]
    + ["cvae().decode(torch.zeros(6, 3), Y)", "parts().decode(torch.zeros(4, 1), torch.zeros(4, 1, 2))"],
    r"z, the latents, must be \(\.\.\., 5\)": ["dlgm().decode(torch.zeros(4, 4))"],
    r"z, the latents, must be \(\.\.\., 2, 3\)": [
        "draw().decode(torch.zeros(4, 6))",
        "draw().decode(torch.zeros(3))",
    ],
    r"z, the latents, must be \(batch, 2, 3\)": [
        "next(draw().strokes(torch.zeros(2, 3)))",
        "next(draw().strokes(torch.zeros(5, 4, 2, 3)))",
    ],
    r"must be a tensor": [
        "vae().decode([[0.0, 1.0]])",
        "vae().decode(None)",
        "vae().elbo(X.numpy())",
        "vae().bound([1], 2)",
    ],
    WRONG_SHAPE: [
        f"{make}.{call}"
        for make, call in product(
            ["vae()", "iwae()", "dlgm()", "draw()", "hier()", "iwae(model=hier())"],
            ["elbo(X[:, 0])", "bound(X.mT, 2)", "log_weights(X[..., :2])", "paths(X[0])", "codes(X.flatten(1))"],
        )
    ]
    + [
        f"{make}.{call}"
        for make in ["vae()", "dlgm()", "draw()", "hier()"]
        for call in ["loss(Batch(X[:, 0]))", "check(X[:, 0])"]
    ]
    + [
        f"cvae().{call}"
        for call in [
            "encode(X[:, 0], Y)",
            "elbo(X[0], 1, Y)",
            "monte_carlo(X[:, 0], 2, Y)",
            "halves(X.flatten(1), Y)",
            "loss(Batch(X[:, 0], Y))",
            "codes(X[:, 0], Y)",
        ]
    ]
    + ["vae().encode(X[:, 0])", "dlgm().encode(X[0])", "dlgm().kl(X[0])", "draw().kl_by_step(X[:, 0])"]
    + ["next(draw().inference(X[:, 0]))", "semi().classify(X[:, 0])", "semi().unlabelled_bound(X[0])"]
    + ["semi().labelled_bound(X[:, 0], Y)", "semi().check(X[:, 0])", "semi().check(X[:, 0], Y, stream='labelled')"],
    NO_K: [
        f"{make}.{call}(X, {k})"
        for make, call, k in product(
            ["vae()", "draw()", "hier()", "iwae()"],
            ["elbo", "bound", "paths", "log_weights"],
            ["0", "-1", "2.5", "'2'", "None"],
        )
    ]
    + ["vae().elbo(X, True)", "cvae().monte_carlo(X, 0, Y)", "cvae().monte_carlo(X, 2.5, Y)"],
    NO_K + ".*labels go by name: y=": ["cvae().elbo(X, Y)", "cvae().bound(X, Y)", "cvae().monte_carlo(X, Y, Y)"],
    r"n must be a whole number.*labels go by name: y=": ["cvae().sample(Y)", "semi().sample(Y)"],
    r"n must be a whole number of at least 0": [
        f"{make}.sample({n})"
        for make, n in product(
            ["vae()", "semi()", "dlgm()", "draw()", "hier()", "iwae()"], ["-1", "2.5", "'3'", "None", "nan"]
        )
    ],
    r"has no classes": [
        f"{make}.sample(6, Y)" for make in ["vae()", "dlgm()", "draw()", "hier()", "iwae()", "iwae(model=draw())"]
    ],
    r"pass y=": [
        *["cvae().sample(3)", "cvae().elbo(X)", "cvae(conditional_prior=True).prior()"],
        *["cvae().encode(X)", "cvae().decode(torch.zeros(6, 2))", "cvae().check(X)", "cvae().codes(X)"],
        *["parts().elbo(X)", "parts().check(X)", "parts().sample(2)", "iwae(model=cvae()).sample(2)"],
        *["iwae(model=cvae()).bound(X, 2)", "semi().check(X, stream='labelled')", "semi().labelled_bound(X, None)"],
    ],
    r"y must be a tensor": [
        "cvae().sample(3, 1)",
        "cvae().elbo(X, 1, [0, 1, 2, 1, 0, 2])",
        "parts().sample(1, [[0, 1]])",
    ],
    r"labels, whole numbers": [
        f"{call}(X, {given}y={y})"
        for call, given in [
            *[("cvae().elbo", "k=2, "), ("cvae().bound", "k=2, "), ("cvae().paths", ""), ("cvae().log_weights", "")],
            *[("cvae().encode", ""), ("cvae().halves", ""), ("cvae().check", ""), ("cvae().monte_carlo", "k=2, ")],
            *[("semi().labelled_bound", ""), ("iwae(model=cvae()).elbo", ""), ("iwae(model=cvae()).check", "")],
        ]
        for y in ["Y.float()", "Y[:, None]", "torch.tensor(1)"]
    ],
    r"need (6|2|5) (labels|conditions)": [
        *[
            "cvae().elbo(X, y=Y[:5])",
            "cvae().elbo(X, y=Y[:1])",
            "cvae().bound(X, 2, Y[:1])",
            "cvae().paths(X, 2, Y[:2])",
        ],
        *[
            "cvae().encode(X, Y[:1])",
            "cvae().halves(X, Y[:1])",
            "cvae().monte_carlo(X, 2, Y[:1])",
            "cvae().check(X, Y[:5])",
        ],
        *["cvae(conditional_prior=True).monte_carlo(X, 2, Y[:1])", "cvae(conditional_prior=True).elbo(X, 1, Y[:1])"],
        *[
            "cvae().decode(torch.zeros(6, 2), Y[:1])",
            "cvae().decode(torch.zeros(4, 6, 2), Y[:5])",
            "cvae().sample(6, Y[:1])",
        ],
        *["cvae().elbo(X[:2], 1, Y)", "iwae(model=cvae()).bound(X, 2, Y[:1])", "semi().labelled_bound(X, Y[:1])"],
        *[
            "semi().sample(2, Y)",
            "semi().check(X, Y[:5], stream='labelled')",
            "parts().sample(2, torch.zeros(1, 1, 2))",
        ],
        *["parts().elbo(X, 1, torch.zeros(1, 1, 2))", "parts().halves(X, torch.zeros(5, 1, 2))"],
        *["parts().monte_carlo(X, 2, torch.zeros(1, 1, 2))", "parts().check(X, torch.zeros(5, 1, 2))"],
    ],
    r"labels must be 0 to 2, not.* is (9|-1)\)": [
        f"{call}{y})"
        for call in [
            *[
                "cvae().elbo(X, 1, ",
                "cvae().sample(6, ",
                "cvae().monte_carlo(X, 2, ",
                "cvae().check(X, ",
                "semi().sample(6, ",
            ],
            *["semi().labelled_bound(X, ", "cvae().decode(torch.zeros(6, 2), ", "cvae(conditional_prior=True).prior("],
            *["iwae(model=cvae()).sample(6, ", "semi().check(X, stream='labelled', y="],
        ]
        for y in ["9 * (Y > 1)", "-(Y > 1).int()"]
    ],
    r"y must be \(batch, 1, 2\)": [
        *["parts().elbo(X, 1, torch.zeros(6, 2))", "parts().sample(6, Y)", "parts().check(X, torch.zeros(6, 2, 1))"],
        *["parts().decode(torch.zeros(6, 2), torch.zeros(1, 2))", "parts().halves(X, torch.zeros(2, 6, 1, 2))"],
    ],
    r"not finite": [
        *[
            "vae().check(X * nan)",
            "cvae().check(X / 0, Y)",
            "parts().check(X, (Y < 2).log()[:, None, None].expand(6, 1, 2))",
            "draw().check(X / 0)",
        ],
        "semi().check(X * nan)",
    ],
    r"encoder\(x\) must be \(batch, 4\), not": [
        f"{make.format(net)}{call}"
        for make, net, call in product(
            ["vae(encoder=nn.Sequential(nn.Flatten(), {}))"],
            ["nn.Linear(12, 3)", "nn.Linear(12, 2)", "nn.Linear(12, 8)", "nn.Linear(12, 4), nn.Unflatten(1, (2, 2))"],
            [".check(X)", ".encode(X)", ".elbo(X)", ".loss(Batch(X))"],
        )
    ],
    r"decoder\(z\).*, 1, 4, 3\) or \(.*, 12\), not": [
        f"vae(decoder=nn.Sequential({net})){call}"
        for net, call in product(
            ["nn.Linear(2, 11)", "nn.Linear(2, 24)", "nn.Linear(2, 12), nn.Unflatten(1, (3, 4))", "nn.Linear(2, 1)"],
            [".check(X)", ".decode(torch.zeros(5, 2))", ".sample(3)", ".loss(Batch(X))"],
        )
    ],
    r"decoder\(z\).*, 2, 4, 3\) or \(.*, 24\), not": ["vae(decoder=nn.Linear(2, 12), likelihood='gaussian').check(X)"],
    r"encoder does not take what this model gives it": [
        "vae(encoder=nn.Linear(12, 4)).check(X)",
        "IWAE(vae(encoder=nn.Sequential(nn.Flatten(), nn.Linear(11, 4)))).check(X)",
    ],
    r"decoder does not take what this model gives it": ["vae(decoder=nn.Linear(3, 12)).check(X)"],
    r"layer must be a whole number from 0 to 1": [
        f"hier().{call}({layer}, X.flatten(1))"
        for call, layer in product(["recognize", "generate"], [-1, 2, 0.0, "'0'", None])
    ],
    r"below must be \(\.\.\., 12\)": ["hier().recognize(0, X)"],
    r"below must be \(\.\.\., 3\)": ["hier().recognize(1, X.flatten(1))"],
    r"above must be \(\.\.\., 3\)": ["hier().generate(0, torch.zeros(4, 2))"],
    r"draws must be": [f"{make}.codes(X, draws={k})" for make, k in product(["draw()", "hier()"], [0, -1, 2.5, None])],
    r"levels must be a whole number of at least 2": [
        *["nets.DiscretizedLogistic(torch.zeros(2), torch.zeros(2), 1)", "nets.discretized_logistic(X, X, 2.5, 3)"],
        "nets.discretized_logistic(X, X, 0, 3)",
    ],
    r"as many locations as log scales, not 3": ["nets.location_and_scale(torch.zeros(5, 3), 1)"],
    r"(n|height|width) must be a whole number of at least 1": [
        f"Window.of(torch.zeros(2, 5), {sizes})"
        for sizes in ["0, 4, 4", "2.5, 4, 4", "2, -1, 4", "2, 4, 0", "None, 4, 4"]
    ],
    r"parameters must be \(batch, 5\)": [
        "Window.of(torch.zeros(2, 4), 2, 4, 4)",
        "Window.of(torch.zeros(5), 2, 4, 4)",
    ],
    r"(inputs|hidden) must be a whole number": ["LSTM(0, 3)", "LSTM(3, -1)", "LSTM(3, 2.5)", "LSTM('3', 2)"],
    r"sizes\[1\] must be": ["nets.mlp([3, 0, 2])", "nets.mlp([3, 2.5])", "nets.mlp([3, '2'])"],
    r"sizes must be": ["nets.mlp(3)", "nets.mlp('34')", "nets.mlp(None)", "nets.mlp([])"],
    r"activation must be": ["nets.mlp([3, 4, 2], nn.ReLU())", "nets.mlp([3, 2], torch.tanh)", "nets.mlp([3, 2], None)"],
    r"seed must be": ["own_rng(torch.device('cpu'), 1.5).__enter__()", "evaluating(vae(), 'a').__enter__()"],
    r"model must be a net, an instance": ["evaluating(VAE).__enter__()", "evaluating(None).__enter__()"],
}


ONCE = {f.__name__: functools.cache(f) for f in (vae, cvae, parts, semi, iwae, dlgm, draw, hier)}  # built once


@pytest.mark.parametrize("pattern", CALLS)
def test_a_bad_call_says_what_is_wrong(pattern):
    for call in CALLS[pattern]:
        with pytest.raises((ValueError, TypeError), match=pattern) as caught:
            eval(call, globals() | ONCE)
            pytest.fail(call)
        assert "lecturekit" in str(caught.traceback[-1].path), call


def test_nothing_is_looked_at_where_data_are_trusted():
    """In the loop of `fit`: losses call the same functions, and a check would wait for the device."""
    model, bad = cvae(), torch.tensor([0, 1, 2, 1, 0, 7])
    with pytest.raises(ValueError, match="is 7"):
        model.conditions(bad)
    with checks.trusted():
        assert torch.equal(model.conditions(bad.int()), bad)
        assert vae().encode(X.flatten(1)[:, None, :, None]).mean.shape == (6, 2)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int32, torch.int64, torch.bool])
def test_labels_of_any_whole_type_are_the_same_labels(dtype):
    y = Y % 2 if dtype == torch.bool else Y
    one, given, both = cvae(), cvae(conditional_prior=True), semi()
    calls = {
        "sample": lambda y: one.sample(6, y),
        "semi": lambda y: both.sample(6, y),
        "iwae": lambda y: IWAE(given, 3, "dreg").loss(Batch(X, y))["loss"],
        "paths": lambda y: one.paths(X, 2, y)[0],
        "elbo": lambda y: given.elbo(X, 1, y),
        "bound": lambda y: IWAE(one, 2).bound(X, 3, y),
        "log_weights": lambda y: one.log_weights(X, 3, y),
        "monte_carlo": lambda y: given.monte_carlo(X, 3, y),
        "halves": lambda y: torch.stack(given.halves(X, y)),
        "codes": lambda y: one.codes(X, y),
        "loss": lambda y: one.loss(Batch(X, y))["loss"],
        "labelled": lambda y: both.labelled_bound(X, y),
        "J": lambda y: torch.stack(list(both.loss(Batch(X, streams={"labelled": Batch(X, y)})).values())),
    }
    for name, call in calls.items():
        found = []
        for labels in (y, y.to(dtype)):
            torch.manual_seed(0)
            found.append(call(labels))
        assert torch.equal(*found), name
    one.check(X, y.to(dtype))
    both.check(X, y.to(dtype), stream="labelled")
    both.check(X)  # the first stream needs none


def test_a_model_of_ones_own_may_take_conditions_of_its_own():
    class Shifted(LinearGaussian):
        def decode(self, z, y=None):
            mean = z @ self.weight.T + y
            return nets.gaussian(mean, torch.zeros_like(mean))

    class Told(Shifted):
        def conditions(self, y, n=None):
            return checks.ends((3,), lead=1, y=y)

    y = torch.full((5, 3), 100.0)
    assert (Told(3, 1).sample(5, y) > 50).all()
    with pytest.raises(ValueError, match="no classes"):
        Shifted(3, 1).sample(5, y)


def test_nets_are_looked_at_in_eval_mode_and_nothing_moves():
    """A net with batch normalization cannot be asked for one item in train mode; its averages and the noise stay."""
    encoder = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(12), nn.Dropout(), nn.Linear(12, 4))
    model = vae(encoder=encoder).train()
    before, state = {k: v.clone() for k, v in model.state_dict().items()}, torch.get_rng_state()
    model.check(X)
    hier().check(X) if torch.equal(state, torch.get_rng_state()) else pytest.fail("random numbers moved")
    assert model.training and encoder[1].training
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_what_is_right_stays_right():
    """Leading dimensions, whole numbers as z, one z under many labels, no items at all."""
    assert vae().decode(torch.zeros(2)).batch_shape == () and vae().decode(torch.zeros(4, 5, 2)).batch_shape == (4, 5)
    assert vae().decode(torch.zeros(4, 2, dtype=torch.long)).mean.shape == (4, *E)
    assert draw().decode(torch.zeros(4, 5, 2, 3)).batch_shape == (4, 5)
    assert cvae().decode(torch.zeros(1, 2), Y).batch_shape == (6,) and cvae().decode(torch.zeros(2), Y).batch_shape == (
        6,
    )
    assert cvae().decode(torch.zeros(4, 6, 2), Y).batch_shape == (4, 6)
    assert cvae().sample(0, Y[:0]).shape == vae().sample(0).shape == semi().sample(0).shape == (0, *E)
    assert nets.mlp([3, 2], activation=lambda: nn.LeakyReLU(0.2))[0].out_features == 2
    flat = vae(decoder=nn.Linear(2, 12))
    flat.check(X)
    flat.check(X.bool())
    assert vae(hidden=()).encoder[1][0].out_features == 4
