"""The shared training loop: schedule, resume, bad checkpoints and losses."""

import pytest
import torch
from torch import nn

from ohlora_core.errors import ModelFileError, TrainingDataError
from ohlora_core.training.fitting import Schedule, fit


def line():
    torch.manual_seed(0)
    return nn.Linear(1, 1)


def learn_line(module, seen=None):
    """Loss of y = 3x - 1 on random x."""

    def loss_of_batch(rng):
        x = torch.from_numpy(rng.uniform(-1, 1, (16, 1)).astype("float32"))
        if seen is not None:
            seen.append(float(x[0]))
        return (module(x) - (3 * x - 1)).square().mean()

    return loss_of_batch


def test_it_learns(tmp_path):
    module = line()
    schedule = Schedule(minutes=0, steps=400, learning_rate=0.1)
    assert fit("line", module, learn_line(module), schedule, tmp_path / "line.pt") == 400
    assert module.weight.item() == pytest.approx(3, abs=0.1)
    assert module.bias.item() == pytest.approx(-1, abs=0.1)
    assert not module.training


def test_a_run_goes_on_where_it_stopped(tmp_path):
    path, seen = tmp_path / "line.pt", []
    first = line()
    fit("line", first, learn_line(first, seen), Schedule(0, steps=5), path)
    again = line()
    fit("line", again, learn_line(again, seen), Schedule(0, steps=8), path)
    assert len(seen) == 8 and len(set(seen)) == 8  # no batch comes twice
    done = line()
    assert fit("line", done, learn_line(done, seen), Schedule(0, steps=8), path) == 8
    assert torch.equal(done.weight, again.weight) and len(seen) == 8


def test_without_resume_it_starts_anew(tmp_path):
    path, seen = tmp_path / "line.pt", []
    for _ in range(2):
        module = line()
        fit("line", module, learn_line(module, seen), Schedule(0, steps=3), path, resume=False)
    assert seen[:3] == seen[3:]


def test_an_interrupt_keeps_what_was_learned(tmp_path):
    module, path = line(), tmp_path / "line.pt"
    learn = learn_line(module)
    calls = []

    def interrupted(rng):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return learn(rng)

    with pytest.raises(KeyboardInterrupt):
        fit("line", module, interrupted, Schedule(0, steps=9), path)
    assert torch.load(path, weights_only=True)["step"] == 3


def test_minutes_are_those_of_all_runs(tmp_path):
    path = tmp_path / "line.pt"
    module = line()
    steps = fit("line", module, learn_line(module), Schedule(minutes=0.002), path)
    assert steps > 0
    assert fit("line", module, learn_line(module), Schedule(minutes=0.002), path) == steps


def test_the_rate_rises_and_falls():
    schedule = Schedule(minutes=1, learning_rate=0.1, warmup_steps=10)
    rates = [schedule.rate(step, step / 100) for step in range(101)]
    assert rates[0] < rates[5] < rates[9] and rates[20] > rates[60] > rates[99]
    assert max(rates) < 0.1 and rates[100] < 1e-5


@pytest.mark.parametrize("content", [b"", b"no checkpoint"])
def test_a_damaged_checkpoint_says_what_to_do(content, tmp_path):
    path = tmp_path / "line.pt"
    path.write_bytes(content)
    module = line()
    with pytest.raises(ModelFileError, match="--no-resume"):
        fit("line", module, learn_line(module), Schedule(0, steps=1), path)


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    path = tmp_path / "line.pt"
    module = line()
    fit("line", module, learn_line(module), Schedule(0, steps=1), path)
    other = nn.Linear(2, 1)
    with pytest.raises(ModelFileError, match="not a checkpoint of this model"):
        fit("line", other, learn_line(module), Schedule(0, steps=2), path)


def test_a_loss_that_is_no_number_stops_and_spoils_no_checkpoint(tmp_path):
    module, path = line(), tmp_path / "line.pt"
    with pytest.raises(TrainingDataError, match="--learning-rate"):
        fit("line", module, lambda rng: module.weight.sum() * float("nan"), Schedule(1), path)
    assert not path.exists()
