"""The contract's own parts: who moves what, looking without disturbing, what decides a run."""

import pytest
import torch
from torch import nn

from lecturekit import Batch, GenerativeModel, Player
from lecturekit.model import device_of, evaluating, options, own_rng


def test_a_player_moves_each_trainable_parameter_once_in_order():
    net, lone = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)), nn.Parameter(torch.zeros(1))
    net[0].bias.requires_grad_(False)
    player = Player(name="p", moves=[lone, net, net[1], lone], loss=dict)
    expected = [lone, net[0].weight, net[1].weight, net[1].bias]
    assert [id(p) for p in player.parameters()] == [id(p) for p in expected]
    assert [id(p) for p in Player(name="p", moves=lone, loss=dict).parameters()] == [id(lone)]


def test_looking_disturbs_nothing():
    """Every module is in its own mode again, though something fails inside; gradients and random numbers are as before."""
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.BatchNorm1d(2))
    model.train()
    model[1].eval()
    torch.manual_seed(3)
    state = torch.get_rng_state()
    drawn = []
    for seed in (0, 0, 1):
        with pytest.raises(ZeroDivisionError), evaluating(model, seed) as device:
            assert not any(module.training for module in model.modules()) and not torch.is_grad_enabled()
            assert device == torch.device("cpu") == device_of(model)
            drawn.append(torch.randn(3))
            raise ZeroDivisionError
    assert [module.training for module in model] == [True, False, True] and model.training
    assert torch.equal(torch.get_rng_state(), state) and torch.is_grad_enabled()
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
    with own_rng(torch.device("cpu"), 1):
        assert torch.equal(torch.randn(3), drawn[2])


def test_what_decides_a_run():
    class Model(GenerativeModel):
        def __init__(self, width, name="a", **rest):
            super().__init__()
            self.event_shape, self.width, self.name, self._cache, self.net = (2,), width, name, 3, nn.Linear(1, 1)
            self.nothing, self.reparameterized = None, True

    model = Model(4)
    assert options(model) == {"event_shape": (2,), "width": 4, "name": "a", "nothing": None}
    assert model.extra_repr() == "event_shape=(2,), width=4, name='a'"


class Classes(GenerativeModel):
    event_shape, classes = (2,), 3


def test_items_are_judged_one_by_one():
    model, x, y = Classes(), torch.zeros(4, 2), torch.tensor([0, 1, 2, 0])
    model.check(x, y)
    model.check(x, None, stream="other")  # which nobody checks
    x[3, 1] = float("inf")
    with pytest.raises(ValueError, match="not finite"):
        model.check(x, y)
    for bad in (y + 1, y[:3], None):
        with pytest.raises(ValueError, match="label"):
            model.check(torch.zeros(4, 2), bad)
    n, given = model.asked(4, y.to(torch.uint8))
    assert n == 4 and torch.equal(given, y)
    with pytest.raises(KeyError, match=r"no stream 'b'.*\['a'\]"):
        Batch(x, streams={"a": Batch(x)})["b"]
