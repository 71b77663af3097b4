import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import backprop
from backprop import cli, cli_use, datasets, idx, network, passes, training
from backprop.activations import ACTIVATIONS
from backprop.costs import COSTS
from backprop.samples import Samples
from backprop.storage import checkpoint_path, load_model, save_model
from checks.network.properties import network_properties

DIGITS = ["train", "--dataset", "digits"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that the certificates of this module's runs are kept in."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cache(kept: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every run uses that folder, and no data but what it names."""
    monkeypatch.setenv("GEARTRAIN_CACHE", str(kept))
    monkeypatch.delenv("GEARTRAIN_DATA", raising=False)
    return kept


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for the property checks, which have tests of their own."""
    monkeypatch.setattr(network_properties, "run_all", lambda profile: ("one", "two"))


def run(*arguments: object) -> Result:
    """A run in this process."""
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


def good(*arguments: object) -> Result:
    """A run that ends well."""
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result


def bad(code: int, *arguments: object) -> str:
    """What is said on standard error, in a line, by a run that ends with that exit code."""
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.stderr
    return " ".join(result.stderr.split())


def flip(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant a bug: the first bias of the last layer has the wrong sign."""
    inner = passes.backward

    def backward(net: network.Network, activations: Any, y: Any) -> None:
        before = net.db[-1][0] if net.db else 0
        inner(net, activations, y)
        net.db[-1][0] = 2 * before - net.db[-1][0]

    monkeypatch.setattr(passes, "backward", backward)


@pytest.fixture(scope="module")
def trained(kept: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model after a real run, real gate included."""
    path = tmp_path_factory.mktemp("model") / "m"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GEARTRAIN_CACHE", str(kept))
        patch.delenv("GEARTRAIN_DATA", raising=False)
        options = ["--epochs", 8, "--save", path, "--json", f"{path}.json"]
        good(*DIGITS, *options)
    return path


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
def test_everything_keeps_to_the_terminals_width(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is said of data, proof and epochs, and what is refused; only paths may be longer."""
    monkeypatch.setenv("COLUMNS", "60")
    results = [
        good(*DIGITS, "--epochs", 1, "--shape", "64-30-20-10", "--recheck", "--activation", "relu"),
        run(*DIGITS, "--shape", "784-10"),
        run("train", "--data-dir", tmp_path),
        run("evaluate", tmp_path / "nowhere"),
    ]
    for result in results:
        lines = [line for line in result.output.splitlines() if len(line) > 60]
        assert all("/" in line and " " not in line.strip() for line in lines)


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


@pytest.mark.usefixtures("quick")
def test_a_failing_audit_keeps_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1, what broke, and no model; the checkpoint is of the epoch before."""
    inner = training.evaluate
    calls: list[int] = []

    def evaluate(net: network.Network, samples: Samples) -> training.Scores:
        calls.append(1)
        if len(calls) == 2:
            flip(monkeypatch)
        return inner(net, samples)

    monkeypatch.setattr(training, "evaluate", evaluate)
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
    inner = training.evaluate

    def breaks(*args: Any) -> None:
        raise ValueError("operands do not fit")

    def evaluate(net: network.Network, samples: Samples) -> training.Scores:
        monkeypatch.setattr(passes, "backward", breaks)
        return inner(net, samples)

    monkeypatch.setattr(training, "evaluate", evaluate)
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
    assert "it diverged; try a smaller" in bad(1, *DIGITS, *options, "--json", results)
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]
    found = json.loads(results.read_text())
    assert (found["model"], found["checkpoint"]) == (None, None)


@pytest.mark.usefixtures("quick")
def test_results_name_a_checkpoint_of_this_run_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one that an earlier run has left; but one that was gone on from."""
    save, results = tmp_path / "m", tmp_path / "r.json"
    good(*DIGITS, "--epochs", 1, "--save", save)
    monkeypatch.setattr(
        "checks.network.certification.gate.gate",
        lambda *_, **__: signal.raise_signal(signal.SIGINT),
    )
    for options, named in (([], None), (["--resume"], f"{save}.checkpoint")):
        assert "interrupted" in bad(130, *DIGITS, "--save", save, "--json", results, *options)
        found = json.loads(results.read_text())
        assert (found["model"], found["checkpoint"]) == (None, named)


@pytest.mark.usefixtures("quick")
def test_a_model_that_cannot_be_written_is_told_in_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the error, and all that was trained."""
    save, results = tmp_path / "m", tmp_path / "r.json"
    real = cli._save

    def full(path: str, model: Any) -> None:
        real("/no/such/m" if path == str(save) else path, model)

    monkeypatch.setattr(cli, "_save", full)
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
    monkeypatch.setattr(datasets, "load", lambda *_, **__: pytest.fail("data were loaded"))
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

    def full(self: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
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


@pytest.mark.usefixtures("quick")
def test_resuming_ends_in_the_same_bits(tmp_path: Path) -> None:
    """As an uninterrupted run, history included."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    good(*DIGITS, "--epochs", 4, "--save", whole)
    good(*DIGITS, "--epochs", 2, "--save", parts)
    result = good(*DIGITS, "--epochs", 4, "--save", parts, "--resume", "--json", "-")
    assert "after epoch 2" in result.stderr
    assert "epoch 2/4" not in result.stderr
    assert len(json.loads(result.stdout)["test_accuracy"]) == 4
    one, other = load_model(whole), load_model(parts)
    for a, b in zip(
        one.net.weights + one.net.biases, other.net.weights + other.net.biases, strict=True
    ):
        assert a.tobytes() == b.tobytes()
    assert [e.loss for e in one.history] == [e.loss for e in other.history]


@pytest.mark.usefixtures("quick")
def test_resuming_without_a_checkpoint_starts_anew(tmp_path: Path) -> None:
    """And says so."""
    result = good(*DIGITS, "--epochs", 1, "--save", tmp_path / "m", "--resume")
    assert "no checkpoint there, starting anew" in " ".join(result.stdout.split())
    assert (tmp_path / "m").exists()


@pytest.mark.usefixtures("quick")
def test_resuming_what_is_done_trains_no_more(tmp_path: Path) -> None:
    """The model is written from the checkpoint, which is said; the results are of all epochs."""
    good(*DIGITS, "--epochs", 2, "--save", tmp_path / "m")
    before = (tmp_path / "m").read_bytes()
    for asked in (2, 1):
        (tmp_path / "m").unlink()
        options = [
            "--epochs",
            asked,
            "--save",
            tmp_path / "m",
            "--resume",
            "--json",
            tmp_path / "r",
        ]
        said = " ".join(good(*DIGITS, *options).stdout.split())
        assert f"nothing to train: 2 epochs are done, and --epochs {asked} asks for no more" in said
        assert "epoch 1/" not in said
        assert (tmp_path / "m").read_bytes() == before
        found = json.loads((tmp_path / "r").read_text())
        assert found["epochs"] == len(found["loss"]) == 2


def test_an_audit_that_is_no_pass_says_why() -> None:
    """In the line of its epoch, shortly; a pass needs no reason."""
    epoch = training.Epoch(epoch=1, loss=0.5, test_accuracy=None, seconds=0.0)
    summary = "0 of 30 parameters checked, 30 exactly zero on both sides"
    for audit, said in {
        f"pass: {summary}; more than half of b1 zero or undecided": "pass",
        f"undecided: {summary}; more than half of b1 zero or undecided": "undecided: more than half"
        " of b1 zero or undecided",
        f"undecided: {summary}": f"undecided: {summary}",
    }.items():
        line = cli._epoch_line(replace(epoch, audit=audit), 2)
        assert line == f"epoch 1/2: loss 0.50000, 0.00 s, audit {said}"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seed", 1], "expected a checkpoint with seed 1, found 0"),
        (["--shape", "64-4-10"], "with shape 64-4-10, found 64-40-10"),
        (["--batch-size", 10], "with batch_size 10, found 20"),
        (["--cost", "cross-entropy"], "with cost cross-entropy, found quadratic"),
        (["--dtype", "float64"], "with dtype float64, found float32"),
    ],
)
def test_another_runs_checkpoint_is_refused(
    trained: Path, options: list[Any], message: str
) -> None:
    """With exit code 2, and without touching model or checkpoint."""
    before = trained.read_bytes(), checkpoint_path(trained).read_bytes()
    assert message in bad(2, *DIGITS, "--save", trained, "--resume", *options)
    assert (trained.read_bytes(), checkpoint_path(trained).read_bytes()) == before


@pytest.mark.usefixtures("quick")
def test_a_checkpoint_of_other_data_is_refused(tmp_path: Path) -> None:
    """Though their folder has the same name, and they have the same form."""
    digits = datasets.load("digits")
    for parent in ("a", "b"):
        folder = tmp_path / parent / "own"
        folder.mkdir(parents=True)
        images = digits.train_images[:60] // (1 if parent == "a" else 2)
        for part, kept in (("train", slice(0, 40)), ("t10k", slice(40, 60))):
            pixels = images[kept].reshape(-1, 8, 8)
            idx.write(folder / f"{part}-images-idx3-ubyte", pixels)
            idx.write(folder / f"{part}-labels-idx1-ubyte", digits.train_labels[kept])
    train = ["train", "--epochs", 1, "--save", tmp_path / "m"]
    good(*train, "--data-dir", tmp_path / "a" / "own")
    more = [*train[:2], 2, *train[3:], "--resume"]
    message = bad(2, *more, "--data-dir", tmp_path / "b" / "own")
    assert "expected a checkpoint with data_checksum " in message
    assert "give the same options and data as before" in message
    good(*more, "--data-dir", tmp_path / "a" / "own")


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    """By name, rather than started anew over it."""
    checkpoint_path(tmp_path / "m").write_bytes(b"damaged")
    message = bad(2, *DIGITS, "--save", tmp_path / "m", "--resume")
    assert f"{tmp_path / 'm'}.checkpoint: expected a model" in message


# usage


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "No such command 'trian'"),
        (["train", "--epcohs", 3], "No such option"),
        (["train", "--epochs", 0], "'--epochs'"),
        (["train", "--epochs", "three"], "'--epochs'"),
        (["train", "--dataset", "digts"], "did you mean 'digits'?"),
        ([*DIGITS, "--activation", "sigmod"], "did you mean 'sigmoid'?"),
        ([*DIGITS, "--activation", "relu,relu,relu"], "one for each of 2 layers"),
        ([*DIGITS, "--cost", "quadratc"], "did you mean 'quadratic'?"),
        ([*DIGITS, "--dtype", "float16"], "dtype: expected float32 or float64, got float16"),
        ([*DIGITS, "--dtype", "flaot32"], "dtype: expected float32 or float64, got 'flaot32'"),
        ([*DIGITS, "--shape", "64"], "expected at least two layer widths"),
        ([*DIGITS, "--shape", "64-ten"], "such as 784 40 10, got 'ten' in '64-ten'"),
        ([*DIGITS, "--shape", "64-0-10"], "shape[1]: expected a whole number of 1 or more, got 0"),
        ([*DIGITS, "--shape", "784-40-10"], "expected images of 784 pixels"),
        ([*DIGITS, "--shape", "64-40-9"], "expected labels from 0 to 8"),
        ([*DIGITS, "--learning-rate", "nan"], "--learning-rate: expected a finite number above 0"),
        ([*DIGITS, "--learning-rate", "-1"], "--learning-rate: expected a finite number above 0"),
        ([*DIGITS, "--resume"], "--resume: expected --save M"),
        ([*DIGITS, "--save", "/no/such/m"], "--save: expected a file that can be written, got"),
        ([*DIGITS, "--json", "/no/such/m"], "--json: expected a file that can be written, got"),
        ([*DIGITS, "--save", ""], "--save: expected a file that can be written, got '': it names"),
        ([*DIGITS, "--json", ""], "--json: expected a file that can be written, got '': it names"),
        ([*DIGITS, "--save", "-"], "--save: expected a file, got '-'; a model is not written to"),
        ([*DIGITS, "--save", "new/"], "got 'new/': it names no file; name another file"),
        ([*DIGITS, "--save", "x", "--json", "x"], "--json: expected another file than --save"),
        (["train", "--data-dir", "/no/such"], "/no/such, which does not exist"),
        (["train", "--data-dir", "~nosuchuser/x"], "data_dir: expected a folder, got ~nosuch"),
        (["evaluate", "/no/such"], "/no/such: expected a model file, found: no such file"),
        (["predict", "/no/such", "x.png"], "/no/such: expected a model file"),
        (["explain", "/no/such"], "/no/such: expected a model file or a shape such as 2-2-1"),
        (["explain", "2-0"], "shape[1]: expected a whole number of 1 or more, got 0"),
        (["explain", "3--1"], "such as 784 40 10, got none on one side of a separator in '3--1'"),
    ],
)
def test_what_cannot_be_is_refused_with_2(arguments: list[Any], message: str) -> None:
    """Before any work, without a traceback, naming what was expected and what came."""
    assert message in bad(2, *arguments)


@pytest.mark.parametrize(
    "arguments", [[*DIGITS, "--shape", "64-99999999999-10"], ["explain", "99999999-99999999"]]
)
def test_want_of_memory_has_a_code_of_its_own(arguments: list[Any]) -> None:
    """Neither a failure nor a wrong use: 5, with what to do."""
    message = bad(5, *arguments)
    assert "network and data that fit into memory, got: Unable to allocate" in message
    assert "take smaller ones" in message


@pytest.mark.parametrize("options", [[], ["--recheck"]])
def test_a_cache_that_was_named_must_be_found(
    options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where nothing is to be read from it: before the proof, not when it is to be kept."""
    monkeypatch.setenv("GEARTRAIN_CACHE", "~nosuchuser/c")
    monkeypatch.setattr(network_properties, "run_all", None)
    told = bad(2, *DIGITS, *options)
    assert "GEARTRAIN_CACHE: expected a folder, got ~nosuchuser/c" in told


def test_a_bug_of_ones_own_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has its traceback and a code of its own, for 1 says that a gradient is wrong."""

    def broken(*args: Any, **kwargs: Any) -> None:
        raise LookupError("a bug")

    monkeypatch.setattr(datasets, "load", broken)
    result = run(*DIGITS)
    assert result.exit_code == 6
    assert result.stderr.startswith("Traceback ")
    assert "LookupError: a bug" in result.stderr
    assert "a fault of geartrain itself" in " ".join(result.stderr.split())


@pytest.mark.parametrize("arguments", [["-h"], ["--help"], ["train", "-h"], ["predict", "-h"]])
def test_help_is_there(arguments: list[str]) -> None:
    """Under both names."""
    assert "Usage:" in good(*arguments).stdout


def test_help_names_all_that_can_be_chosen() -> None:
    """Activations but softmax, which comes with its cost; costs, and the outputs they bring."""
    said = " ".join(good("train", "--help").stdout.split()).replace("- ", "-")
    assert ", ".join(name for name in ACTIVATIONS if name != "softmax") + ";" in said
    for name, cost in COSTS.items():
        assert (f"{name} (output {cost.output})" if cost.output else name) in said


def test_version() -> None:
    """One line."""
    assert good("--version").stdout.startswith("geartrain ")


# evaluate, predict, explain


def test_evaluate_says_the_accuracy_of_training(trained: Path, tmp_path: Path) -> None:
    """On the model's own data set, class by class, and as JSON."""
    last = load_model(trained).history[-1]
    result = good("evaluate", trained, "--json", tmp_path / "r")
    assert f"accuracy {last.test_accuracy:.2%}, cost {last.loss:.5f}" in result.stdout
    found = json.loads((tmp_path / "r").read_text())
    assert found["accuracy"] == last.test_accuracy
    assert found["cost"] == pytest.approx(last.loss)
    correct = sum(row["correct"] for row in found["classes"])
    assert correct / 360 == last.test_accuracy
    assert sum(row["images"] for row in found["classes"]) == found["images"] == 360
    alone = good("evaluate", trained, "--json", "-")
    assert json.loads(alone.stdout) == found


def test_evaluate_names_the_worst_mistake() -> None:
    """Per class: how many, how many right, and what the others are most taken for."""
    scores = training.Scores(
        cost=0.0,
        accuracy=0.5,
        predicted=np.array([0, 2, 2, 1, 1]),
        expected=np.array([0, 0, 0, 0, 1]),
    )
    rows = cli_use._by_class(scores, 3)
    assert rows[0] == {"class": 0, "images": 4, "correct": 1, "accuracy": 0.25, "mistaken_for": 2}
    assert (rows[1]["accuracy"], rows[1]["mistaken_for"]) == (1.0, None)
    assert (rows[2]["images"], rows[2]["accuracy"]) == (0, None)
    assert "    2       0        0         -  -" in cli_use._class_table(rows)


def test_evaluate_on_data_of_another_size(trained: Path, tmp_path: Path) -> None:
    """Refused with both sizes, and without advice to give a shape, which it does not take."""
    for role, (name, _) in datasets.FILES.items():
        shape = (2, 3, 3) if "images" in role else (2,)
        idx.write(tmp_path / name, np.ones(shape, np.uint8))
    message = bad(2, "evaluate", trained, "--data-dir", tmp_path)
    assert "expected images of 64 pixels, the network's inputs, got 9" in message
    assert "give a shape" not in message


def test_evaluate_a_model_of_unknown_data(trained: Path, tmp_path: Path) -> None:
    """Asks for the data instead of guessing."""
    save_model(tmp_path / "m", replace(load_model(trained), dataset="mine"))
    message = bad(2, "evaluate", tmp_path / "m")
    assert "trained on mine, which cannot be had by that name; give --data-dir" in message


def test_predict_takes_pictures_and_idx_alike(trained: Path, tmp_path: Path) -> None:
    """The same digit as PNG, deep, colour, as floats, as IDX and gzipped: the same answer."""
    data = datasets.load("digits")
    pixels = data.test_images[3].reshape(8, 8)
    bright = np.round(pixels * (255 / 16)).astype(np.uint8)
    Image.fromarray(bright).save(tmp_path / "grey.png")
    Image.fromarray(np.dstack([bright] * 3)).save(tmp_path / "colour.png")
    Image.fromarray(bright.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    Image.fromarray((pixels / 16).astype(np.float32)).save(tmp_path / "float.tif")
    idx.write(tmp_path / "one.idx", pixels)
    idx.write(tmp_path / "many.gz", data.test_images[:5].reshape(-1, 8, 8))
    names = ["grey.png", "colour.png", "deep.png", "float.tif", "one.idx", "many.gz"]
    paths = [tmp_path / name for name in names]
    result = good("predict", trained, *paths, "--json", tmp_path / "r")
    found = json.loads((tmp_path / "r").read_text())
    assert [row["image"] for row in found] == [
        *map(str, paths[:5]),
        *(f"{paths[5]}[{i}]" for i in range(5)),
    ]
    same = [found[i] for i in (0, 1, 2, 3, 4, 8)]
    assert {row["class"] for row in same} == {int(data.test_labels[3])}
    for row in same:
        np.testing.assert_allclose(row["outputs"], found[8]["outputs"], atol=0.05)
    first = f"{paths[0]}: {found[0]['class']} (activation {max(found[0]['outputs']):.4f})"
    assert result.stdout.splitlines()[0] == first
    assert json.loads(good("predict", trained, *paths, "--json", "-").stdout) == found


def test_predict_refuses_what_it_cannot_take(trained: Path, tmp_path: Path) -> None:
    """Wrong size, no image, no file, no pixels: each by name."""
    Image.fromarray(np.zeros((28, 20), np.uint8)).save(tmp_path / "large.png")
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "cut.png").write_bytes((tmp_path / "large.png").read_bytes()[:40])
    idx.write(tmp_path / "large.idx", np.zeros((1, 28, 28), np.uint8))
    idx.write(tmp_path / "labels.idx", np.zeros(3, np.uint8))
    (tmp_path / "cut.idx").write_bytes(b"\x00\x00\x08")
    for name, brightest in {"bright.tif": 255, "nan.tif": np.nan, "dark.tif": -1}.items():
        Image.fromarray(np.full((8, 8), brightest, np.float32)).save(tmp_path / name)
    for name, message in {
        "bright.tif": "expected greys from 0, black, to 1, white, found 255 to 255; scale them",
        "nan.tif": "expected greys from 0, black, to 1, white, found nan to nan",
        "dark.tif": "expected greys from 0, black, to 1, white, found -1 to -1",
        "large.png": "expected 8 x 8 pixels (width x height), the size the model was trained on,"
        " found 20 x 28",
        "text.png": "expected a picture such as a PNG, or an IDX file, found neither",
        "cut.png": "expected",
        "large.idx": "found 28 x 28",
        "labels.idx": "expected images of bytes, (count, rows, columns), found shape (3,)",
        "cut.idx": "expected",
        "none.png": "expected an image, found: No such file or directory",
    }.items():
        found = bad(2, "predict", trained, tmp_path / name)
        assert f"Error: {tmp_path / name}: " in found or f"{tmp_path / name}" in found
        assert message in found
    assert "IMAGE" in bad(2, "predict", trained)


def test_explain_takes_a_shape_or_a_model(trained: Path, tmp_path: Path) -> None:
    """2-2-1 by default; widths in any spelling."""
    assert good("explain").stdout.startswith("A 2-2-1 gear train")
    assert good("explain", 3, 4, 2).stdout == good("explain", "3-4-2").stdout
    assert good("explain", trained).stdout.startswith("A 64-40-10 gear train")
    softmax = good("explain", "2-3", "--cost", "softmax-cross-entropy")
    assert "softmax" in softmax.stdout


def test_explain_takes_a_model_as_it_is(trained: Path) -> None:
    """Options that describe a network are refused beside one; the seed is the sample's."""
    for options in (["--activation", "tanh"], ["--cost", "quadratic", "--activation", "sigmoid"]):
        said = bad(2, "explain", trained, *options)
        assert f"{trained}: expected no options that describe a network, got --" in said
        for option in options:
            assert option in said
        assert said.endswith("; leave them out, or give a shape")
    assert good("explain", trained, "--seed", 1).stdout != good("explain", trained).stdout


# the process


def command(*arguments: object) -> list[str]:
    """The command line that runs this project's own copy."""
    return [sys.executable, "-m", "backprop", *map(str, arguments)]


def environment() -> dict[str, str]:
    """The environment, where that copy is found."""
    return {**os.environ, "PYTHONPATH": str(Path(backprop.__file__).parents[1])}


def test_exit_codes_reach_the_shell(trained: Path) -> None:
    """`python -m backprop` works, and ends with the codes that are promised."""
    for arguments, code in (([trained], 0), (["/no/such"], 2)):
        done = subprocess.run(
            command("evaluate", *arguments),
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code
        assert "Traceback" not in done.stderr


def test_ctrl_c_keeps_the_checkpoint(trained: Path, tmp_path: Path) -> None:
    """Exit code 130, a plain message, no model file, and a checkpoint that can be gone on from."""
    save = tmp_path / "m"
    options = ["--epochs", 100000, "--save", save]
    process = subprocess.Popen(
        command(*DIGITS, *options),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not checkpoint_path(save).exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert load_model(checkpoint_path(save)).history
    assert f"interrupted; the same command with --resume goes on from {save}.checkpoint" in stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.checkpoint"]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("done", [1, 2])
def test_an_interrupt_right_after_a_checkpoint_was_written_knows_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    """Before anybody could have taken it down."""
    inner = cli._save

    def save(path: str, model: Any) -> None:
        inner(path, model)
        if len(model.history) == done:
            raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_save", save)
    results = tmp_path / "r.json"
    options = ["--epochs", 5, "--save", tmp_path / "m", "--json", results]
    result = CliRunner().invoke(cli.main, [str(word) for word in [*DIGITS, *options]])
    assert result.exit_code == 130
    assert "interrupted; the same command with --resume goes on from" in result.stderr
    found = json.loads(results.read_text())
    assert (found["epochs"], found["checkpoint"]) == (done, f"{tmp_path / 'm'}.checkpoint")
    assert len(load_model(found["checkpoint"]).history) == done


def test_interrupted_before_a_checkpoint() -> None:
    """The message does not promise what is not there."""
    for checkpoint in ("m", None):
        first = cli._interrupted(0, checkpoint)
        assert first == "interrupted in the first epoch, before there was anything to keep"
    assert "after epoch 3; with --save M the model could" in cli._interrupted(3, None)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("batch_size", "gated"), [(1, 20), (30, 30), (1000, 64)])
def test_the_gate_looks_at_enough_samples(batch_size: int, gated: int) -> None:
    """A minibatch of one decides little, and one of thousands no more than some dozens."""
    options = ["--epochs", 1, "--batch-size", batch_size, "--recheck", "--json", "-"]
    result = good(*DIGITS, *options, "--shape", "64-3-10", "--learning-rate", 0.1)
    assert json.loads(result.stdout)["certificate"]["batch"] == gated
