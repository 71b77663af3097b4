"""The command `backprop train`: from options, by way of the gate, to epochs and a model file."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from backprop.cli import checkpoints
from backprop.cli.common import (
    Say,
    activation_option,
    checkpoint_of,
    cost_option,
    data_dir_option,
    json_option,
    load_data,
    new_network,
    require_places,
    say_to_stderr,
    say_to_stdout,
    seed_option,
    shape_of,
    silent,
    usage_errors,
)
from backprop.cli.plotting import plot_option, write_picture
from backprop.plot_file import require_plot
from backprop.system import exit_codes, signals
from backprop.system.json_output import write_json
from backprop.system.progress_bar import Bar
from backprop.system.terminal import Command, CommandError, with_options, writing

if TYPE_CHECKING:
    import numpy.typing as npt

    from backprop.datasets.dataset import Dataset
    from backprop.training.history import Epoch
    from backprop.training.model_file import Model

# How many of the first samples the gate looks at, whatever a minibatch holds: few leave pixels, and
# so weights, at zero, where nothing can be decided; thousands show no more than some dozens do.
LEAST_GATED, MOST_GATED = 20, 64

# What proves a network's gradient on some samples: `backprop.__main__` hands it in as click's
# context object, for this package does not know who checks it.
Gate = Callable[..., Any]


OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--dataset", default="auto", show_default=True, metavar="NAME",
                 help="mnist, digits, or auto: MNIST, and the small digits where it cannot be"
                      " had."),
    data_dir_option,
    click.option("--epochs", "-e", type=click.IntRange(min=1), default=3, metavar="N",
                 show_default=True,
                 help="Epochs in all; with --resume, those in the checkpoint count."),
    seed_option("Of the first weights and of the order of the samples."),
    click.option("--batch-size", "-b", type=click.IntRange(min=1), default=20, metavar="N",
                 show_default=True, help="Samples to a step."),
    click.option("--learning-rate", "-r", type=float, metavar="X",
                 help="The step along minus the mean gradient. With --resume, it may change."
                      "  [default: one that suits activations and cost, as in docs/rates.md;"
                      " with --resume, the last one]"),
    click.option("--shape", metavar="WIDTHS",
                 callback=lambda ctx, option, text: None if text is None else shape_of(text),
                 help="Such as 784-40-10.  [default: the data's pixels, 40, its classes]"),
    activation_option("sigmoid, tanh, relu, softplus, identity; one, or one for each layer. With"
                      " one, a cross-entropy has its own at the output."),
    cost_option("quadratic, cross-entropy (output sigmoid) or softmax-cross-entropy (output"
                " softmax)."),
    click.option("--dtype", default="float32", show_default=True, metavar="NAME",
                 help="float32 or float64."),
    click.option("--save", metavar="M",
                 help="Write the model to M, and after every epoch a checkpoint to M.checkpoint;"
                      " the one before is kept as well."),
    click.option("--resume", is_flag=True,
                 help="Go on from M.checkpoint, or start anew where there is none."),
    click.option("--restart", is_flag=True,
                 help="Begin anew, though there is a M.checkpoint, which is replaced."),
    json_option,
    plot_option,
    click.option("--no-audit", is_flag=True,
                 help="Do not look at the gradient after every epoch."),
    click.option("--recheck", "--no-cache", is_flag=True,
                 help="Prove again, even if a certificate from an earlier run still holds."
                      " Certificates are kept in the user's cache folder, or in the folder that"
                      " GEARTRAIN_CACHE names."),
    click.option("--quiet", "-q", is_flag=True, help="Print errors only."),
)  # fmt: skip


@click.command(cls=Command)
@with_options(OPTIONS)
@click.pass_obj
def train(gate: Gate | None, /, **options: Any) -> None:
    """Prove the gradients, then train.

    First the property checks on small random networks, then a check of the very network on the
    first samples. Only when both pass does training begin. What was proved is kept, for later
    runs of the same code and kind of network.
    """
    if gate is None:
        raise CommandError("train: expected a gate that proves gradients, got none")
    options["gate"] = gate
    save, json_path, quiet = options["save"], options["json_path"], options["quiet"]
    require_places(save, json_path, resume=options["resume"])
    require_plot(options["plot_path"])
    checkpoints.require_free(save, resume=options["resume"], restart=options["restart"])
    say: Say = silent if quiet else say_to_stderr if json_path == "-" else say_to_stdout
    data = load_data(options["dataset"], options["data_dir"], say)
    model = _new_model(data, options)
    record = _record(data, model)
    try:
        model = _train(model, data, options, say, record)
        if save is not None:
            _save(save, model)
            record["model"] = save
            say(f"model written to {save}")
        if options["plot_path"] is not None:
            write_picture(options["plot_path"], model, data)
    except (Exception, KeyboardInterrupt) as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        record["error"] = str(error) or ("interrupted" if interrupted else type(error).__name__)
        report = getattr(error, "report", None)
        record["report"] = None if report is None else report.to_dict()
        if json_path is not None:
            try:
                write_json(json_path, record)
            except CommandError as unwritable:  # beside what went wrong before, not instead of it
                say_to_stderr(f"Error: {unwritable}")
        raise
    if json_path is not None:
        write_json(json_path, record)


def _train(
    model: Model, data: Dataset, options: dict[str, Any], say: Say, record: dict[str, Any]
) -> Model:
    """From a new model to a trained one; `record` grows on the way."""
    from backprop.training import epochs
    from backprop.training.epochs import TrainingError
    from backprop.training.samples import split_samples

    if options["resume"]:
        model = checkpoints.resumed(options["save"], model, say, options["learning_rate"])
    checkpoint = checkpoint_of(options["save"])
    _take(record, model, checkpoint)
    x, y = _first_samples(model, data)
    certificate = options["gate"](
        model.net,
        x,
        y,
        seed=model.seed,
        cached=not options["recheck"],
        progress=say,
        samples=split_samples(model.net, data)[0],
        batch_size=model.batch_size,
        learning_rate=model.learning_rate,
    )
    model = replace(model, certificate=certificate.to_dict())
    _take(record, model, checkpoint)
    total, done = options["epochs"], len(model.history)
    _say_what_is_to_do(model, options, say)
    samples = len(data.train_labels)
    bar = Bar("training", (total - done) * samples - model.seen)
    seen = model.seen

    def keep(epoch: Epoch) -> None:
        nonlocal model, seen
        bar.close()
        model, seen = replace(model, history=(*model.history, epoch), seen=0), 0
        checkpoints.keep(checkpoint, model)
        _take(record, model, checkpoint)
        say(_epoch_line(epoch, total))
        stop_if_asked()

    def step(count: int) -> None:
        nonlocal seen
        seen += count
        if not options["quiet"]:
            bar.update(count)
        if seen < samples:  # else the epoch is done, and `keep` will be called
            stop_if_asked()

    try:
        with closing(bar), signals.postponed() as stop_if_asked:
            epochs.train(
                model.net,
                data,
                permit=certificate,
                epochs=total,
                batch_size=model.batch_size,
                learning_rate=model.learning_rate,
                seed=model.seed,
                start=done,
                seen=model.seen,
                audit=not options["no_audit"],
                on_epoch=keep,
                on_batch=step,
            )
    except signals.StopAsked as stop:
        if seen and epochs.not_finite(model.net) is None:
            model = replace(model, seen=seen)
            checkpoints.keep(checkpoint, model)
        _take(record, model, checkpoint)
        raise _stopped(stop.number, _interrupted(model, checkpoint)) from None
    except TrainingError as error:
        raise TrainingError(f"{error}{checkpoints.kept(checkpoint, model)}") from error
    return model


def _stopped(number: int, said: str) -> BaseException:
    """What ends the run that a signal has stopped."""
    if number == signal.SIGINT:
        return KeyboardInterrupt(said)
    ended = {signal.SIGTERM: exit_codes.TERMINATED}
    return CommandError(said, ended.get(signal.Signals(number), exit_codes.HUNG_UP))


def _new_model(data: Dataset, options: dict[str, Any]) -> Model:
    from backprop import arguments
    from backprop.learning.rates import suitable_rate
    from backprop.training.model_file import Model
    from backprop.training.samples import split_samples

    with usage_errors():
        net = new_network(options["shape"] or (data.features, 40, data.classes), options)
        asked = options["learning_rate"]
        rate = suitable_rate(net) if asked is None else asked
        rate = arguments.positive("--learning-rate", rate)
        split_samples(net, data)
    return Model(
        net=net,
        dataset=data.name,
        peak=data.peak,
        image_shape=data.image_shape,
        ink_share=data.ink_share if options["save"] else None,
        data_checksum=data.checksum if options["save"] else "",
        seed=options["seed"],
        batch_size=options["batch_size"],
        learning_rate=rate,
    )


def _save(path: str, model: Model) -> None:
    from backprop.training.model_file import save_model

    with writing("--save", path):
        save_model(path, model)


def _first_samples(model: Model, data: Dataset) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    from backprop.training.samples import first_batch

    size = min(max(model.batch_size, LEAST_GATED), MOST_GATED)
    return first_batch(model.net, data, batch_size=size, seed=model.seed)


def _record(data: Dataset, model: Model) -> dict[str, Any]:
    """What `--json` holds of a run that is about to begin."""
    from backprop.training.model_file import plain_values

    told = ("shape", "activations", "cost", "dtype", "seed", "batch_size", "learning_rate")
    plain = plain_values(model)
    return {
        "dataset": data.name,
        "source": data.source,
        **{name: plain[name] for name in told},
        "epochs": len(model.history),
        **dict.fromkeys(("model", "checkpoint", "error", "report")),
    }


def _take(record: dict[str, Any], model: Model, checkpoint: str | None) -> None:
    """Bring the record up to date with the model, which is in the checkpoint once it has epochs."""
    record["checkpoint"] = checkpoint if model.history or model.seen else None
    record["epochs"] = len(model.history)
    record["learning_rate"] = model.learning_rate
    record["learning_rates"] = [epoch.learning_rate for epoch in model.history]
    for key in ("loss", "test_accuracy", "seconds", "audit", "note"):
        record[key] = [getattr(epoch, key) for epoch in model.history]
    record["certificate"] = dict(model.certificate) or None


def _epoch_line(epoch: Epoch, total: int) -> str:
    accuracy = epoch.test_accuracy
    parts = [f"epoch {epoch.epoch}/{total}: loss {epoch.loss:.5f}"]
    parts += [f"test accuracy {accuracy:.2%}"] if accuracy is not None else []
    parts += [f"{epoch.seconds:.2f} s"]
    parts += [f"audit {_short(epoch.audit)}"] if epoch.audit else []
    return ", ".join(parts) + (f"\n{epoch.note}" if epoch.note else "")


def _say_what_is_to_do(model: Model, options: dict[str, Any], say: Say) -> None:
    """The rate, where it was chosen and not given; or that nothing is left to be trained."""
    total, done = options["epochs"], len(model.history)
    if model.seen and done >= total:
        raise click.UsageError(
            f"--epochs: expected {done + 1} or more, for the checkpoint lies within that epoch, got"
            f" {total}"
        )
    if done >= total:
        say(f"nothing to train: {done} epochs are done, and --epochs {total} asks for no more")
    elif options["learning_rate"] is None and not done:
        names = " and ".join(dict.fromkeys(model.net.activations))
        say(f"learning rate {model.learning_rate:g}, for {names} with the cost {model.net.cost}")


def _short(audit: str) -> str:
    """The verdict of an audit; the reason as well where it is no pass."""
    verdict, _, counts = audit.partition(": ")
    return verdict if verdict == "pass" else f"{verdict}: {counts.rpartition('; ')[2]}"


def _interrupted(model: Model, checkpoint: str | None) -> str:
    done = checkpoints.progress_of(model)
    if checkpoint is None:
        return f"interrupted after {done}; with --save M the model could have been kept"
    return f"interrupted after {done}; the same command with --resume goes on from {checkpoint}"
