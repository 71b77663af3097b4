"""The command `backprop predict`: what a trained model takes images for, and how sure it is."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from backprop.cli.common import json_option, require_places
from backprop.system.folding import fitted
from backprop.system.json_output import write_json
from backprop.system.terminal import Command, show

if TYPE_CHECKING:
    import numpy.typing as npt

    from backprop.datasets.images import Image
    from backprop.training.model_file import Model

SURE = 0.5  # of the best output; and no other with half as much
FEW = 10  # pictures are shown of so many images; of more, a line each


@click.command(cls=Command)
@click.argument("model_path", metavar="MODEL", type=click.Path())
@click.argument("images", metavar="IMAGE…", nargs=-1, required=True, type=click.Path())
@click.option(
    "--ink",
    type=click.Choice(("auto", "dark", "light", "as-is")),
    default="auto",
    show_default=True,
    help="Whether what is written is darker or lighter than what it is on; or take"
    " pictures of the right size as they are.",
)
@click.option(
    "--picture/--no-picture",
    default=None,
    help="Show what the network sees.  [default: in a terminal, of up to ten]",
)
@json_option
def predict(
    model_path: str, images: Sequence[str], ink: str, json_path: str | None, *, picture: bool | None
) -> None:
    """Say what MODEL takes every IMAGE for.

    An IMAGE is a picture (PNG, JPEG, BMP, GIF, WebP or PGM) of any size, a photo as well: what is
    written on it is looked for, dark on light or light on dark, fitted and centred as MNIST's
    digits are. Or a folder of pictures; or - for one on standard input; or an IDX file with any
    number of images, plain or gzipped, which are taken as they are.
    """  # fmt: skip
    import numpy as np

    from backprop.datasets.images import read_images
    from backprop.passes import forward
    from backprop.training.model_file import load_model

    require_places(None, json_path, resume=False)
    model = load_model(model_path)
    read = [
        image
        for path in images
        for image in read_images(
            path,
            image_shape=model.image_shape,
            n_in=model.net.shape[0],
            peak=model.peak,
            dtype=model.net.dtype,
            ink=ink,
        )
    ]
    if picture is None:
        picture = sys.stdout.isatty() and len(read) <= FEW
    a = forward(model.net, np.stack([image.x for image in read]))[-1]
    found = []
    for image, row in zip(read, a, strict=True):
        doubts = [*_doubts(model, image, row)]
        found.append(_record(image, row, doubts))
        if json_path != "-":
            show(_line(model, image, row, doubts))
            if picture and model.image_shape is not None:
                show(_seen(image.x.reshape(model.image_shape)))
    if json_path:
        write_json(json_path, found)


def _record(image: Image, row: npt.NDArray[Any], doubts: list[str]) -> dict[str, Any]:
    return {
        "image": image.name,
        "class": None if image.blank else int(row.argmax()),
        "outputs": [float(value) for value in row],
        "fitted": image.fitted,
        "dark_on_light": image.dark_on_light,
        "doubts": doubts,
    }


def _line(model: Model, image: Image, row: npt.NDArray[Any], doubts: list[str]) -> str:
    kind = "probability" if model.net.activations[-1] == "softmax" else "activation"
    said = "nothing" if image.blank else f"{row.argmax()} ({kind} {row.max():.4f})"
    ink = f", {'dark on light' if image.dark_on_light else 'light on dark'}" if image.fitted else ""
    line = f"{image.name}: {said}{'' if image.blank else ink}"
    return "\n".join((line, *(fitted(f"  {doubt}") for doubt in doubts)))


def _doubts(model: Model, image: Image, row: npt.NDArray[Any]) -> Iterator[str]:
    """What speaks against the answer."""
    if image.blank:
        yield "there is no ink to be seen: expected a digit that stands out from its paper"
        return
    if model.ink_share is not None:
        low, high = model.ink_share
        share = float(image.x.mean())
        if not low <= share <= high:
            yield (
                f"it looks like nothing the model was trained on: {share:.0%} of it is ink, of the"
                f" images in training {low:.0%} to {high:.0%}"
            )
    best, second = (int(k) for k in row.argsort()[::-1][:2]) if len(row) > 1 else (0, 0)
    if row[best] < SURE:
        yield f"it looks like nothing the model was trained on: no output is above {SURE:g}"
    elif second != best and row[second] > row[best] / 2:
        yield f"not sure: it could be {second} ({row[second]:.4f})"


def _seen(pixels: npt.NDArray[Any]) -> str:
    """A picture in half blocks, two rows of pixels a line."""
    import numpy as np

    inked = np.pad(pixels > SURE, ((0, len(pixels) % 2), (0, 0)))
    blocks = " ▀▄█" if "utf" in (sys.stdout.encoding or "").lower() else ' "_#'
    lines = ("".join(blocks[u + 2 * v] for u, v in zip(*pair, strict=True))
             for pair in inked.reshape(-1, 2, pixels.shape[1]).astype(int))  # fmt: skip
    return "\n".join(f"  |{line}|" for line in lines)
