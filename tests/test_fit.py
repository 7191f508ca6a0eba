"""The loop's contract, each part on a model of ten lines."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam

from lecturekit import EarlyStopping, GenerativeModel, Player, checks, fit, rounds
from lecturekit.training.stream import Stream, TensorData
from lecturekit.variational import VAE

sgd = partial(SGD, lr=0.1)
DATA = torch.arange(10.0)[:, None]


class Point(GenerativeModel):
    """Moves one number towards the mean of the data."""

    event_shape = (1,)

    def __init__(self, **player):
        super().__init__()
        self.mean, self.player = nn.Parameter(torch.zeros(1)), player
        self.seen = []

    def loss(self, batch):
        self.seen.append(batch)
        return {"loss": (batch.x - self.mean).square().mean(), "mean": self.mean.sum()}

    def players(self):
        return [Player(**{"name": "point", "moves": self, "loss": self.loss, "optimizer": sgd} | self.player)]


class Game(GenerativeModel):
    """min over a, max over b of a * b + a: each loss depends on both, so a leak would show."""

    event_shape = (1,)

    def __init__(self, simultaneous=False, **b):
        super().__init__()
        self.a, self.b = nn.Parameter(torch.tensor(1.0)), nn.Parameter(torch.tensor(2.0))
        self.simultaneous, self.options = simultaneous, b
        self.batches = []

    def players(self):
        def a_loss(batch):
            self.batches.append(("a", batch))
            return {"loss": self.a * self.b + self.a}

        def b_loss(batch):
            self.batches.append(("b", batch))
            return {"loss": -self.a * self.b}

        return [
            Player(name="a", moves=self.a, loss=a_loss, optimizer=sgd),
            Player(name="b", moves=self.b, loss=b_loss, optimizer=sgd, **self.options),
        ]


def run(model, data=DATA, **options):
    return fit(model, data, **{"epochs": 1, "batch_size": 5, "progress": False} | options)


# --- the data -------------------------------------------------------------------------------------------------------


def test_every_item_comes_once_per_epoch_in_a_new_order_each_time():
    model = Point()
    run(model, epochs=2)
    seen = torch.cat([b.x for b in model.seen]).flatten()
    assert len(model.seen) == 4
    assert sorted(seen[:10].tolist()) == sorted(seen[10:].tolist()) == DATA.flatten().tolist()
    assert seen[:10].tolist() != seen[10:].tolist()


def test_every_epoch_has_an_order_of_its_own():
    stream = Stream(DATA, 5, 0, 0, torch.device("cpu"))
    orders = {tuple(stream.permutation(epoch).tolist()) for epoch in (0, 1, 2, 3, 4, 10, 256, 2**32)}
    assert len(orders) == 8


@pytest.mark.parametrize("other", [4, 30])
def test_the_first_stream_counts_the_epochs(other):
    model = Point()
    history = run(model, {"x": DATA, "other": torch.zeros(other, 1)}, epochs=3)
    assert history.trained == 3 and history.epochs("point/loss") == [0, 0.5, 1, 1.5, 2, 2.5]
    assert model.seen[3].progress.item() == 0.5


def test_a_stream_is_a_function_of_seed_key_and_position():
    def row(seed=0, key=0, start=0):
        stream = Stream(DATA, 4, seed, key, torch.device("cpu"))
        stream.position = start
        return torch.cat([stream.next().x for _ in range(6)]).flatten().tolist()

    assert row() == row()
    assert row(start=8) == (row() + row(start=24))[8:32]  # resume at any position, across permutations
    assert row() != row(seed=1) and row() != row(key=1)


def test_batches_run_across_the_end_of_a_permutation():
    stream = Stream(DATA, 7, 0, 0, torch.device("cpu"))
    row = torch.cat([stream.next().x for _ in range(10)]).flatten()
    assert (row.reshape(7, 10).sort(1).values == DATA.flatten()).all()


def test_a_batch_may_be_larger_than_its_dataset():
    assert len(Stream(DATA[:3], 8, 0, 0, torch.device("cpu")).next()) == 8


def test_labels_travel_with_their_items():
    model = Point()
    run(model, (DATA, DATA.flatten().long() * 2))
    for batch in model.seen:
        assert (batch.y == batch.x.flatten().long() * 2).all()


def test_streams_by_name_with_sizes_of_their_own():
    model = Point()
    run(
        model,
        {"all": DATA, "labelled": (100 + DATA[:4], torch.arange(4))},
        batch_size={"all": 5, "labelled": 2},
    )
    assert [len(b) for b in model.seen] == [5, 5]
    assert all(b["all"].x is b.x for b in model.seen)
    assert sorted(torch.cat([b["labelled"].y for b in model.seen]).tolist()) == [0, 1, 2, 3]
    with pytest.raises(KeyError, match="'labelled'"):
        model.seen[0]["unlabelled"]


def test_progress_runs_from_zero_to_below_one():
    model = Point(turns=3)
    run(model, epochs=3)
    progress = [b.progress.item() for b in model.seen]
    assert progress[0] == 0 and progress == sorted(progress) and progress[-1] < 1
    assert all(b.progress.ndim == 0 for b in model.seen)


# --- turns ----------------------------------------------------------------------------------------------------------


def test_one_step_by_hand():
    model = Point()
    history = run(model, torch.full((5, 1), 3.0))
    torch.testing.assert_close(model.mean.data, torch.tensor([0.6]))  # 0 - 0.1 * 2 * (0 - 3)
    assert history["point/loss"] == [9.0] and history["point/mean"] == [0.0]


def test_players_take_turns_and_a_leaky_loss_moves_only_its_player():
    model = Game()
    run(model, DATA[:5])
    a = 1 - 0.1 * (2 + 1)
    assert model.a.item() == pytest.approx(a)
    assert model.b.item() == pytest.approx(2 + 0.1 * a)  # b saw the moved a


def test_simultaneous_players_see_the_same_parameters():
    model = Game(simultaneous=True)
    run(model, DATA[:5])
    assert model.a.item() == pytest.approx(1 - 0.1 * (2 + 1))
    assert model.b.item() == pytest.approx(2 + 0.1 * 1)  # b saw the old a


def test_simultaneous_players_may_share_a_parameter():
    class Shared(Game):
        simultaneous = True

        def players(self):
            first, second = super().players()
            both = [self.a, self.b]
            return [
                Player(name="first", moves=both, loss=first.loss, optimizer=sgd),
                Player(name="second", moves=both, loss=second.loss, optimizer=sgd),
            ]

    model = Shared(simultaneous=True)
    run(model, DATA[:5])
    assert model.a.item() == pytest.approx(1 - 0.1 * (2 + 1) - 0.1 * (-2))
    assert model.b.item() == pytest.approx(2 - 0.1 * 1 - 0.1 * (-1))


def test_extra_turns_draw_fresh_batches_and_the_first_is_shared():
    model = Game(turns=3)
    run(model, epochs=3)
    players = "".join(name for name, _ in model.batches)
    assert players.startswith("abbb")
    first, *own = [batch for _, batch in model.batches[:4]]
    assert own[0] is first
    assert len({id(b) for b in own}) == 3
    # rounds of three batches: two rounds cover three epochs of two batches
    assert players == "abbbabbb"


def test_a_player_whose_when_is_false_sits_the_turn_out():
    model = Game(when=lambda: torch.tensor(False))
    history = run(model)
    assert model.b.item() == 2 and model.a.item() != 1
    assert "b/loss" not in history


def test_a_rule_is_asked_at_every_turn():
    answers = iter([True, False, True] * 3)
    model = Game(turns=3, when=lambda: next(answers))
    run(model, epochs=3)
    assert "".join(name for name, _ in model.batches) == "abb" * 3  # in each round of two batches


def test_extra_turns_have_the_progress_of_their_round():
    model = Point(turns=2)
    run(model, epochs=2)
    assert [batch.progress.item() for batch in model.seen] == [0, 0, 0.5, 0.5]


def test_schedule_scales_the_base_rate_and_never_compounds():
    model = Point(schedule=lambda progress: 1 - progress)
    run(model, torch.full((20, 1), 1.0))
    mean = 0.0
    for progress in (0, 0.25, 0.5, 0.75):
        mean -= 0.1 * (1 - progress) * 2 * (mean - 1)
    assert model.mean.item() == pytest.approx(mean)


def test_after_runs_without_gradients_after_each_step():
    model = Point()
    seen = []

    def clip():
        seen.append(torch.is_grad_enabled())
        model.mean.clamp_(-0.01, 0.01)

    model.player = {"after": clip}
    run(model)
    assert model.mean.item() == pytest.approx(0.01) and seen == [False, False]


def test_a_frozen_parameter_stays():
    model = Game()
    model.b.requires_grad_(False)
    with pytest.raises(ValueError, match="'b' has no trainable parameter"):
        run(model)


# --- start, modes, random numbers -----------------------------------------------------------------------------------


def test_start_runs_once_before_the_first_step_and_never_on_a_loaded_model():
    class Centred(Point):
        calls = 0

        def start(self, draw):
            assert not torch.is_grad_enabled()
            type(self).calls += 1
            self.mean.copy_(draw(1000).x.mean(0))

    model = Centred()
    history = run(model)
    assert history["point/mean"][0] == pytest.approx(4.5)
    run(model)
    loaded = Centred()
    loaded.load_state_dict(model.state_dict())
    run(loaded)
    assert Centred.calls == 1


def test_drawing_for_the_start_moves_no_stream():
    class Greedy(Point):
        def start(self, draw):
            draw(7)

    plain, greedy = Point(), Greedy()
    run(plain)
    run(greedy)
    assert all((a.x == b.x).all() for a, b in zip(plain.seen, greedy.seen, strict=True))


def test_the_callers_random_numbers_are_left_alone_and_the_seed_decides():
    class Noisy(Point):
        def loss(self, batch):
            return {"loss": (batch.x - self.mean + torch.randn(1)).square().mean()}

    before = torch.random.get_rng_state()
    means = []
    for seed in (0, 0, 1):
        torch.rand(3)
        model = Noisy()
        torch.random.set_rng_state(before)
        run(model, seed=seed)
        assert torch.equal(torch.random.get_rng_state(), before)
        means.append(model.mean.item())
    assert means[0] == means[1] != means[2]


def test_looking_changes_nothing():
    """Validation and callbacks run in eval mode, without gradients, on random numbers of their own."""

    class Noisy(Point):
        def __init__(self):
            super().__init__()
            self.net = nn.Dropout(0.5)

        def loss(self, batch):
            assert self.net.training and torch.is_grad_enabled()
            return {"loss": (self.net(batch.x) - self.mean).square().mean()}

    drawn = []

    def validate(model):
        assert not model.training and not model.net.training and not torch.is_grad_enabled()
        drawn.append(torch.rand(()).item())
        return {"mean": model.mean.sum()}

    watched, plain = Noisy(), Noisy()
    called = []
    history = run(watched, epochs=3, validate=validate, callbacks=[lambda m, h: called.append((torch.rand(5), len(h)))])
    run(plain, epochs=3)
    assert watched.mean.item() == plain.mean.item()
    assert len(set(drawn)) == 1 and len(drawn) == len(called) == 3
    assert history.epochs("valid/mean") == [1, 2, 3] and history["valid/mean"][-1] == watched.mean.item()
    assert not watched.training


# --- optimizers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["transposed", "channels_last", "strided"])
def test_fused_optimizers_see_the_strides_that_they_assume(layout):
    """Fused CPU optimizers walk through memory: parameter, gradient and state must have the same strides."""
    values = torch.randn(4, 6, 3, 3)

    class Odd(GenerativeModel):
        event_shape = (3, 3, 6, 4)

        def __init__(self, fused):
            super().__init__()
            odd = {
                "transposed": values.transpose(0, 1).contiguous().transpose(0, 1),
                "channels_last": values.contiguous(memory_format=torch.channels_last),
                "strided": values.repeat_interleave(2, dim=3)[..., ::2],
            }[layout]
            self.weight, self.fused = nn.Parameter(odd), fused

        def loss(self, batch):
            # the permuted batch gives the incoming gradient other strides than the parameter's
            return {"loss": (batch.x.permute(0, 4, 3, 2, 1) * self.weight.square()).mean()}

        def players(self):
            def build(parameters):
                self.optimizer = Adam(parameters, lr=0.01, fused=self.fused)
                return self.optimizer

            return [Player(name="odd", moves=self, loss=self.loss, optimizer=build)]

    x = torch.randn(8, 3, 3, 6, 4)
    fused, plain = Odd(True), Odd(False)
    run(fused, x, epochs=5, batch_size=4)
    run(plain, x, epochs=5, batch_size=4)
    assert not torch.equal(plain.weight.data, values)
    torch.testing.assert_close(fused.weight.data, plain.weight.data)
    state = fused.optimizer.state[fused.weight]
    assert fused.weight.stride() == fused.weight.grad.stride() == state["exp_avg"].stride()


# --- the history ----------------------------------------------------------------------------------------------------


def test_history_holds_every_term_of_every_turn():
    history = run(Game(turns=2), epochs=4, batch_size=5)
    assert set(history) == {"a/loss", "b/loss"}
    assert len(history["b/loss"]) == 2 * len(history["a/loss"])
    assert history.epochs("a/loss") == [0, 1, 2, 3]
    assert history.epochs("b/loss") == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]
    assert history.seconds > 0 and "4 epochs" in repr(history)
    with pytest.raises(KeyError, match="b/loss"):
        history["c/loss"]


def test_history_plots_in_one_call():
    figure = run(Point(), epochs=4).plot()
    assert [axis.get_title() for axis in figure.axes] == ["loss", "mean"]
    assert [axis.get_title() for axis in run(Point()).plot("point/mean").axes] == ["mean"]


def test_a_logged_parameter_is_logged_as_it_was():
    class Naked(Point):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(1.0))

        def loss(self, batch):
            terms = super().loss(batch)
            return {"loss": terms["loss"] + self.scale.square(), "scale": self.scale, "now": self.scale * 1}

    history = run(Naked(), epochs=3)
    assert history["point/scale"] == history["point/now"] and len(set(history["point/scale"])) == 6


# --- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"epochs": 0}, ValueError, "epochs must be positive and finite"),
        ({"batch_size": 0}, ValueError, "batch_size must be a whole number"),
        ({"batch_size": {"y": 3}}, ValueError, "batch_size names"),
        ({"seed": -1}, ValueError, "seed must be"),
    ],
)
def test_bad_options(options, error, words):
    with pytest.raises(error, match=words):
        run(Point(), **options)


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (torch.zeros(0, 1), ValueError, "empty dataset"),
        (torch.zeros(4, 2), ValueError, r"shape \(1,\), not \(2,\)"),
        ([1, 2, 3], TypeError, "a list"),
        (type("Digits", (), {"train": DATA})(), TypeError, r"\.train"),
        ((DATA, torch.arange(3)), ValueError, "10 items but 3 labels"),
    ],
)
def test_bad_data(data, error, words):
    with pytest.raises(error, match=words):
        run(Point(), data)


@pytest.mark.parametrize(
    ("loss", "error", "words"),
    [
        (lambda m: {}, TypeError, "0-dim"),
        (lambda m: m.mean.sum(), TypeError, "mapping"),
        (lambda m: {"loss": m.mean.expand(3)}, TypeError, r"shape \(3,\)"),
        (lambda m: {"loss": m.mean.sum().bfloat16()}, TypeError, "bfloat16"),
        (lambda m: {"loss": m.mean.sum().detach()}, ValueError, "no trainable parameter"),
        (lambda m: {"loss": m.mean.sum(), "beta": 0.5}, TypeError, "logs 'beta' as 0.5"),
        (lambda m: {"loss": m.mean.sum(), "each": m.mean}, TypeError, r"logs 'each' as .*shape \(1,\)"),
    ],
)
def test_bad_losses_name_the_player(loss, error, words):
    model = Point()
    model.player = {"loss": lambda batch: loss(model)}
    with pytest.raises(error, match=words) as raised:
        run(model)
    assert "'point'" in str(raised.value)


def test_bad_games():
    stranger = nn.Parameter(torch.zeros(1))
    with pytest.raises(ValueError, match="not the model's"):
        run(Point(moves=[stranger]))
    with pytest.raises(ValueError, match="turns must be a whole number of at least 1, not 0"):
        run(Game(turns=0))
    with pytest.raises(ValueError, match="takes one turn"):
        run(Game(simultaneous=True, turns=2))

    class Twins(Game):
        def players(self):
            return [super().players()[0]] * 2

    with pytest.raises(ValueError, match="different names"):
        run(Twins())


def test_a_player_must_move_what_its_loss_depends_on():
    class Misled(Game):
        def players(self):
            a, _ = super().players()
            return [a, Player(name="b", moves=self.b, loss=lambda batch: {"loss": (self.a - 1) ** 2}, optimizer=sgd)]

    with pytest.raises(ValueError, match="'b' does not depend on what the player moves"):
        run(Misled())


def test_fit_works_where_gradients_are_off():
    model = Point()
    with torch.no_grad():
        run(model)
    assert model.mean.item() != 0


def test_a_second_fit_trains_again():
    class Modal(Point):
        def loss(self, batch):
            assert self.training
            return super().loss(batch)

    model = Modal()
    run(model)
    assert not model.training
    run(model)


def test_streams_are_shuffled_apart():
    model = Point()
    run(model, {"a": DATA, "b": DATA}, epochs=3)
    assert any(not torch.equal(b["a"].x, b["b"].x) for b in model.seen)


def test_the_start_draws_each_item_once():
    class Curious(Point):
        def start(self, draw):
            assert sorted(draw(10).x.flatten().tolist()) == DATA.flatten().tolist()
            assert len(draw(3)) == 3 and len(draw(1000)) == 10

    run(Curious(), batch_size=4)


def test_a_freezing_rule_holds_in_a_simultaneous_game():
    model = Game(simultaneous=True, when=lambda: False)
    run(model)
    assert model.b.item() == 2 and model.a.item() != 1


def test_checking_the_data_changes_nothing():
    class Normed(Point):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(1)

        def check(self, x, y=None):
            super().check(x, y)
            self.norm(x)

        def loss(self, batch):
            return {"loss": (self.norm(batch.x) - self.mean).square().mean() + self.norm(batch.x).square().mean()}

    model = Normed()
    run(model, DATA[:5])
    assert model.norm.num_batches_tracked == 2  # the two of the one loss


def test_random_numbers_of_other_devices_are_not_touched(monkeypatch):
    seeded = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    run(Point())
    assert not seeded


def test_a_model_without_parameters_says_so():
    class Bare(GenerativeModel):
        event_shape = (1,)

        def __init__(self):
            super().__init__()
            del self._buffers["started"]

    with pytest.raises(ValueError, match="Bare has no parameters"):
        run(Bare())


def test_a_model_without_a_loss_says_what_to_override():
    class Empty(GenerativeModel):
        event_shape = (1,)

        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.zeros(1))

    with pytest.raises(NotImplementedError, match="must override loss"):
        run(Empty())
    with pytest.raises(NotImplementedError, match="cannot be sampled"):
        Empty().sample(1)


# --- all data are looked at, once, before anything moves -------------------------------------------------------------


BITS = torch.tensor([0.0, 1.0]).repeat(3000, 2)  # (3000, 4)


def changed(given, at, value):
    out = given.clone()
    out[at] = value
    return out


class Scaled(Point):
    """Wants numbers of both signs somewhere, and labels 0 to 2."""

    classes = 3

    def check_scale(self, x):
        if x.min() >= 0:
            raise ValueError(f"these run from {x.min():g}")


@pytest.mark.parametrize(
    ("model", "data", "words"),
    [
        (VAE((4,), 2, (5,)), changed(BITS, 2999, 255.0), "^item 2999: .* outside the support"),
        (VAE((4,), 2, (5,)), changed(BITS, 1234, 0.5), "^item 1234: .* outside the support"),
        (VAE((4,), 2, (5,)), changed(changed(BITS, 2999, 0.5), 700, 0.5), "^item 700: "),
        (VAE((4,), 2, (5,)), BITS / 2, "^the data lie outside"),  # no item alone is to blame
        (
            VAE((4,), 2, (5,), likelihood="gaussian"),
            changed(BITS, 1500, math.inf),
            "^item 1500: the data are not finite",
        ),
        (Point(), changed(DATA, 7, math.nan), "^item 7: the data are not finite"),
        (Point(), changed(DATA, 7, math.nan).half(), "^item 7: the data are not finite"),
        (Scaled(), (DATA - 5, changed(torch.zeros(10), 6, 3).to(torch.uint8)), "^item 6: labels must be 0 to 2"),
        (Scaled(), (DATA - 5, torch.arange(10)), "^item 3: labels must be 0 to 2"),
        (Scaled(), (DATA, torch.ones(10).bool()), "^these run from 0"),
        (Scaled(), {"x": (DATA - 5, torch.zeros(10).long()), "b": changed(DATA, 2, math.nan)}, None),
    ],
)
def test_one_bad_item_anywhere_is_refused_and_named(model, data, words):
    before = {name: t.clone() for name, t in model.state_dict().items()}
    if words is None:  # other streams are nobody's business, unless a model makes them its own
        run(model, data)
        return
    with pytest.raises(ValueError, match=words):
        run(model, data, batch_size=3)
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())


def test_a_model_may_check_its_other_streams():
    class Both(Point):
        def check(self, x, y=None, stream=None):
            if stream == "b" and (x < 0).any():
                raise ValueError("a negative number")

    with pytest.raises(ValueError, match="^stream 'b': item 4: a negative number"):
        run(Both(), {"a": DATA - 5, "b": changed(DATA, 4, -1.0)})
    with pytest.raises(TypeError, match="^stream 'b': cannot train on a NoneType"):
        run(Both(), {"a": DATA, "b": None})
    with pytest.raises(ValueError, match="^stream 'b': 10 items but 3 labels"):
        run(Both(), {"a": DATA, "b": (DATA, torch.arange(3))})


def test_a_scale_is_wrong_if_no_part_of_the_data_has_it():
    asked = []

    class Asked(Point):
        event_shape = (1 << 20,)

        def check_scale(self, x):
            asked.append(x[:, 0].tolist())
            if x[0, 0] < 2:
                raise ValueError("too small")

    run(Asked(), torch.tensor([0.0, 1.0, 2.0, 3.0])[:, None].expand(4, 1 << 20), batch_size=2)
    assert asked == [[0], [1], [2]]  # one part after another, in the order of the data, until one passes


class Pixels:
    """As a split of lecturekit.data: bytes behind a view."""

    def __init__(self, y):
        self.x, self.y, self.view, self.seen = torch.arange(10, dtype=torch.uint8)[:, None], y, None, 0

    def __len__(self):
        return 10

    def to(self, device):
        return self

    def batch(self, index):
        self.seen += len(index)
        return self.x[index] / 255 - 0.01, self.y[index]


def test_of_pixels_behind_a_view_all_labels_are_looked_at_but_few_items():
    good, bad = Pixels(torch.arange(10) % 3), Pixels(changed(torch.arange(10) % 3, 8, 5))
    run(Scaled(), good, batch_size=2)
    assert good.seen == 2 + 10  # the first batch, to be checked, and an epoch
    with pytest.raises(ValueError, match="^item 8: labels must be 0 to 2, not 5"):
        run(Scaled(), bad, batch_size=2)


def test_what_is_read_from_a_disk_is_checked_when_it_is_read_in_the_first_epoch():
    class Disk(Pixels):
        def batches(self, indices):
            return (self.batch(index) for index in indices)

        def batch(self, index):
            return DATA[index], None

    disk, model, looked = Disk(torch.zeros(10).long()), Point(), []
    model.check = lambda x, y=None, stream=None: looked.append((len(x), model.training))
    run(model, disk, epochs=3)
    # at the start a batch and the one label that there is, then one epoch of three
    assert looked == [(5, False), (1, False), (5, False), (5, False)]

    class Late(Point):
        def check(self, x, y=None, stream=None):
            if (x == 6).any():
                raise ValueError("six")

    order = Stream(DATA, 2, 0, 0, torch.device("cpu")).permutation(0).tolist()
    assert order.index(6) >= 2, "else the first batch shows it"
    with pytest.raises(ValueError, match="^item 6: six"):
        run(Late(), disk, batch_size=2)


def test_the_loop_itself_looks_at_no_data():
    class Asking(Point):
        def loss(self, batch):
            checks.labels(torch.tensor([7]), 3)  # refused anywhere else
            return super().loss(batch)

    run(Asking())
    with pytest.raises(ValueError, match="labels must be"):
        checks.labels(torch.tensor([7]), 3)


@pytest.mark.parametrize("model", [Point(), Point().double()])
@pytest.mark.parametrize(
    "dtype",
    [torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int8, torch.uint8, torch.uint16, torch.bool],
)
def test_numbers_of_any_kind_come_in_the_models_own_dtype(model, dtype):
    x, y = torch.tensor([[0.0], [1.0]]), torch.tensor([0, 1])
    run(model, (x.to(dtype), y.to(dtype if not dtype.is_floating_point else torch.int32)), batch_size=2)
    batch = model.seen[-1]
    assert batch.x.dtype == model.mean.dtype and sorted(batch.x.flatten().tolist()) == [0, 1]
    assert batch.y.dtype == torch.int64 and batch.y.tolist() == batch.x.flatten().tolist()


def test_other_streams_and_the_start_get_the_dtype_too():
    class Curious(Point):
        def start(self, draw):
            assert draw(3)["b"].x.dtype == draw(3).x.dtype == torch.float32

    model = Curious()
    run(model, {"a": DATA.double(), "b": DATA.long()})
    assert model.seen[0]["b"].x.dtype == torch.float32
    kept = Point()
    run(kept, (DATA, DATA.flatten()))  # targets that are no labels stay as they are
    assert kept.seen[0].y.dtype == torch.float32


def test_data_that_want_a_gradient_get_none():
    x = DATA.clone().requires_grad_()
    model = Point()
    run(model, x)
    assert x.grad is None and not model.seen[0].x.requires_grad


# --- arguments -------------------------------------------------------------------------------------------------------


ELBO = {"validate": lambda m: {"elbo": 0.0}}


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        *[
            ({"epochs": value}, "epochs must be positive and finite")
            for value in (math.nan, math.inf, None, "5", True, -1)
        ],
        *[({"batch_size": value}, "batch_size must be a whole number") for value in (True, 2.5, "8", -1, None)],
        ({"batch_size": 10**12}, r"batch_size=1000000000000 is far more than the data have \(10 items\)"),
        ({"batch_size": {"x": 2, "z": 2}}, r"streams are \['x'\], but batch_size names \['x', 'z'\]"),
        *[({"seed": value}, "seed must be a whole number from 0") for value in (None, "0", 1.5, True, -1, 2**63)],
        *[({"precision": value}, "unknown precision") for value in (None, "half", torch.bfloat16, 16)],
        *[
            ({"ema": value}, "ema must be a finite number of at least 0 and below 1")
            for value in ("0.9", 1.0, -1, math.nan, True)
        ],
        *[({"save_every": value}, "save_every must be a finite number") for value in ("60", -1, math.nan, None)],
        ({"resume": True}, "needs checkpoint="),
        *[
            ({"callbacks": value}, "callbacks must be a list of functions")
            for value in (print, [5], None, "ab", [print, None])
        ],
        ({"validate": 0.5}, "validate must be a function of the model, not 0.5"),
        *[
            (ELBO | {"early_stopping": value}, "early_stopping must be EarlyStopping")
            for value in (True, "elbo", EarlyStopping)
        ],
        ({"validate": lambda m: 0.5}, 'validate must return a mapping .*{"elbo": ...}, not 0.5'),
        ({"validate": lambda m: None}, "validate must return a mapping"),
        (
            {"validate": lambda m: {"elbo": m.mean.detach().expand(3)}},
            "validate must return numbers, but 'elbo' is tensor",
        ),
        ({"validate": lambda m: {"elbo": "good"}}, "validate must return numbers, but 'elbo' is 'good'"),
        ({"validate": lambda m: {"elbo": 0.0, "b": math.nan}}, "validate returned nan as 'b' after epoch 1"),
        ({"validate": lambda m: {"elbo": torch.zeros(0).mean()}}, "validate returned nan as 'elbo' after epoch 1"),
        ({"validate": lambda m: 1 / 0}, "division by zero"),
    ],
)
def test_arguments_that_cannot_be(options, words):
    with pytest.raises((TypeError, ValueError, ZeroDivisionError), match=words):
        run(Point(), **options)
    with pytest.raises((TypeError, ValueError, ZeroDivisionError), match=words):
        list(rounds(Point(), DATA, **{"epochs": 1, "batch_size": 5} | options))


@pytest.mark.usefixtures("untyped")
def test_arguments_that_can_be():
    plain, numpy = Point(), Point()
    run(plain, seed=3)
    history = run(numpy, seed=np.int64(3), batch_size=np.int64(5), epochs=np.float32(1), save_every=math.inf, ema=0)
    assert numpy.mean.item() == plain.mean.item() and history.trained == 1
    assert run(Point(), (DATA, None)).trained == 1
    assert run(Point(), **ELBO | {"validate": lambda m: {"a": np.float32(2), "b": m.mean, "c": 3}})["valid/a"] == [2]


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: fit(Point, DATA, epochs=1), "must be a GenerativeModel, not the class Point"),
        (lambda: fit(DATA, Point(), epochs=1), "must be a GenerativeModel, not a Tensor"),
        (lambda: fit(nn.Linear(3, 3), DATA, epochs=1), "must be a GenerativeModel, not a Linear"),
        (lambda: fit(None, DATA, epochs=1), "must be a GenerativeModel, not a NoneType"),
        (lambda: fit(GenerativeModel(), DATA, epochs=1), "event_shape must be a sequence"),
        (lambda: run(Point(), None), "cannot train on a NoneType"),
        (lambda: run(Point(), DATA.numpy()), r"ndarray.*torch.from_numpy\(x\)"),
        (lambda: run(Point(), (DATA, list(range(10)))), r"y must be a tensor, not \[0, 1"),
        (lambda: run(Point(), (DATA.numpy(), torch.arange(10))), "x must be a tensor, not array"),
        (lambda: run(Point(), (DATA, DATA, DATA)), "cannot train on a tuple"),
        (lambda: run(Point(), torch.tensor(3.0)), "must have a dimension for the items"),
        (lambda: run(Point(), (DATA, torch.tensor(3))), "must have a dimension for the items"),
        (lambda: run(Point(), DATA.to(torch.complex64)), "models real numbers, not torch.complex64"),
        (lambda: run(Point(), {}), r"streams have names, .* not \[\]"),
        (lambda: run(Point(), {"": DATA}), r"streams have names, .* not \[''\]"),
        (lambda: run(Point(), {0: DATA}), r"streams have names, .* not \[0\]"),
    ],
)
def test_what_is_no_model_and_what_are_no_data(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()


def test_a_batch_of_many_epochs_is_said():
    with pytest.warns(UserWarning, match="a batch of 40 is 4 epochs, and epochs=1: take a smaller one"):
        assert run(Point(), batch_size=40).trained == 4


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("player", "words"),
    [
        *[
            ({"clip": value}, "player 'point': clip must be positive and finite")
            for value in (0, -1, math.nan, "1", True)
        ],
        *[
            ({"turns": value}, "player 'point': turns must be a whole number of at least 1")
            for value in (0, 1.5, True, None)
        ],
        *[({"name": value}, f"player {value!r}: a name is a word") for value in ("g/x", "", None, 3, "valid")],
        *[
            ({"moves": value}, "moves must be a module, a parameter")
            for value in (None, "mean", torch.zeros(1), [torch.zeros(1)])
        ],
        *[
            ({name: 0.5}, f"{name} must be a function, not 0.5")
            for name in ("loss", "optimizer", "when", "schedule", "after")
        ],
        ({"loss": None}, "loss must be a function, not None"),
        (
            {"schedule": lambda p: -1.0},
            r"player 'point': schedule\(0\) must be a finite number of at least 0, not -1.0",
        ),
        ({"schedule": lambda p: 1 if p < 0.5 else math.nan}, r"schedule\(0.5\) must be .* not nan"),
        ({"schedule": lambda p: None}, r"schedule\(0\) must be"),
        ({"optimizer": lambda ps: None}, "optimizer must be a function that makes an optimizer .*not None"),
        (
            {"optimizer": lambda ps: sgd([nn.Parameter(torch.zeros(1))])},
            "makes an optimizer of the parameters that it is given",
        ),
        ({"optimizer": torch.optim.LBFGS}, "without a closure"),
        ({"optimizer": lambda ps: SGD(ps, lr="0.1")}, r"player 'point': optimizer\(parameters\) failed"),
        ({"optimizer": lambda ps: SGD(ps, lr=-1)}, "Invalid learning rate"),
    ],
)
def test_players_that_cannot_play(player, words):
    model = Point(**player)
    with pytest.raises((TypeError, ValueError), match=words):
        run(model)


@pytest.mark.usefixtures("untyped")
def test_players_must_be_a_list_of_players():
    for given in (None, ["point"], "point", Point):
        model = Point()
        model.players = lambda given=given: given
        with pytest.raises(TypeError, match=r"Point.players\(\) must return a list of Players"):
            run(model)
    model = Point()
    model.players = list
    with pytest.raises(ValueError, match="players with different names"):
        run(model)


def test_moves_may_be_an_iterator():
    model = Point()
    model.player = {"moves": model.parameters()}
    assert run(model).trained == 1 and model.mean.item() != 0


def test_a_game_that_cannot_be_played_starts_nothing():
    class Started(Point):
        def start(self, draw):
            self.mean.fill_(7)

    model = Started(optimizer=lambda ps: None)
    with pytest.raises(TypeError):
        run(model)
    assert model.mean.item() == 0 and not model.started


def test_an_epoch_in_which_nobody_plays_is_said():
    with pytest.warns(UserWarning, match="no player took a turn"):
        run(Point(when=lambda: False))


def test_tensor_data_moves_with_its_labels():
    moved = TensorData(DATA, torch.arange(10)).to("cpu")
    x, y = moved.batch(torch.tensor([3, 1]))
    assert x.flatten().tolist() == [3, 1] and y.tolist() == [3, 1]
