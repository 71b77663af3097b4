import errno
import json
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from backprop import network, passes
from backprop.cli import group, train
from backprop.datasets import sources
from backprop.system import atomic_files
from backprop.training import evaluation, history
from backprop.training.model_file import checkpoint_path, load_model
from backprop.training.samples import Samples
from checks.network.properties import network_properties
from tests.backprop.cli.runs import DIGITS, bad, flip, good, run

# train


def test_proves_then_trains_then_saves(trained: Path) -> None:
    """The model file holds network, history and certificate, and the digits are learnt."""
    model = load_model(trained)
    accuracy = model.history[-1].test_accuracy
    assert accuracy is not None
    assert accuracy > 0.85
    assert (model.dataset, model.peak, model.image_shape) == ("digits", 16, (8, 8))
    assert model.certificate["verdict"] == "pass"
    assert "analytic_equals_numeric" in model.certificate["properties"]
    assert model.net.dtype == np.float32


def test_json_holds_the_results(trained: Path) -> None:
    """By epoch, with the certificate, and what was asked for."""
    found = json.loads(Path(f"{trained}.json").read_text())
    model = load_model(trained)
    assert (found["dataset"], found["shape"], found["seed"]) == ("digits", [64, 40, 10], 0)
    assert found["test_accuracy"] == [epoch.test_accuracy for epoch in model.history]
    assert found["loss"] == [epoch.loss for epoch in model.history]
    assert len(found["seconds"]) == len(found["audit"]) == 8
    assert all(audit.startswith("pass") for audit in found["audit"])
    assert found["certificate"].pop("created")  # which is not in the file
    assert found["certificate"] == dict(model.certificate)
    assert found["error"] is None
    assert found["epochs"] == 8
    assert (found["model"], found["checkpoint"]) == (str(trained), f"{trained}.checkpoint")


@pytest.mark.usefixtures("trained")
def test_an_unchanged_second_run_starts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the properties nor the check are run again."""

    def never(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("this should not run")

    monkeypatch.setattr(network_properties, "run_all", never)
    monkeypatch.setattr("checks.network.certification.verification.verify", never)
    result = good(*DIGITS, "--epochs", 1, "--seed", 1)
    assert "proved before, nothing has changed since" in result.stdout
    asked = run(*DIGITS, "--recheck")
    assert asked.exit_code == 6
    assert "RuntimeError: this should not run" in asked.stderr


@pytest.mark.usefixtures("quick")
def test_says_loss_accuracy_and_time_after_each_epoch(tmp_path: Path) -> None:
    """A line an epoch, on standard output."""
    result = good(*DIGITS, "--epochs", 2, "--shape", "64 5 10")
    lines = [line for line in result.stdout.splitlines() if line.startswith("epoch")]
    assert len(lines) == 2
    assert lines[1].startswith("epoch 2/2: loss 0.")
    assert "test accuracy" in lines[1]
    assert lines[1].endswith(" s, audit pass")
    assert result.stderr == ""


@pytest.mark.usefixtures("quick")
def test_json_to_standard_output_is_alone_there() -> None:
    """The rest goes to standard error, or nowhere."""
    result = good(*DIGITS, "--epochs", 1, "--json", "-", "--no-audit")
    assert json.loads(result.stdout)["audit"] == [None]
    assert "epoch 1/1" in result.stderr
    result = good(*DIGITS, "--epochs", 1, "--json", "-", "--quiet")
    assert len(json.loads(result.stdout)["loss"]) == 1
    assert result.stderr == ""


@pytest.mark.usefixtures("quick")
def test_the_same_seed_gives_the_same_bits(tmp_path: Path) -> None:
    """Down to the tensors in the file; another seed gives others."""
    found = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        good(*DIGITS, "--epochs", 1, "--seed", seed, "--save", tmp_path / name)
        net = load_model(tmp_path / name).net
        found.append(b"".join(p.tobytes() for p in net.weights + net.biases))
    assert found[0] == found[1] != found[2]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("shape", ["64-7-10", "64 7 10", "64,7,10", "64x7x10", " 64, 7, 10 "])
def test_a_shape_can_be_written_in_several_ways(shape: str) -> None:
    """With hyphens, spaces, commas or an x."""
    result = good(*DIGITS, "--epochs", 1, "--shape", shape, "--json", "-")
    assert json.loads(result.stdout)["shape"] == [64, 7, 10]


@pytest.mark.usefixtures("quick")
def test_activations_and_costs_can_be_chosen() -> None:
    """One activation, or one a layer; the cost brings its own output."""
    options = ["--epochs", 1, "--dtype", "float64", "--learning-rate", 0.1, "--json", "-"]
    result = good(*DIGITS, *options, "--activation", "tanh", "--cost", "softmax-cross-entropy")
    found = json.loads(result.stdout)
    assert (found["activations"], found["dtype"]) == (["tanh", "softmax"], "float64")
    result = good(*DIGITS, *options, "--activation", "relu, identity")
    assert json.loads(result.stdout)["activations"] == ["relu", "identity"]


def test_a_wrong_gradient_is_not_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1, no model file, and tensor, index and both values: the real gate."""
    flip(monkeypatch)
    model, results = tmp_path / "m", tmp_path / "r.json"
    message = bad(1, *DIGITS, "--save", model, "--json", results)
    assert "b2[0]: analytic " in message
    assert ", numeric " in message
    found = json.loads(results.read_text())
    assert (found["epochs"], found["loss"], found["certificate"]) == (0, [], None)
    assert found["report"]["failures"][0]["tensor"] == "b2"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.json"]


@pytest.mark.usefixtures("quick")
def test_the_very_network_is_checked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small networks that are right do not vouch for the one to be trained; M stays as it was."""
    flip(monkeypatch)
    (tmp_path / "m").write_bytes(b"as it was")
    message = bad(1, *DIGITS, "--save", tmp_path / "m")
    assert "the gradient of <Network 64-40-10" in message
    assert "b2[0]: analytic " in message
    assert (tmp_path / "m").read_bytes() == b"as it was"
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


@pytest.mark.usefixtures("quick")
def test_undecided_has_its_own_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither proved nor disproved is 3, and not trained."""
    inner = network.init_net

    def dead(*args: Any, **kwargs: Any) -> network.Network:
        net = inner(*args, **kwargs)
        net.biases[-1][:] = -1e4
        return net

    monkeypatch.setattr(network, "init_net", dead)
    message = bad(3, *DIGITS, "--activation", "sigmoid", "--shape", "64-10")
    assert "could not be decided" in message


def test_without_a_gate_nothing_is_trained() -> None:
    """Whoever starts the command has to hand one in: the command line knows none."""
    result = CliRunner().invoke(group.main, DIGITS)
    assert result.exit_code == 2
    assert result.stderr == "Error: train: expected a gate that proves gradients, got none\n"


@pytest.mark.usefixtures("quick")
def test_a_failing_audit_keeps_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1, what broke, and no model; the checkpoint is of the epoch before."""
    inner = evaluation.evaluate
    calls = f"{tmp_path / 'calls'}"  # in a file: what changes inside of it would change the permit

    def evaluate(net: network.Network, samples: Samples) -> evaluation.Scores:
        with Path(calls).open("a", encoding="utf-8") as file:
            file.write("1")
        if Path(calls).stat().st_size == 2:
            flip(monkeypatch)
        return inner(net, samples)

    monkeypatch.setattr(evaluation, "evaluate", evaluate)
    results = tmp_path / "r.json"
    message = bad(1, *DIGITS, "--save", tmp_path / "m", "--epochs", 4, "--json", results)
    assert "correct gradient after epoch 2" in message
    assert "b2[0]: analytic " in message
    assert not (tmp_path / "m").exists()
    assert len(load_model(checkpoint_path(tmp_path / "m")).history) == 1
    found = json.loads(results.read_text())
    assert len(found["loss"]) == 1
    assert found["report"]["verdict"] == "fail"
    assert (found["model"], found["checkpoint"]) == (None, f"{tmp_path / 'm'}.checkpoint")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("error", "code"),
    [(MemoryError("Unable to allocate"), 5), (OSError(errno.EIO, "Input/output error"), 5)],
)
def test_an_audit_without_memory_or_disk_is_no_failed_audit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    """The machine's error has its own code; the results have the error, and no report."""

    def audit(*args: Any) -> None:
        raise error

    monkeypatch.setattr("checks.network.certification.audit.audit", audit)
    results = tmp_path / "r.json"
    message = bad(code, *DIGITS, "--epochs", 1, "--json", results)
    assert f"after epoch 1, but {type(error).__name__} was raised: {error}" in message
    found = json.loads(results.read_text())
    assert str(error) in found["error"]
    assert found["report"] is None


@pytest.mark.usefixtures("quick")
def test_an_audit_in_which_the_networks_code_raises_ends_with_4(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its code is broken, which says nothing of its gradient."""
    inner = evaluation.evaluate

    def breaks(*args: Any) -> None:
        raise ValueError("operands do not fit")

    def evaluate(net: network.Network, samples: Samples) -> evaluation.Scores:
        monkeypatch.setattr(passes, "backward", breaks)
        return inner(net, samples)

    monkeypatch.setattr(evaluation, "evaluate", evaluate)
    message = bad(4, *DIGITS, "--epochs", 1)
    assert "after epoch 1, but ValueError was raised: operands do not fit" in message


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (MemoryError("Unable to allocate 3 TiB"), 5, "fit into memory, got: Unable to allocate"),
        (OSError(errno.ENOSPC, "No space left on device"), 5, "No space left on device"),
        (AssertionError("3 is not 4"), 1, "3 is not 4"),
        (ValueError("operands do not fit"), 4, "operands do not fit"),
    ],
)
def test_whose_error_it_was_that_kept_a_property_from_holding(
    monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, said: str
) -> None:
    """Only what was asserted is a finding on the gradient, and 1."""

    def breaks(*args: Any) -> None:
        raise error

    monkeypatch.setattr(passes, "backward", breaks)
    assert said in bad(code, *DIGITS, "--epochs", 1, "--recheck")


@pytest.mark.usefixtures("quick")
def test_divergence_ends_with_1(tmp_path: Path) -> None:
    """With what to do about it, no model, and none that the results would name."""
    options = ["--activation", "identity", "--learning-rate", 1e30, "--save", tmp_path / "m"]
    results = tmp_path / "r.json"
    said = bad(1, *DIGITS, *options, "--json", results)
    assert "epoch 1, minibatch 2 of 72: layer 2 overflows on the way forward" in said
    assert "is likely to be too high: try --learning-rate 0.02" in said
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]
    found = json.loads(results.read_text())
    assert (found["model"], found["checkpoint"]) == (None, None)


@pytest.mark.usefixtures("quick")
def test_a_run_says_at_which_rate_and_where_it_does_not_learn(tmp_path: Path) -> None:
    """The rate that was chosen; after the first epoch what is wrong, also in the results."""
    options = ["--epochs", 2, "--activation", "relu"]
    result = good(*DIGITS, *options, "--json", tmp_path / "r")
    said = " ".join(result.stdout.split())
    assert "learning rate 0.02, for relu with the cost quadratic epoch 1/2:" in said
    assert "4 of 10 output units are dead, flat for every sample looked at (4 before), and" in said
    assert "try --cost softmax-cross-entropy epoch 2/2:" in said
    found = json.loads((tmp_path / "r").read_text())
    assert "are dead" in found["note"][0]
    assert found["note"][1] is None
    assert (found["learning_rate"], found["learning_rates"]) == (0.02, [0.02, 0.02])
    asked = good(*DIGITS, "--epochs", 1, "--learning-rate", 3).stdout
    assert "learning rate" not in asked.replace("--learning-rate", "")


@pytest.mark.usefixtures("quick")
def test_results_name_a_checkpoint_of_this_run_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one that an earlier run has left; but one that was gone on from."""
    save, results = tmp_path / "m", tmp_path / "r.json"
    good(*DIGITS, "--epochs", 1, "--save", save)
    monkeypatch.setattr(
        "checks.network.certification.gate.certify",
        lambda *_, **__: signal.raise_signal(signal.SIGINT),
    )
    for options, named in ((["--restart"], None), (["--resume"], f"{save}.checkpoint")):
        assert "interrupted" in bad(130, *DIGITS, "--save", save, "--json", results, *options)
        found = json.loads(results.read_text())
        assert (found["model"], found["checkpoint"]) == (None, named)


@pytest.mark.usefixtures("quick")
def test_a_model_that_cannot_be_written_is_told_in_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the error, and all that was trained."""
    save, results = tmp_path / "m", tmp_path / "r.json"
    real = train._save

    def full(path: str, model: Any) -> None:
        real("/no/such/m" if path == str(save) else path, model)

    monkeypatch.setattr(train, "_save", full)
    said = bad(2, *DIGITS, "--epochs", 1, "--save", save, "--json", results)
    assert "--save: expected a file that can be written" in said
    found = json.loads(results.read_text())
    assert "expected a file that can be written" in found["error"]
    assert (found["epochs"], found["model"]) == (1, None)
    assert found["checkpoint"] == f"{save}.checkpoint"


# places


@pytest.mark.usefixtures("quick")
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_pipes_are_written_to_and_stay_pipes(tmp_path: Path) -> None:
    """Results and model alike; beside a pipe there is no checkpoint."""
    pipes = [tmp_path / "json", tmp_path / "model"]
    read: dict[str, bytes] = {}
    readers = []
    for pipe in pipes:
        os.mkfifo(pipe)
        reader = threading.Thread(target=lambda p=pipe: read.update({p.name: p.read_bytes()}))
        reader.start()
        readers.append(reader)
    good(*DIGITS, "--epochs", 1, "--json", pipes[0], "--save", pipes[1])
    for reader in readers:
        reader.join(timeout=10)
    assert json.loads(read["json"])["error"] is None
    (tmp_path / "copy").write_bytes(read["model"])
    assert len(load_model(tmp_path / "copy").history) == 1
    assert all(pipe.is_fifo() for pipe in pipes)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "json", "model"]


@pytest.mark.usefixtures("quick")
@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_a_model_is_saved_where_a_link_leads(tmp_path: Path) -> None:
    """The link stays one, and the checkpoint lies beside it."""
    (tmp_path / "m").symlink_to("target")
    good(*DIGITS, "--epochs", 1, "--save", tmp_path / "m")
    assert (tmp_path / "m").is_symlink()
    assert load_model(tmp_path / "target").history
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m", "m.checkpoint", "target"]


def test_places_are_looked_at_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoint's as well: nothing is loaded, proved or trained in vain."""
    monkeypatch.setattr(sources, "load", lambda *_, **__: pytest.fail("data were loaded"))
    (tmp_path / "m.checkpoint").mkdir()
    for option in ("--save", "--json"):
        found = bad(2, *DIGITS, option, tmp_path)
        assert f"{option}: expected a file that can be written, got '{tmp_path}'" in found
    found = bad(2, *DIGITS, "--save", tmp_path / "m")
    assert (
        f"--save: expected a file that can be written, got '{tmp_path / 'm'}.checkpoint'" in found
    )
    assert "it is a folder" in found


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("option", "name"), [("--save", "m.checkpoint"), ("--json", "m")])
def test_a_disk_that_fills_up_is_told_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, name: str
) -> None:
    """By the name that was given, and not that of a draft."""

    def full(file: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic_files, "synchronise", full)
    assert (
        f"{option}: expected a file that can be written, got '{tmp_path / name}':"
        " No space left on device"
    ) in bad(5, *DIGITS, "--epochs", 1, option, tmp_path / "m")


@pytest.mark.usefixtures("quick")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_results_that_cannot_be_written_hide_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are said, and the exit code is that of the failure."""
    flip(monkeypatch)
    found = bad(1, *DIGITS, "--json", "/dev/full")
    assert "--json: expected a file that can be written, got '/dev/full'" in found
    assert "b2[0]: analytic " in found


# resume


def test_an_audit_that_is_no_pass_says_why() -> None:
    """In the line of its epoch, shortly; a pass needs no reason."""
    epoch = history.Epoch(epoch=1, loss=0.5, test_accuracy=None, seconds=0.0)
    summary = "0 of 30 parameters checked, 30 exactly zero on both sides"
    for audit, said in {
        f"pass: {summary}; more than half of b1 zero or undecided": "pass",
        f"undecided: {summary}; more than half of b1 zero or undecided": "undecided: more than half"
        " of b1 zero or undecided",
        f"undecided: {summary}": f"undecided: {summary}",
    }.items():
        line = train._epoch_line(replace(epoch, audit=audit), 2)
        assert line == f"epoch 1/2: loss 0.50000, 0.00 s, audit {said}"


# usage


@pytest.mark.parametrize("options", [[], ["--recheck"]])
def test_a_cache_that_was_named_must_be_found(
    options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where nothing is to be read from it: before the proof, not when it is to be kept."""
    monkeypatch.setenv("GEARTRAIN_CACHE", "~nosuchuser/c")
    monkeypatch.setattr(network_properties, "run_all", None)
    told = bad(2, *DIGITS, *options)
    assert "GEARTRAIN_CACHE: expected a folder, got ~nosuchuser/c" in told


# the process


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("batch_size", "gated"), [(1, 20), (30, 30), (1000, 64)])
def test_the_gate_looks_at_enough_samples(batch_size: int, gated: int) -> None:
    """A minibatch of one decides little, and one of thousands no more than some dozens."""
    options = ["--epochs", 1, "--batch-size", batch_size, "--recheck", "--json", "-"]
    result = good(*DIGITS, *options, "--shape", "64-3-10", "--learning-rate", 0.1)
    assert json.loads(result.stdout)["certificate"]["batch"] == gated
