"""Models and checkpoints on disk: the end of the way, and the place to take it up again.

A file holds one `Model`: safetensors with the tensors W1, b1, …, WL, bL, and everything else in
its metadata, with a digest over both. Nothing of the clock is in it: equal runs write equal files.
A checkpoint is such a file, kept beside the model under `checkpoint_path`, and the one before it
under `before_path`.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from backprop import arguments
from backprop.activations import Array
from backprop.network import Network, zero_grad
from backprop.system import atomic_files
from backprop.training.history import Epoch

FORMAT = "geartrain-2"
_WITHOUT_DIGEST = "geartrain-1"
_REMEDY = "train again, or take another copy of the file"
_AGAIN = "`backprop train --resume` writes it anew"
# What a reader may raise at what was written with malice: nested or long beyond Python's limits.
_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, SyntaxError, RecursionError)
_OURS = "name a file that `backprop train --save` has written"


class StorageError(ValueError):
    """A file that is no model, or not the one that was expected."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """A network and how it came to be.

    Attributes
    ----------
    net
        The network, with empty accumulators.
    dataset
        The name of the data set it was trained on; None where there is none.
    peak
        What the training images' pixels were divided by.
    image_shape
        (rows, columns) of an image; None where the inputs are no images.
    ink_share
        Between which shares of full brightness nearly all training images are, on average over
        their pixels; None where they are no images, or in files from before it was kept.
    data_checksum
        The data set's `checksum`; empty where there is none.
    seed, batch_size, learning_rate
        What training was told; the rate may change when it is resumed, and each epoch has its own.
    history
        What each epoch came to.
    seen
        How many samples of the next epoch it has been trained on already, in that epoch's order.
    certificate
        The certificate that training was permitted by, as plain values.
    """

    net: Network
    dataset: str | None = None
    peak: int = 1
    image_shape: tuple[int, int] | None = None
    ink_share: tuple[float, float] | None = None
    data_checksum: str = ""
    seed: int = 0
    batch_size: int = 20
    learning_rate: float = 5.0
    history: tuple[Epoch, ...] = ()
    seen: int = 0
    certificate: Mapping[str, Any] = field(default_factory=dict)


# What a resumed run has to have in common with its checkpoint: with the same learning rate, it
# then ends in the same bits.
_SAME = (
    *("shape", "activations", "cost", "dtype", "dataset", "data_checksum", "peak", "image_shape"),
    *("seed", "batch_size"),
)


def checkpoint_path(path: str | os.PathLike[str]) -> Path:
    """Where the checkpoint of the model at `path` is kept."""
    return Path(f"{os.fspath(path)}.checkpoint")


def before_path(checkpoint: str | os.PathLike[str]) -> Path:
    """Where the checkpoint before the one at `checkpoint` is kept."""
    return Path(f"{os.fspath(checkpoint)}.before")


def save_model(
    path: str | os.PathLike[str], model: Model, *, before: str | os.PathLike[str] | None = None
) -> None:
    """Write a model, whole or not at all; the old file is kept at `before`, if that is given.

    Raises
    ------
    OSError
        Where the file cannot be written; its `filename` is `path`.
    """
    from safetensors.numpy import save

    tensors = {name: np.ascontiguousarray(array) for name, array in model.net.parameters.items()}
    # One entry: safetensors writes several in any order, and equal models should be equal files.
    plain = {"format": FORMAT, **_timeless(plain_values(model))}
    metadata = {"geartrain": json.dumps({**plain, "digest": _digest(plain, tensors)})}
    atomic_files.write(path, save(tensors, metadata), before=before)


def load_model(path: str | os.PathLike[str]) -> Model:
    """Read a model.

    Raises
    ------
    StorageError
        Where there is no such file, or it is damaged or holds something else; it names the file,
        what was expected and what was found.

    Warns
    -----
    UserWarning
        Where the file was written before models had a digest, so that damage may not show.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = Path(path)
    data = _bytes(path)
    try:
        tensors = load(data)
        plain = _metadata(data)
    except (SafetensorError, *_MALFORMED) as error:
        raise StorageError(
            f"{path}: expected a model in safetensors format, found {len(data)} bytes that are"
            f" none ({error}); {_REMEDY}"
        ) from None
    found = plain.get("format")
    if found not in (FORMAT, _WITHOUT_DIGEST):
        raise StorageError(
            f"{path}: expected metadata with format {FORMAT!r}, found"
            f" {'none' if found is None else repr(found)}; {_OURS}"
        )
    digest = plain.pop("digest", None)
    if found == _WITHOUT_DIGEST:
        warnings.warn(
            f"{path}: written before models had a digest, so damage may not show; {_AGAIN}",
            stacklevel=2,
        )
    elif digest != _digest(plain, tensors):
        raise StorageError(
            f"{path}: expected the digest of its metadata and tensors, found another: the file was"
            f" damaged or edited; {_REMEDY}"
        )
    try:
        return _model(plain, tensors)
    except _MALFORMED as error:
        raise StorageError(
            f"{path}: expected the metadata and tensors of a model, found otherwise"
            f" ({_reason(error)}); {_REMEDY}"
        ) from None


def require_same_run(path: str | os.PathLike[str], saved: Model, wanted: Model) -> None:
    """Raise a StorageError unless training `wanted` can go on from `saved`, read from `path`."""
    before, now = plain_values(saved), plain_values(wanted)
    for name in _SAME:
        if before[name] != now[name]:
            raise StorageError(
                f"{os.fspath(path)}: expected a checkpoint with {name} {_short(now[name])}, found"
                f" {_short(before[name])}; give the same options and data as before, or"
                " --restart instead of --resume to start anew"
            )


def plain_values(model: Model) -> dict[str, Any]:
    """All but the tensors, as JSON's own kinds."""
    net, image_shape = model.net, model.image_shape
    return {
        "shape": list(net.shape),
        "activations": list(net.activations),
        "cost": net.cost,
        "dtype": str(net.dtype),
        "dataset": model.dataset,
        "peak": model.peak,
        "image_shape": None if image_shape is None else list(image_shape),
        "ink_share": None if model.ink_share is None else list(model.ink_share),
        "data_checksum": model.data_checksum,
        "seed": model.seed,
        "batch_size": model.batch_size,
        "learning_rate": model.learning_rate,
        "history": [_kept(epoch) for epoch in model.history],
        "seen": model.seen,
        "certificate": dict(model.certificate),
    }


def _timeless(plain: dict[str, Any]) -> dict[str, Any]:
    """The same without what the clock said."""
    history = [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in plain["history"]]
    certificate = {k: v for k, v in plain["certificate"].items() if k != "created"}
    return {**plain, "history": history, "certificate": certificate}


def _kept(epoch: Epoch) -> dict[str, Any]:
    """All but the note, which a run that was interrupted and resumed would make at other epochs."""
    return {name: value for name, value in asdict(epoch).items() if name != "note"}


def _model(plain: dict[str, Any], tensors: dict[str, Array]) -> Model:
    shape = arguments.shape(plain["shape"])
    activations, cost = arguments.activations(
        plain["activations"], plain["cost"], layers=len(shape) - 1
    )
    net = Network(weights=[], biases=[], activations=activations, cost=cost)
    for l, size in enumerate(pairwise(shape), start=1):
        net.weights.append(_tensor(tensors, f"W{l}", size, plain["dtype"]))
        net.biases.append(_tensor(tensors, f"b{l}", size[1:], plain["dtype"]))
    if len(tensors) != 2 * len(net.weights):
        raise ValueError(f"expected {2 * len(net.weights)} tensors, got {', '.join(tensors)}")
    zero_grad(net)
    image_shape = plain["image_shape"]
    return Model(
        net=net,
        dataset=plain["dataset"],
        peak=arguments.whole("peak", plain["peak"], least=1),
        image_shape=None if image_shape is None else _pair(image_shape),
        ink_share=_share(plain.get("ink_share")),
        data_checksum=str(plain["data_checksum"]),
        seed=arguments.whole("seed", plain["seed"], least=0),
        batch_size=arguments.whole("batch_size", plain["batch_size"], least=1),
        learning_rate=arguments.positive("learning_rate", plain["learning_rate"]),
        history=tuple(Epoch(**epoch) for epoch in plain["history"]),
        seen=arguments.whole("seen", plain.get("seen", 0), least=0),
        certificate=dict(plain["certificate"]),
    )


def _tensor(tensors: dict[str, Array], name: str, shape: tuple[int, ...], dtype: str) -> Array:
    array = tensors[name]
    if array.shape != shape or array.dtype != arguments.parameter_dtype(dtype):
        raise ValueError(
            f"{name}: expected shape {shape} of {dtype}, got {array.shape} of {array.dtype}"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite numbers, got NaN or infinity")
    return array.copy()


def _share(values: list[Any] | None) -> tuple[float, float] | None:
    if values is None:
        return None
    low, high = map(float, values)
    return low, high


def _pair(values: list[Any]) -> tuple[int, int]:
    rows, columns = (arguments.whole("image_shape", value, least=1) for value in values)
    return rows, columns


def _metadata(data: bytes) -> dict[str, Any]:
    """Our metadata, in safetensors' header: its length in eight bytes, then JSON."""
    length = int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
    return dict(json.loads(metadata.get("geartrain", "{}")))


def _digest(plain: dict[str, Any], tensors: Mapping[str, Array]) -> str:
    """SHA-256 of all that a file says: its metadata, and each tensor with name, dtype and shape."""
    total = hashlib.sha256(json.dumps(plain, sort_keys=True).encode())
    for name, array in sorted(tensors.items()):
        total.update(f"\n{name} {array.dtype} {array.shape} ".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def _bytes(path: Path) -> bytes:
    try:
        if stat.S_ISCHR(path.stat().st_mode):
            raise StorageError(f"{path}: expected a model file, found: a device; {_OURS}")
        return path.read_bytes()
    except OSError as error:
        found = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise StorageError(f"{path}: expected a model file, found: {found}; {_OURS}") from None


def _reason(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _short(value: Any) -> str:
    if isinstance(value, list):
        return (
            "-".join(map(str, value)) if value and isinstance(value[0], int) else ", ".join(value)
        )
    return str(value)
