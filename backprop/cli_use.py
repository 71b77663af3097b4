"""The commands that use a trained network: `evaluate`, `predict` and `explain`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from backprop.console import (
    Say,
    data_dir_option,
    json_option,
    load_data,
    new_network,
    require_places,
    say_to_stdout,
    shape_of,
    silent,
    usage,
    write_json,
)
from backprop.terminal import Command, CommandError, show

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from backprop.storage import Model
    from backprop.training import Scores


@click.command(cls=Command)
@click.argument("model_path", metavar="MODEL", type=click.Path())
@click.option("--dataset", metavar="NAME", help="mnist or digits.  [default: the model's own]")
@data_dir_option
@json_option
def evaluate(
    model_path: str, dataset: str | None, data_dir: str | None, json_path: str | None
) -> None:
    """Accuracy and cost of MODEL on the test images, class by class."""
    from backprop import training
    from backprop.samples import Samples, split
    from backprop.storage import load_model

    require_places(None, json_path, resume=False)
    say: Say = silent if json_path == "-" else say_to_stdout
    model = load_model(model_path)
    data = load_data(dataset or _own_dataset(model, data_dir, model_path), data_dir, say)
    with usage():
        split(model.net, data)
    images = Samples(x=data.test_images, y=data.test_labels, peak=model.peak)
    scores = training.evaluate(model.net, images)
    classes = _by_class(scores, model.net.shape[-1])
    accuracy = "-" if scores.accuracy is None else f"{scores.accuracy:.2%}"
    say(f"accuracy {accuracy}, cost {scores.cost:.5f}, on {len(images):,} test images")
    say(_class_table(classes))
    if json_path:
        head = {"model": model_path, "dataset": data.name, "source": data.source}
        totals = {"images": len(images), "accuracy": scores.accuracy, "cost": scores.cost}
        write_json(json_path, {**head, **totals, "classes": classes})


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


@click.command(cls=Command)
@click.argument("model_path", metavar="MODEL", type=click.Path())
@click.argument("images", metavar="IMAGE…", nargs=-1, required=True, type=click.Path())
@json_option
def predict(model_path: str, images: Sequence[str], json_path: str | None) -> None:
    """Say what MODEL takes every IMAGE for.

    An IMAGE is a picture, such as a PNG, of the size the model was trained on, turned into greys
    with white as 1; or an IDX file with any number of images, plain or gzipped. MNIST and the
    digits are white on black.
    """
    import numpy as np

    from backprop.passes import forward
    from backprop.storage import load_model

    require_places(None, json_path, resume=False)
    model = load_model(model_path)
    named = [pair for path in images for pair in _images(path, model)]
    a = forward(model.net, np.stack([x for _, x in named]))[-1]
    kind = "probability" if model.net.activations[-1] == "softmax" else "activation"
    found = []
    for (name, _), row in zip(named, a, strict=True):
        best = int(row.argmax())
        found.append({"image": name, "class": best, "outputs": [float(value) for value in row]})
        if json_path != "-":
            show(f"{name}: {best} ({kind} {row[best]:.4f})")
    if json_path:
        write_json(json_path, found)


def _images(path: str, model: Model) -> list[tuple[str, npt.NDArray[Any]]]:
    """The images in a file, each with a name and flat, scaled like those of training."""
    from backprop.datasets import scale_pixels
    from backprop.idx import read

    if not _is_idx(path):
        return [(path, _picture(path, model))]
    pixels = read(path)
    if pixels.dtype.kind != "u" or pixels.ndim not in (2, 3) or not pixels.size:
        raise CommandError(
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
        raise CommandError(f"{path}: expected an image, found: {error.strerror}") from None
    return head in (b"\x00\x00", b"\x1f\x8b")


def _picture(path: str, model: Model) -> npt.NDArray[np.floating]:
    """The greys of a picture, from 0, black, to 1, white."""
    import numpy as np
    from PIL import Image

    try:
        with Image.open(path) as picture:
            _require_size(path, (picture.height, picture.width), model)
            # What is deeper than 8 bits would be clipped, not scaled, by a conversion to 8.
            white = {"I": 65535, "F": 1}.get(picture.mode[:1], 255)
            greys = np.asarray(picture if white != 255 else picture.convert("L")) / white
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise CommandError(
            f"{path}: expected a picture such as a PNG, or an IDX file, found neither ({error})"
        ) from None
    if not (greys.min() >= 0 and greys.max() <= 1):
        raise CommandError(
            f"{path}: expected greys from 0, black, to {white}, white, found"
            f" {greys.min() * white:g} to {greys.max() * white:g}; scale them, or save 8 bits"
        )
    return greys.astype(model.net.dtype).reshape(-1)


def _require_size(path: str, size: tuple[int, int], model: Model) -> None:
    n_in, expected = model.net.shape[0], model.image_shape
    if size != expected if expected else size[0] * size[1] != n_in:
        wanted = f"{expected[1]} x {expected[0]}" if expected else f"{n_in} in all"
        raise CommandError(
            f"{path}: expected {wanted} pixels (width x height), the size the model was trained"
            f" on, found {size[1]} x {size[0]}; resize the image"
        )


@click.command(cls=Command)
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
@click.pass_context
def explain(
    context: click.Context, /, what: Sequence[str], activation: str, cost: str, seed: int
) -> None:
    """Work one sample through a network, forward and back, with the numbers.

    The network is a MODEL that was trained, or a SHAPE to draw one in, by default 2-2-1. A wide
    one is followed along a single path. The sample is drawn, for a MODEL as well: inputs from 0 to
    1, and for a target the output that comes second.
    """
    import numpy as np

    from backprop.explain import explain as worked_example
    from backprop.passes import forward
    from backprop.storage import load_model

    text = " ".join(what) or "2-2-1"
    if Path(text).exists():
        _require_none_given(context, text)
        net = load_model(text).net
    elif text[:1].isdecimal():
        options = {"activation": activation, "cost": cost, "dtype": "float64", "seed": seed}
        with usage():
            net = new_network(shape_of(text), options)
    else:
        raise CommandError(
            f"{text}: expected a model file or a shape such as 2-2-1, found no such file"
        )
    x = np.random.default_rng(seed).uniform(size=(1, net.shape[0]))
    # The runner-up for a target: a prediction that is right already has next to no slope.
    runner_up = forward(net, x)[-1].argsort(axis=1)[:, -2:][:, 0]
    show(worked_example(net, x, runner_up))


def _require_none_given(context: click.Context, model: str) -> None:
    """A model has its own activations and cost: to ask for others is a mistake."""
    given = [
        f"--{name} {context.params[name]}"
        for name in ("activation", "cost")
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(
            f"{model}: expected no options that describe a network, got {' '.join(given)};"
            " leave them out, or give a shape"
        )
