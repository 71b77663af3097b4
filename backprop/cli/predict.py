"""The command `backprop predict`: what a trained model takes images for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import click

from backprop.cli.common import json_option, require_places
from backprop.system.json_output import write_json
from backprop.system.terminal import Command, show


@click.command(cls=Command)
@click.argument("model_path", metavar="MODEL", type=click.Path())
@click.argument("images", metavar="IMAGE…", nargs=-1, required=True, type=click.Path())
@json_option
def predict(model_path: str, images: Sequence[str], json_path: str | None) -> None:
    """Say what MODEL takes every IMAGE for.

    An IMAGE is a picture (PNG, JPEG, BMP, GIF, WebP or PGM) of the size the model was trained on,
    turned into greys with white as 1; or an IDX file with any number of images, plain or gzipped.
    MNIST and the digits are white on black.
    """
    import numpy as np

    from backprop.datasets.images import read_images
    from backprop.passes import forward
    from backprop.training.model_file import load_model

    require_places(None, json_path, resume=False)
    model = load_model(model_path)
    read = partial(
        read_images,
        image_shape=model.image_shape,
        n_in=model.net.shape[0],
        peak=model.peak,
        dtype=model.net.dtype,
    )
    named = [pair for path in images for pair in read(path)]
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
