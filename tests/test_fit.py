"""The loop's contract, each part on a model of ten lines."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam

from lecturekit import GenerativeModel, Player, fit
from lecturekit.training.stream import Stream, TensorData

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
        ({"epochs": 0}, ValueError, "epochs must be a finite number above 0"),
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
            assert len(draw(3)) == 3

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


def test_tensor_data_moves_with_its_labels():
    moved = TensorData(DATA, torch.arange(10)).to("cpu")
    x, y = moved.batch(torch.tensor([3, 1]))
    assert x.flatten().tolist() == [3, 1] and y.tolist() == [3, 1]
