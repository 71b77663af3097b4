import contextlib
import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from backprop import init_net
from backprop.training import model_file
from backprop.training.history import Epoch
from backprop.training.model_file import (
    FORMAT,
    Model,
    StorageError,
    checkpoint_path,
    load_model,
    require_same_run,
    save_model,
)

EPOCH = Epoch(epoch=1, loss=0.25, test_accuracy=0.5, audit="pass: all")


def example(**changes: Any) -> Model:
    """A model with something in every field."""
    net = init_net((4, 3, 2), activation=("relu", "sigmoid"), dtype=np.float32, seed=3)
    model = Model(
        net=net,
        dataset="mine",
        peak=16,
        image_shape=(2, 2),
        data_checksum="0badcafe",
        seed=7,
        seen=10,
        batch_size=5,
        learning_rate=0.125,
        history=(EPOCH,),
        certificate={"fingerprint": "abc"},
    )
    return replace(model, **changes)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_model_comes_back_as_it_was(tmp_path: Path, dtype: Any) -> None:
    """To the last bit, with all that is known about it, and ready to be trained on."""
    model = example(net=init_net((4, 3, 2), cost="cross-entropy", dtype=dtype))
    save_model(tmp_path / "m", model)
    found = load_model(tmp_path / "m")
    for one, other in zip(
        found.net.weights + found.net.biases, model.net.weights + model.net.biases, strict=True
    ):
        assert one.dtype == other.dtype
        assert one.tobytes() == other.tobytes()
        assert one.flags.writeable
    assert (found.net.activations, found.net.cost) == (model.net.activations, model.net.cost)
    assert found.net.samples == 0
    assert not any(dW.any() for dW in found.net.dW)
    for name in (
        *("dataset", "peak", "image_shape", "data_checksum"),
        *("seed", "batch_size", "history", "seen", "certificate"),
    ):
        assert getattr(found, name) == getattr(model, name)


def test_a_model_of_arrays_without_images_comes_back(tmp_path: Path) -> None:
    """Data set and image shape may be unknown, and the history without accuracies."""
    epoch = replace(EPOCH, test_accuracy=None, audit=None)
    save_model(tmp_path / "m", example(dataset=None, image_shape=None, history=(epoch,)))
    found = load_model(tmp_path / "m")
    assert (found.dataset, found.image_shape, found.history) == (None, None, (epoch,))


def test_the_file_is_plain_safetensors(tmp_path: Path) -> None:
    """Anyone's reader finds the tensors under the names of the text."""
    save_model(tmp_path / "m", example())
    tensors = load((tmp_path / "m").read_bytes())
    assert {name: t.shape for name, t in tensors.items()} == {
        "W1": (4, 3),
        "b1": (3,),
        "W2": (3, 2),
        "b2": (2,),
    }


def test_weights_that_are_not_contiguous_are_saved_right(tmp_path: Path) -> None:
    """A transposed view is written as what it reads like."""
    model = example()
    model.net.weights[0] = np.asfortranarray(model.net.weights[0])
    save_model(tmp_path / "m", model)
    assert np.array_equal(load_model(tmp_path / "m").net.weights[0], model.net.weights[0])


def test_equal_models_are_equal_files(tmp_path: Path) -> None:
    """Byte by byte, however often they are written."""
    found = set()
    for _ in range(5):
        save_model(tmp_path / "m", example())
        found.add((tmp_path / "m").read_bytes())
    assert len(found) == 1


def test_safetensors_of_others_are_no_models(tmp_path: Path) -> None:
    """Without our metadata, or with something else under its name."""
    path = tmp_path / "other"
    for metadata in (None, {}, {"format": "pt"}, {"geartrain": "[]"}):
        path.write_bytes(save({"W1": np.zeros((2, 2))}, metadata))
        with pytest.raises(StorageError, match=f"expected metadata with format '{FORMAT}', found"):
            load_model(path)
    path.write_bytes(save({"W1": np.zeros((2, 2))}, {"geartrain": "{"}))
    with pytest.raises(StorageError, match="expected a model in safetensors format"):
        load_model(path)


def test_nothing_of_the_clock_is_in_a_file(tmp_path: Path) -> None:
    """Equal runs write equal files, whenever and however fast."""
    for name, seconds, created in (("a", 0.1, "today"), ("b", 0.2, "tomorrow")):
        certificate = {"fingerprint": "abc", "created": created}
        history = (replace(EPOCH, seconds=seconds),)
        save_model(tmp_path / name, example(history=history, certificate=certificate))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    found = load_model(tmp_path / "a")
    assert found.history[0].seconds is None
    assert found.certificate == {"fingerprint": "abc"}


def test_the_checkpoint_lies_beside_the_model() -> None:
    """M's is M.checkpoint, whatever M ends in."""
    assert checkpoint_path("a/m.st") == Path("a/m.st.checkpoint")


def rewritten(path: Path, *, tensors: dict[str, Any] | None = None, **metadata: Any) -> None:
    """The model at `path` with other tensors or metadata, and a digest that goes with them.

    None takes an entry away.
    """
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    plain = {**json.loads(header["geartrain"]), **metadata}
    kept = {key: value for key, value in plain.items() if value is not None and key != "digest"}
    arrays = {**load(data), **(tensors or {})}
    kept["digest"] = metadata.get("digest", model_file._digest(kept, arrays))
    path.write_bytes(save(arrays, {"geartrain": json.dumps(kept)}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": None}, f"expected metadata with format '{FORMAT}', found none; name a file"),
        (
            {"digest": "0" * 64},
            "expected the digest .* damaged or edited; train again",
        ),
        ({"format": "geartrain-0"}, f"format '{FORMAT}', found 'geartrain-0'"),
        ({"shape": None}, "'shape' is missing"),
        ({"shape": [4, 3, 3]}, r"W2: expected shape \(3, 3\) of float32, got \(3, 2\)"),
        ({"shape": [4, 3, 2, 2]}, "activation: expected .* 3 layers"),
        ({"cost": "quadrotic"}, "cost: expected one of .*did you mean 'quadratic'"),
        ({"dtype": "float64"}, r"W1: expected shape \(4, 3\) of float64, got .* float32"),
        ({"dtype": "(" * 5000}, "expected the metadata and tensors of a model"),
        ({"dtype": "int8"}, "dtype: expected float32 or float64"),
        ({"peak": 0}, "peak: expected a whole number of 1 or more, got 0"),
        ({"history": [{"epoch": 1}]}, "missing"),
        ({"tensors": {"W3": np.zeros(1, np.float32)}}, "expected 4 tensors, got .*W3"),
        ({"tensors": {"b1": np.full(3, np.nan, np.float32)}}, "b1: expected finite numbers"),
    ],
)
def test_a_file_that_is_no_model_is_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    """The error names the file, what was expected, what was found, and what to do."""
    path = tmp_path / "model"
    save_model(path, example())
    rewritten(path, **change)
    with pytest.raises(StorageError, match=message) as caught:
        load_model(path)
    assert str(caught.value).startswith(f"{path}: expected ")
    assert "; " in str(caught.value)


@pytest.mark.parametrize(
    "data", [b"", b"not a model", b"\x89PNG\r\n\x1a\n" * 9, b"\xff" * 100, b"[]" * 50]
)
def test_bytes_of_another_kind_are_refused(tmp_path: Path, data: bytes) -> None:
    """Also by name, and without another kind of exception."""
    path = tmp_path / "other"
    path.write_bytes(data)
    with pytest.raises(StorageError, match="expected a model in safetensors format, found"):
        load_model(path)


def test_damage_anywhere_is_a_storage_error_or_harmless(tmp_path: Path) -> None:
    """A cut file is refused at every length, a flipped bit wherever it changes what is read."""
    path = tmp_path / "m"
    save_model(path, example())
    data, parameters = path.read_bytes(), example().net.parameters.values()
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        with pytest.raises(StorageError, match=str(path)):
            load_model(path)
    accepted = []
    for at, bit in product(range(len(data)), range(8)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])
        with contextlib.suppress(StorageError):
            accepted.append(load_model(path))
    for found in accepted:
        assert all(map(np.array_equal, found.net.parameters.values(), parameters))
        assert replace(found, net=example().net).history == example().history
    assert len(accepted) < len(data) / 10  # blanks that fill the header up


def test_a_flipped_bit_in_the_tensors_is_refused(tmp_path: Path) -> None:
    """Each of the last 92 bytes belongs to one: 23 numbers in float32."""
    path = tmp_path / "m"
    save_model(path, example())
    data = path.read_bytes()
    for at in range(len(data) - 92, len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(StorageError, match=r"damaged or edited"):
            load_model(path)


def test_a_file_without_a_digest_is_read_with_a_word(tmp_path: Path) -> None:
    """Of the format before it."""
    path = tmp_path / "m"
    save_model(path, example())
    rewritten(path, format="geartrain-1", digest="")
    with pytest.warns(UserWarning, match="damage may not show; `backprop train --resume`"):
        assert load_model(path).history == example().history


def test_metadata_nested_beyond_measure_is_refused(tmp_path: Path) -> None:
    """Python's reader of JSON gives up on it with an error of its own."""
    path = tmp_path / "deep"
    path.write_bytes(save({"W1": np.zeros(1)}, {"geartrain": "[" * 200_000}))
    with pytest.raises(StorageError, match="expected a model in safetensors format"):
        load_model(path)


def test_a_device_is_not_read() -> None:
    """It may have no end."""
    with pytest.raises(StorageError, match="/dev/zero: expected a model file, found: a device"):
        load_model("/dev/zero")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """Without advice to write a model where there is a folder."""
    for path, found in ((tmp_path / "nowhere", "no such file"), (tmp_path, "Is a directory")):
        with pytest.raises(StorageError) as caught:
            load_model(path)
        assert str(caught.value) == (
            f"{path}: expected a model file, found: {found};"
            " name a file that `backprop train --save` has written"
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"net": init_net((4, 2), dtype=np.float32)}, "with shape 4-2, found 4-3-2"),
        ({"dataset": "mnist"}, "with dataset mnist, found mine"),
        ({"data_checksum": "0badbeef"}, "with data_checksum 0badbeef, found 0badcafe"),
        ({"peak": 255}, "with peak 255, found 16"),
        ({"image_shape": (1, 4)}, "with image_shape 1-4, found 2-2"),
        ({"seed": 8}, "with seed 8, found 7"),
        ({"batch_size": 6}, "with batch_size 6, found 5"),
        (
            {"net": init_net((4, 3, 2), activation=("tanh", "sigmoid"), dtype=np.float32)},
            "with activations tanh, sigmoid, found relu, sigmoid",
        ),
        (
            {"net": init_net((4, 3, 2), activation=("relu", "sigmoid"))},
            "with dtype float64, found float32",
        ),
        (
            {"net": init_net((4, 3, 2), activation="relu", cost="cross-entropy", dtype=np.float32)},
            "with cost cross-entropy, found quadratic",
        ),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(changes: dict[str, Any], message: str) -> None:
    """Going on from it would not end in the same bits."""
    with pytest.raises(StorageError, match=f"m.checkpoint: expected a checkpoint {message}; give"):
        require_same_run("m.checkpoint", example(), example(**changes))


def test_a_checkpoint_of_the_same_run_is_taken() -> None:
    """Whatever its weights, history and certificate are by now."""
    net = init_net((4, 3, 2), activation=("relu", "sigmoid"), dtype=np.float32, seed=9)
    require_same_run("m", example(), example(net=net, history=(), certificate={}))
