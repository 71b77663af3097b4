"""The command line: `backprop train`, `evaluate`, `predict` and `explain`.

The one module of this package that knows `checks`: training asks its gate for a certificate.
Exit codes: 0 done; 1 the gradient, an audit or training failed; 2 usage, data or files; 3 the
gradient could not be decided; 130 interrupted.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from backprop.datasets import Dataset
    from backprop.network import Network
    from backprop.storage import Model
    from backprop.training import Epoch, Permit, Scores

Say = Callable[[str], None]
# How many of the first samples the gate looks at, whatever a minibatch holds: few leave pixels, and
# so weights, at zero, where nothing can be decided; thousands show no more than some dozens do.
LEAST_GATED, MOST_GATED = 20, 64


class InputError(Exception):
    """Something in what the user gave, found out later than the options were read."""


class _Commands(click.Group):
    """Commands whose foreseen failures end in a message and an exit code, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            click.echo(f"\n{str(error) or 'interrupted'}", err=True)
            raise click.exceptions.Exit(130) from None
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise  # click's own, and a reader that has gone, which click knows how to take
        except Exception as error:
            code = _exit_code(error)
            if code is None:
                raise
            click.echo(f"Error: {_message(error)}", err=True)
            raise click.exceptions.Exit(code) from error


def _exit_code(error: Exception) -> int | None:
    """The exit code of a failure that was foreseen; None for any other, which is a bug here."""
    from backprop.datasets import DatasetError
    from backprop.idx import IdxError
    from backprop.storage import StorageError
    from backprop.training import AuditError, PermitError, TrainingError
    from checks.gate import VerificationError

    if isinstance(error, VerificationError):
        return 3 if error.report is not None and error.report.verdict == "undecided" else 1
    if isinstance(error, AuditError | PermitError | TrainingError):
        return 1
    given = DatasetError, IdxError, StorageError, InputError, OSError, MemoryError
    return 2 if isinstance(error, given) else None


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'file'}: {error.strerror}"
    if isinstance(error, MemoryError):
        return f"expected a network that fits into memory, got: {error}; give a smaller --shape"
    return str(error)


@contextmanager
def _usage() -> Iterator[None]:
    """Options that do not fit are the user's to correct: exit code 2, with the usage line."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise click.UsageError(str(error)) from error


def _version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:  # noqa: FBT001
    if wanted:
        from importlib import metadata

        try:
            version = metadata.version("geartrain")
        except metadata.PackageNotFoundError:
            version = "(not installed)"
        click.echo(f"geartrain {version}")
        ctx.exit()


def parse_shape(text: str) -> tuple[int, ...]:
    """The layer widths in `text`: whole numbers with hyphens, commas, spaces or an x between."""
    if not is_shape(text):
        raise click.BadParameter(
            f"expected at least two layer widths, such as 784-40-10, got {text!r}"
        )
    return tuple(map(int, re.findall(r"\d+", text)))


def is_shape(text: str) -> bool:
    """Whether `text` can be read as a shape."""
    return re.fullmatch(r"\s*\d+(\s*[-,x\s]\s*\d+)+\s*", text, re.ASCII) is not None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and exit.",
)
def main() -> None:
    """Train a network whose gradients are proved first, and use it."""


# train


@main.command()
@click.option(
    "--dataset",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="mnist, digits, or auto: MNIST, and the small digits where it cannot be had.",
)
@click.option(
    "--data-dir",
    type=click.Path(),
    metavar="DIR",
    help="A folder with four IDX files named like MNIST's.",
)
@click.option(
    "--epochs",
    "-e",
    type=click.IntRange(min=1),
    default=3,
    metavar="N",
    show_default=True,
    help="How many epochs the network has seen in the end.",
)
@click.option(
    "--seed",
    "-s",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    show_default=True,
    help="Of the first weights and of the order of the samples.",
)
@click.option(
    "--batch-size",
    "-b",
    type=click.IntRange(min=1),
    default=20,
    metavar="N",
    show_default=True,
    help="Samples to a step.",
)
@click.option(
    "--learning-rate",
    "-r",
    type=float,
    default=5.0,
    metavar="X",
    show_default=True,
    help="The step along minus the mean gradient.",
)
@click.option(
    "--shape",
    callback=lambda ctx, option, text: None if text is None else parse_shape(text),
    metavar="WIDTHS",
    help="Such as 784-40-10.  [default: the data's pixels, 40, its classes]",
)
@click.option(
    "--activation",
    default="sigmoid",
    show_default=True,
    metavar="NAME[,NAME…]",
    help="sigmoid, tanh, relu, softplus, identity; one, or one for each layer.",
)
@click.option(
    "--cost",
    default="quadratic",
    show_default=True,
    metavar="NAME",
    help="quadratic, cross-entropy or softmax-cross-entropy.",
)
@click.option(
    "--dtype", default="float32", show_default=True, metavar="NAME", help="float32 or float64."
)
@click.option(
    "--save",
    type=click.Path(dir_okay=False),
    metavar="M",
    help="Write the model to M, and after every epoch a checkpoint to M.checkpoint.",
)
@click.option(
    "--resume", is_flag=True, help="Go on from M.checkpoint, or start anew where there is none."
)
@click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="PATH",
    help="Write the results as JSON; - is standard output.",
)
@click.option("--no-audit", is_flag=True, help="Do not look at the gradient after every epoch.")
@click.option(
    "--recheck",
    "--no-cache",
    is_flag=True,
    help="Prove again, though neither code nor network has changed. Certificates are kept in the"
    " user's cache folder, or in the folder that GEARTRAIN_CACHE names.",
)
@click.option("--quiet", "-q", is_flag=True, help="Print errors only.")
def train(**options: Any) -> None:
    """Prove the gradients, then train.

    First the property checks on small random networks, then a check of the very network on the
    first samples. Only when both pass does training begin.
    """
    save, json_path, quiet = options["save"], options["json_path"], options["quiet"]
    _require_places(save, json_path, resume=options["resume"])
    say: Say = _silent if quiet else _say_to_stderr if json_path == "-" else click.echo
    data = _data(options["dataset"], options["data_dir"], say)
    model = _new_model(data, options)
    record = _record(data, model, options)
    try:
        model = _train(model, data, options, say, record)
    except (Exception, KeyboardInterrupt) as error:
        record["error"] = str(error) or "interrupted"
        report = getattr(error, "report", None)
        record["report"] = None if report is None else report.to_dict()
        if json_path:
            _write_json(json_path, record)
        raise
    if save:
        from backprop.storage import save_model

        save_model(save, model)
        say(f"model written to {save}")
    if json_path:
        _write_json(json_path, record)


def _train(
    model: Model, data: Dataset, options: dict[str, Any], say: Say, record: dict[str, Any]
) -> Model:
    """From a new model to a trained one; `record` grows on the way."""
    from backprop.training import split
    from checks.gate import gate

    save = options["save"]
    if options["resume"]:
        model = _resumed(save, model, say)
    _take(record, model)
    x, y = _first_samples(model, data)
    certificate = gate(
        model.net,
        x,
        y,
        seed=model.seed,
        cached=not options["recheck"],
        progress=say,
        samples=split(model.net, data)[0],
        batch_size=model.batch_size,
        learning_rate=model.learning_rate,
    )
    model = replace(model, certificate=certificate.to_dict())
    _take(record, model)
    try:
        for trained in _epochs(model, data, certificate, options, say):
            model = trained
            _take(record, model)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_interrupted(len(record["loss"]), save)) from None
    return model


def _epochs(
    model: Model, data: Dataset, permit: Permit, options: dict[str, Any], say: Say
) -> Iterator[Model]:
    """The model after each epoch, which by then is in the checkpoint."""
    from backprop.storage import checkpoint_path, save_model
    from backprop.training import epochs_of

    total, done = options["epochs"], len(model.history)
    shown = sys.stderr.isatty() and not options["quiet"] and done < total
    bar = _Bar(total, len(data.train_labels)) if shown else None
    epochs = epochs_of(
        model.net,
        data,
        permit=permit,
        epochs=total,
        batch_size=model.batch_size,
        learning_rate=model.learning_rate,
        seed=model.seed,
        start=done,
        audit=not options["no_audit"],
        on_batch=bar.on_batch if bar else None,
    )
    for epoch in _with_bar(epochs, bar, done):
        model = replace(model, history=(*model.history, epoch))
        if options["save"]:
            save_model(checkpoint_path(options["save"]), model)
        say(_epoch_line(epoch, total))
        yield model


def _with_bar(epochs: Iterator[Epoch], bar: _Bar | None, done: int) -> Iterator[Epoch]:
    """The same epochs, each with the bar shown while it is trained."""
    while True:
        if bar:
            bar.begin(done)
        try:
            epoch = next(epochs, None)
        finally:
            if bar:
                bar.end()
        if epoch is None:
            return
        yield epoch
        done = epoch.epoch


def _require_places(save: str | None, json_path: str | None, *, resume: bool) -> None:
    """Complain about files that cannot be written before the work, not after it."""
    if resume and not save:
        raise click.UsageError("--resume: expected --save M, whose checkpoint to go on from")
    for option, path in (("--save", save), ("--json", json_path)):
        folder = Path(path).absolute().parent if path and path != "-" else None
        if folder and not (folder.is_dir() and os.access(folder, os.W_OK)):
            raise click.UsageError(
                f"{option}: expected a path in a folder that can be written, got {path}; make the"
                f" folder {folder} or name another"
            )
    if save and json_path and json_path != "-":
        from backprop.storage import checkpoint_path

        taken = {Path(place).resolve() for place in (save, checkpoint_path(save))}
        if Path(json_path).resolve() in taken:
            raise click.UsageError(
                f"--json: expected another file than --save's and its checkpoint, got {json_path}"
            )


def _data(name: str, data_dir: str | None, say: Say) -> Dataset:
    from backprop import datasets, validation

    with _usage():
        validation.choice("--dataset", name, datasets.DATASETS)
    data = datasets.load(name, data_dir=data_dir)
    say(
        f"{data.name}: {len(data.train_labels):,} images to train on,"
        f" {len(data.test_labels):,} to test on, from {data.source}"
    )
    return data


def _new_model(data: Dataset, options: dict[str, Any]) -> Model:
    from backprop import training, validation
    from backprop.storage import Model

    with _usage():
        net = _network(options["shape"] or (data.features, 40, data.classes), options)
        rate = validation.positive("--learning-rate", options["learning_rate"])
        training.split(net, data)
    return Model(
        net=net,
        dataset=data.name,
        peak=data.peak,
        image_shape=data.image_shape,
        seed=options["seed"],
        batch_size=options["batch_size"],
        learning_rate=rate,
    )


def _network(shape: tuple[int, ...], options: dict[str, Any]) -> Network:
    from backprop.network import init_net

    names = [name.strip() for name in options["activation"].split(",")]
    return init_net(
        shape,
        activation=names[0] if len(names) == 1 else names,
        cost=options["cost"],
        dtype=options["dtype"],
        seed=options["seed"],
    )


def _resumed(save: str, model: Model, say: Say) -> Model:
    """The model in the checkpoint, or the new one where there is none."""
    from backprop.storage import checkpoint_path, load_model, require_same_run

    path = checkpoint_path(save)
    if not path.exists():
        say(f"{path}: no checkpoint there, starting anew")
        return model
    saved = load_model(path)
    require_same_run(path, saved, model)
    say(f"going on from {path}, after epoch {len(saved.history)}")
    return saved


def _first_samples(model: Model, data: Dataset) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    from backprop.training import first_batch

    size = min(max(model.batch_size, LEAST_GATED), MOST_GATED)
    return first_batch(model.net, data, batch_size=size, seed=model.seed)


def _record(data: Dataset, model: Model, options: dict[str, Any]) -> dict[str, Any]:
    """What `--json` holds of a run that is about to begin."""
    net = model.net
    return {
        "dataset": data.name,
        "source": data.source,
        "shape": list(net.shape),
        "activations": list(net.activations),
        "cost": net.cost,
        "dtype": str(net.dtype),
        "seed": model.seed,
        "batch_size": model.batch_size,
        "learning_rate": model.learning_rate,
        "epochs": options["epochs"],
        "model": options["save"],
        "error": None,
        "report": None,
    }


def _take(record: dict[str, Any], model: Model) -> None:
    """Bring the record up to date with the model."""
    for key in ("loss", "test_accuracy", "seconds", "audit"):
        record[key] = [getattr(epoch, key) for epoch in model.history]
    record["certificate"] = dict(model.certificate) or None


def _epoch_line(epoch: Epoch, total: int) -> str:
    accuracy = epoch.test_accuracy
    parts = [f"epoch {epoch.epoch}/{total}: loss {epoch.loss:.5f}"]
    parts += [f"test accuracy {accuracy:.2%}"] if accuracy is not None else []
    parts += [f"{epoch.seconds:.2f} s"]
    parts += [f"audit {epoch.audit.partition(':')[0]}"] if epoch.audit else []
    return ", ".join(parts)


def _interrupted(done: int, save: str | None) -> str:
    if not save:
        return f"interrupted after {done} epochs; with --save M they could have been kept"
    if not done:
        return "interrupted in the first epoch, before there was a checkpoint"
    return f"interrupted; the same command with --resume goes on from {save}.checkpoint"


class _Bar:
    """A progress bar on standard error, gone whenever a line is to be printed."""

    def __init__(self, epochs: int, samples: int) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self._epochs, self._samples, self._seen, self._drawn = epochs, samples, 0, 0
        self._shown = Progress(
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._shown.add_task("", total=samples)

    def begin(self, done: int) -> None:
        """Show the bar of the next epoch, after so many that are done."""
        self._seen = self._drawn = 0
        if done < self._epochs:
            self._shown.reset(self._task, description=f"epoch {done + 1}/{self._epochs}")
            self._shown.start()

    def on_batch(self, size: int) -> None:
        """Move by so many samples; drawn only where it shows, since a minibatch is quick."""
        self._seen += size
        if self._seen - self._drawn >= self._samples / 50:
            self._shown.update(self._task, completed=self._seen)
            self._drawn = self._seen

    def end(self) -> None:
        """Take the bar away."""
        self._shown.stop()


# evaluate


@main.command()
@click.argument("model_path", metavar="MODEL", type=click.Path())
@click.option("--dataset", metavar="NAME", help="mnist or digits.  [default: the model's own]")
@click.option(
    "--data-dir",
    type=click.Path(),
    metavar="DIR",
    help="A folder with four IDX files named like MNIST's.",
)
@click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="PATH",
    help="Write the results as JSON; - is standard output.",
)
def evaluate(
    model_path: str, dataset: str | None, data_dir: str | None, json_path: str | None
) -> None:
    """Accuracy and cost of MODEL on the test images, class by class."""
    from backprop import training
    from backprop.storage import load_model

    _require_places(None, json_path, resume=False)
    say: Say = _silent if json_path == "-" else click.echo
    model = load_model(model_path)
    data = _data(dataset or _own_dataset(model, data_dir, model_path), data_dir, say)
    with _usage():
        training.split(model.net, data)
    images = training.Samples(x=data.test_images, y=data.test_labels, peak=model.peak)
    scores = training.evaluate(model.net, images)
    classes = _by_class(scores, model.net.shape[-1])
    accuracy = "-" if scores.accuracy is None else f"{scores.accuracy:.2%}"
    say(f"accuracy {accuracy}, cost {scores.cost:.5f}, on {len(images):,} test images")
    say(_class_table(classes))
    if json_path:
        head = {"model": model_path, "dataset": data.name, "source": data.source}
        totals = {"images": len(images), "accuracy": scores.accuracy, "cost": scores.cost}
        _write_json(json_path, {**head, **totals, "classes": classes})


def _own_dataset(model: Model, data_dir: str | None, path: str) -> str:
    """The data set that the model was trained on, where it can be had by name."""
    if data_dir is not None:
        return "auto"
    if model.dataset not in ("mnist", "digits"):
        raise click.UsageError(
            f"{path}: trained on {model.dataset or 'data without a name'}, which cannot be had by"
            " that name; give --data-dir or --dataset"
        )
    return model.dataset


def _by_class(scores: Scores, classes: int) -> list[dict[str, Any]]:
    """For every class: how many images, how many right, and what it is most taken for."""
    import numpy as np

    rows = []
    for label in range(classes):
        said = scores.predicted[scores.expected == label]
        counts = np.bincount(said, minlength=classes)
        right, counts[label] = int(counts[label]), 0
        rows.append(
            {
                "class": label,
                "images": len(said),
                "correct": right,
                "accuracy": right / len(said) if len(said) else None,
                "mistaken_for": int(counts.argmax()) if counts.any() else None,
            }
        )
    return rows


def _class_table(classes: Iterable[dict[str, Any]]) -> str:
    lines = ["class  images  correct  accuracy  most often mistaken for"]
    for row in classes:
        accuracy = "-" if row["accuracy"] is None else f"{row['accuracy']:.2%}"
        mistaken = "-" if row["mistaken_for"] is None else row["mistaken_for"]
        counts = f"{row['class']:>5}  {row['images']:>6,}  {row['correct']:>7,}"
        lines.append(f"{counts}  {accuracy:>8}  {mistaken}")
    return "\n".join(lines)


# predict


@main.command()
@click.argument("model_path", metavar="MODEL", type=click.Path())
@click.argument("images", metavar="IMAGE…", nargs=-1, required=True, type=click.Path())
@click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="PATH",
    help="Write the results as JSON; - is standard output.",
)
def predict(model_path: str, images: Sequence[str], json_path: str | None) -> None:
    """Say what MODEL takes every IMAGE for.

    An IMAGE is a picture, such as a PNG, of the size the model was trained on, turned into greys
    with white as 1; or an IDX file with any number of images, plain or gzipped. MNIST and the
    digits are white on black.
    """
    import numpy as np

    from backprop.passes import forward
    from backprop.storage import load_model

    _require_places(None, json_path, resume=False)
    model = load_model(model_path)
    named = [pair for path in images for pair in _images(path, model)]
    a = forward(model.net, np.stack([x for _, x in named]))[-1]
    kind = "probability" if model.net.activations[-1] == "softmax" else "activation"
    found = []
    for (name, _), row in zip(named, a, strict=True):
        best = int(row.argmax())
        found.append({"image": name, "class": best, "outputs": [float(value) for value in row]})
        if json_path != "-":
            click.echo(f"{name}: {best} ({kind} {row[best]:.4f})")
    if json_path:
        _write_json(json_path, found)


def _images(path: str, model: Model) -> list[tuple[str, npt.NDArray[Any]]]:
    """The images in a file, each with a name and flat, scaled like those of training."""
    from backprop.datasets import scale_pixels
    from backprop.idx import read

    if not _is_idx(path):
        return [(path, _picture(path, model))]
    pixels = read(path)
    if pixels.dtype.kind != "u" or pixels.ndim not in (2, 3) or not pixels.size:
        raise InputError(
            f"{path}: expected images of bytes, (count, rows, columns), found shape"
            f" {pixels.shape} of {pixels.dtype}; name a file of images"
        )
    single = pixels.ndim == 2
    stack = pixels[None] if single else pixels
    _require_size(path, (stack.shape[1], stack.shape[2]), model)
    flat = scale_pixels(stack.reshape(len(stack), -1), model.peak, model.net.dtype)
    return [(path if single else f"{path}[{i}]", row) for i, row in enumerate(flat)]


def _is_idx(path: str) -> bool:
    """Whether a file begins like an IDX file, gzipped or plain."""
    try:
        with Path(path).open("rb") as file:
            head = file.read(2)
    except OSError as error:
        raise InputError(f"{path}: expected an image, found: {error.strerror}") from None
    return head in (b"\x00\x00", b"\x1f\x8b")


def _picture(path: str, model: Model) -> npt.NDArray[np.floating]:
    """The greys of a picture, from 0, black, to 1, white."""
    import numpy as np
    from PIL import Image

    try:
        with Image.open(path) as picture:
            _require_size(path, (picture.height, picture.width), model)
            # Greys of 16 bits would be clipped, not scaled, by a conversion to 8.
            deep = picture.mode.startswith("I")
            greys = np.asarray(picture if deep else picture.convert("L"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(
            f"{path}: expected a picture such as a PNG, or an IDX file, found neither ({error})"
        ) from None
    return (greys / (65535 if deep else 255)).astype(model.net.dtype).reshape(-1)


def _require_size(path: str, size: tuple[int, int], model: Model) -> None:
    n_in, expected = model.net.shape[0], model.image_shape
    if size != expected if expected else size[0] * size[1] != n_in:
        wanted = f"{expected[1]} x {expected[0]}" if expected else f"{n_in} in all"
        raise InputError(
            f"{path}: expected {wanted} pixels (width x height), the size the model was trained"
            f" on, found {size[1]} x {size[0]}; resize the image"
        )


# explain


@main.command()
@click.argument("what", metavar="[MODEL | SHAPE]", nargs=-1)
@click.option(
    "--activation",
    default="sigmoid",
    show_default=True,
    metavar="NAME[,NAME…]",
    help="Where a SHAPE is given.",
)
@click.option(
    "--cost", default="quadratic", show_default=True, metavar="NAME", help="Where a SHAPE is given."
)
@click.option(
    "--seed",
    "-s",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    show_default=True,
    help="Of the sample, and of the weights where a SHAPE is given.",
)
def explain(what: Sequence[str], activation: str, cost: str, seed: int) -> None:
    """Work one sample through a network, forward and back, with all the numbers.

    The network is a MODEL that was trained, or a SHAPE to draw one in, by default 2-2-1. A wide
    one is followed along a single path.
    """
    import numpy as np

    from backprop.explain import explain as worked_example
    from backprop.passes import forward
    from backprop.storage import load_model

    text = " ".join(what) or "2-2-1"
    if is_shape(text) and not Path(text).exists():
        options = {"activation": activation, "cost": cost, "dtype": "float64", "seed": seed}
        with _usage():
            net = _network(parse_shape(text), options)
    elif Path(text).exists():
        net = load_model(text).net
    else:
        raise InputError(
            f"{text}: expected a model file or a shape such as 2-2-1, found no such file"
        )
    x = np.random.default_rng(seed).uniform(size=(1, net.shape[0]))
    # The runner-up for a target: a prediction that is right already has next to no slope.
    runner_up = forward(net, x)[-1].argsort(axis=1)[:, -2:][:, 0]
    click.echo(worked_example(net, x, runner_up))


def _silent(_message: str) -> None:
    """Say nothing."""


def _say_to_stderr(message: str) -> None:
    click.echo(message, err=True)


def _write_json(path: str, content: Any) -> None:
    """Write JSON, whole or not at all; `-` is standard output."""
    text = json.dumps(content, indent=2) + "\n"
    if path == "-":
        click.echo(text, nl=False)
        return
    from backprop.storage import write_atomically

    write_atomically(path, text.encode())
