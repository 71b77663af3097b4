from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backprop.datasets.dataset import Dataset, DatasetError, scale_pixels
from backprop.datasets.sources import load
from tests.backprop.datasets.sets import arrays_of, assert_holds, fill

pytestmark = pytest.mark.usefixtures("cache")


def test_images_are_rows_of_read_only_bytes(tmp_path: Path) -> None:
    """Images stay bytes, in the file's order, and cannot be changed by accident."""
    arrays = arrays_of()
    dataset = load(data_dir=fill(tmp_path / "mine", arrays))
    assert_holds(dataset, arrays)
    assert not any(getattr(dataset, role).flags.writeable for role in arrays)


@pytest.mark.parametrize(
    "role", ["train_images", "train_labels", "test_images", "test_labels", None]
)
def test_a_checksum_tells_data_apart(role: str | None, tmp_path: Path) -> None:
    """Whichever part differs by whichever byte; equal data have equal ones."""
    one, other = arrays_of(), arrays_of()
    if role is not None:
        other[role].reshape(-1)[-1] ^= 1
    found = [load(data_dir=fill(tmp_path / n, a)).checksum for n, a in (("1", one), ("2", other))]
    assert (found[0] == found[1]) is (role is None)


def test_sizes_come_from_both_parts_and_peak_from_training(tmp_path: Path) -> None:
    """A label that only the test part has counts as a class; the peak is training's alone."""
    arrays = arrays_of()
    arrays["train_images"][:] = 1
    arrays["train_images"][2, 1, 1] = 77
    arrays["test_images"][:] = 200
    dataset = load(data_dir=fill(tmp_path / "mine", arrays))
    assert (dataset.features, dataset.classes, dataset.peak) == (12, 5, 77)
    assert dataset.image_shape == (3, 4)


def made(**changes: Any) -> Dataset:
    """A data set made by hand, of 3 and 2 images of 2 x 2 pixels."""
    ours: dict[str, Any] = {
        "train_images": np.full((3, 4), 7, np.uint8),
        "train_labels": np.zeros(3, np.uint8),
        "test_images": np.zeros((2, 4), np.uint8),
        "test_labels": np.ones(2, np.uint8),
    }
    return Dataset(name="mine", image_shape=(2, 2), source="hand", **(ours | changes))


def test_a_data_set_can_be_made_by_hand() -> None:
    """Black images to test on are no objection: all that is divided by is a pixel of training."""
    assert (made().features, made().classes, made().peak) == (4, 2, 7)


@pytest.mark.parametrize(
    ("role", "array", "message"),
    [
        ("train_labels", np.zeros(2, np.uint8), "expected 3 labels, one an image, of uint8, got"),
        ("test_labels", np.zeros(3, np.uint8), "expected 2 labels, one an image, of uint8, got"),
        ("test_labels", np.zeros(2), "got shape (2,) of float64; what is no bytes can be trained"),
        ("train_images", np.ones((0, 4), np.uint8), "at least one, of uint8, got shape (0, 4)"),
        ("test_images", np.ones((0, 4), np.uint8), "at least one, of uint8, got shape (0, 4)"),
        ("test_images", np.ones((2, 5), np.uint8), "expected images (n, 4), at least one, of"),
        ("train_images", np.ones((3, 2, 2), np.uint8), "got shape (3, 2, 2) of uint8"),
        ("train_images", np.full((3, 4), np.nan), "got shape (3, 4) of float64; what is no bytes"),
        ("train_images", np.full((3, 4), 0.5), "as arrays (x, y, x_test, y_test)"),
        ("train_images", [[1] * 4] * 3, "expected an array of uint8, got list; convert it"),
        ("test_labels", None, "expected an array of uint8, got NoneType"),
        ("train_images", np.zeros((3, 4), np.uint8), "expected a pixel above 0, got none in 3"),
    ],
)
def test_a_data_set_made_by_hand_is_looked_at(role: str, array: Any, message: str) -> None:
    """Counts, sizes, dtypes and empty parts, under the name of the array that is wrong."""
    with pytest.raises(DatasetError) as caught:
        made(**{role: array})
    assert str(caught.value).startswith(f"{role}: expected ")
    assert message in str(caught.value)


@given(st.integers(1, 255), st.sampled_from([np.float32, np.float64]), st.data())
def test_scaled_pixels_lie_between_0_and_1(peak: int, dtype: type, data: st.DataObject) -> None:
    """0 stays 0, the peak becomes exactly 1, and what lies between keeps its proportion."""
    pixels = np.array([0, peak, *data.draw(st.lists(st.integers(0, peak)))], np.uint8)
    before = pixels.copy()
    scaled = scale_pixels(pixels, peak, dtype)
    assert scaled.dtype == dtype
    assert (scaled[0], scaled[1]) == (0, 1)
    np.testing.assert_allclose(scaled, [pixel / peak for pixel in pixels.tolist()], rtol=1e-6)
    assert ((scaled >= 0) & (scaled <= 1)).all()
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize(
    ("peak", "dtype", "expected"),
    [
        (0, np.float32, "peak: expected a whole number of 1 or more, got 0"),
        (16, np.float16, "dtype: expected float32 or float64, got float16; choose one of them"),
        (16, np.uint8, "dtype: expected float32 or float64, got uint8; choose one of them"),
    ],
)
def test_a_scale_without_sense_is_refused(peak: int, dtype: type, expected: str) -> None:
    """Neither a division by 0 nor a dtype that cannot hold the quotient passes."""
    with pytest.raises(ValueError, match="expected") as caught:
        scale_pixels(np.zeros((2, 3), np.uint8), peak, dtype)
    assert str(caught.value) == expected
